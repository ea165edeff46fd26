"""Whoever reaches a lead of theirs has responded; what does not reach it is no response."""

import asyncio

import pytest

from support.leads import captured, give_all, pool_of, rule_of, users_of

HOUR_AGO = "2020-01-01T10:00:00Z"


@pytest.fixture
async def given(client, database, org):
    """A lead of somebody who is to respond, and who that is."""
    (user, other) = await users_of(client, 2)
    pool = await pool_of(client, {user: 1}, response_minutes=60)
    await rule_of(client, pool)
    contact = await client.made("contacts", {"last_name": "Person", "email": "it@example.com"})
    (lead,) = await captured(client, 1, email="it@example.com")
    await give_all(database, org)
    return lead, user, other, contact


async def done(client, lead, owner, **more):
    body = {
        "kind": "call",
        "subject": "First call",
        "status": "completed",
        "owner_id": owner,
        "links": [{"target": "lead", "record_id": lead["id"]}],
        **more,
    }
    return await client.made("activities", body)


async def test_a_call_of_the_owner_is_a_response(client, given):
    lead, user, _, _ = given
    before = await client.read(f"leads/{lead['id']}")
    assert (before["status"], before["owner_id"], before["respond_by"] is not None) == (
        *("assigned", user),
        True,
    )
    await done(client, lead, user)
    after = await client.read(f"leads/{lead['id']}")
    assert (after["status"], after["responded_at"] is not None) == ("working", True)
    (had,) = (await client.read(f"leads/{lead['id']}/assignments"))["data"]
    assert (had["responded_at"], had["ended_at"]) == (after["responded_at"], None)
    assert (await client.told(lead["id"], 3))[-1]["type"] == "lead.accepted"


async def test_a_mail_to_whom_it_may_be_is_a_response(client, given):
    lead, user, _, contact = given
    planned = await done(
        client, lead, user, kind="email", status="planned", links=[], contact_id=contact["id"]
    )
    assert (await client.read(f"leads/{lead['id']}"))["status"] == "assigned"
    answer = await client.post(f"/v1/activities/{planned['id']}/complete")
    assert answer.status_code == 200, answer.text
    assert (await client.read(f"leads/{lead['id']}"))["status"] == "working"


async def test_what_does_not_reach_it_is_none(client, given):
    lead, user, other, _ = given
    await done(client, lead, other)
    stranger = await client.made("contacts", {"last_name": "Somebody else"})
    for more in (
        {"kind": "note"},
        {"direction": "inbound"},
        {"is_internal": True},
        {"status": "planned"},
        {"starts_at": HOUR_AGO},
        {"links": [], "contact_id": stranger["id"]},
    ):
        await done(client, lead, user, **more)
        assert (await client.read(f"leads/{lead['id']}"))["status"] == "assigned", more


async def test_of_many_calls_at_once_one_is_the_response(client, given):
    lead, user, _, _ = given
    await asyncio.gather(*(done(client, lead, user) for _ in range(8)))
    told = await client.told(lead["id"], 3)
    assert [event["type"] for event in told].count("lead.accepted") == 1
