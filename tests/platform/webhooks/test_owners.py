"""An endpoint is sent what whoever it belongs to may see at that moment, and forgets the erased."""

import asyncio

import pytest

from support.members import custom_role, member
from support.receivers import receiving
from support.waiting import patiently

OWN = dict.fromkeys(("read", "create", "update", "delete"), "own")


async def people_of(client, owner, *names):
    for name in names:
        await client.made("contacts", {"last_name": name, "owner_id": owner})


def names_of(receiver):
    return sorted(got.event["data"]["last_name"] for got in receiver.got)


@pytest.fixture
async def rep(client):
    """Somebody who sees their own records without the dates of birth, and may set things up."""
    role = await custom_role(
        client,
        levels={"*": OWN},
        permissions=["manage_settings"],
        masks={"contact": {"hidden": ["birth_date"]}},
    )
    return await member(client, role)


async def state_of(client, hook):
    async for _ in patiently():
        found = await client.read(f"webhooks/{hook['id']}")
        if found["status"] == "disabled":
            break
    return found["disabled_reason"]


@pytest.mark.usefixtures("worker")
async def test_it_tells_of_the_owners_records_alone(client, rep):
    async with receiving() as receiver:
        await rep.api.made("webhooks", {"url": receiver.url, "topics": ["contact.created"]})
        await people_of(client, None, "Hidden")
        await client.made(
            "contacts", {"last_name": "Mine", "owner_id": rep.id, "birth_date": "1990-01-02"}
        )
        await people_of(client, None, "Hidden")
        await people_of(client, rep.id, "Other")
        await receiver.have(2)
        await asyncio.sleep(1)
    assert names_of(receiver) == ["Mine", "Other"]
    assert all("birth_date" not in got.event["data"] for got in receiver.got)


@pytest.mark.usefixtures("worker")
async def test_what_waits_is_looked_at_again(client, rep):
    """What was taken away meanwhile is not sent with a later attempt."""
    async with receiving() as receiver:
        receiver.answer = lambda _: 500
        hook = await rep.api.made("webhooks", {"url": receiver.url, "topics": ["contact.created"]})
        made = await client.made("contacts", {"last_name": "Mine", "owner_id": rep.id})
        await receiver.have(1)
        await client.changed(f"contacts/{made['id']}", {"owner_id": None})
        async for _ in patiently():
            page = await client.read(f"webhooks/{hook['id']}/deliveries")
            if page["data"][0]["status"] == "failed":
                break
    assert page["data"][0]["last_error"] == "event_gone"
    assert len(receiver.got) == 1


async def leave(client, rep):
    assert (await client.delete(f"/v1/users/{rep.id}")).status_code == 204


async def lose_the_role(client, rep):
    found = await client.read("role-assignments", **{"filter[user_id]": rep.id})
    for given in found["data"]:
        assert (await client.delete(f"/v1/role-assignments/{given['id']}")).status_code == 204


@pytest.mark.parametrize("end", [leave, lose_the_role])
@pytest.mark.usefixtures("worker")
async def test_it_ends_with_the_rights_of_its_owner(client, rep, end):
    async with receiving() as receiver:
        hook = await rep.api.made("webhooks", {"url": receiver.url, "topics": ["contact.*"]})
        made = await client.made("contacts", {"last_name": "Before", "owner_id": rep.id})
        await receiver.have(1)
        await end(client, rep)
        await client.changed(f"contacts/{made['id']}", {"last_name": "After"})
        assert await state_of(client, hook) == "rights_lost"
    assert names_of(receiver) == ["Before"]
    history = await client.read(f"webhooks/{hook['id']}/history")
    assert history["data"][0]["type"] == "webhook.disabled"


@pytest.mark.usefixtures("worker")
async def test_what_is_watched_is_read_by_whoever_it_is_sent_for(client):
    watched = {"reads": [{"entity": "contact", "fields": ["birth_date"]}]}
    answer = await client.put("/v1/audit/settings", json=watched)
    assert answer.status_code == 200, answer.text
    topics = {"topics": ["contact.created"]}
    async with receiving() as full, receiving() as thin:
        await client.made("webhooks", {"url": full.url, **topics})
        await client.made("webhooks", {"url": thin.url, "payload": "thin", **topics})
        made = await client.made("contacts", {"last_name": "A", "birth_date": "1990-01-02"})
        await full.have(1)
        await thin.have(1)
    assert "data" not in thin.got[0].event
    found = (await client.read("audit", **{"filter[type]": "contact.read"}))["data"]
    read = [event["data"]["ids"] for event in found if event["request_id"] is None]
    assert read == [[made["id"]]]


@pytest.mark.usefixtures("worker")
async def test_answers_about_the_erased_are_wiped(client, owner):
    async with receiving() as receiver:
        receiver.answer = lambda got: (200, {}, got.body)
        hook = await client.made("webhooks", {"url": receiver.url, "topics": ["contact.created"]})
        made = [
            (await client.made("contacts", {"last_name": name}))["id"]
            for name in ("Quillfeather", "Staying")
        ]
        await receiver.have(2)
        answers = "SELECT answer FROM webhook_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id WHERE d.webhook_id = $1 ORDER BY d.seq"
        async for _ in patiently():
            kept = [row[0] for row in await owner.fetch(answers, hook["id"])]
            if len(kept) == 2:
                break
        assert ["Quillfeather" in kept[0], "Staying" in kept[1]] == [True, True]
        body = {"kind": "erasure", "record_id": made[0]}
        request = await client.made("subject-requests", body)
        path = f"/v1/subject-requests/{request['id']}"
        said = {"verification": "Saw the passport"}
        assert (await client.post(f"{path}/verify", json=said)).status_code == 200
        started = await client.post(f"{path}/start")
        await client.ended(started.json()["job_id"])
        kept = [row[0] for row in await owner.fetch(answers, hook["id"])]
        assert kept[0] == ""
        assert "Staying" in kept[1]
        report = (await client.read(f"subject-requests/{request['id']}"))["report"]
        assert report["records"]["webhooks"] == 1
