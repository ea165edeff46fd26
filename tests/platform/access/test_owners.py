"""Whose records may become: users of the organization who are let in."""

import pytest

from support.clients import pointers, problem
from support.foreign import ABSENT
from support.members import member, new_user

NAME = {"last_name": "Person"}


@pytest.fixture(params=["suspended", "removed"])
def leaves(client, owner, request):
    """Has a user be let in no more."""

    async def leave(user):
        if request.param == "removed":
            assert (await client.delete(f"/v1/users/{user}")).status_code == 204
        else:
            await owner.execute("UPDATE users SET status = 'suspended' WHERE id = $1", user)

    return leave


@pytest.fixture
async def gone(client, leaves):
    """A user who is not let in any more, and a record that was theirs before."""
    user = await new_user(client)
    contact = await client.made("contacts", {**NAME, "owner_id": user})
    await leaves(user)
    return user, contact


def refused(answer, at="/owner_id"):
    found = problem(answer, 422)
    assert [(fault["pointer"], fault["code"]) for fault in found["errors"]] == [
        (at, "unknown_reference")
    ]


async def test_who_is_gone_keeps_records_and_gets_none(client, gone):
    user, contact = gone
    path = f"/v1/contacts/{contact['id']}"
    same = await client.changed(path.removeprefix("/v1/"), {"title": "CEO", "owner_id": user})
    assert (same["owner_id"], same["title"]) == (user, "CEO")
    assert (await client.delete(path)).status_code == 204
    assert (await client.post(f"{path}/restore")).json()["owner_id"] == user
    refused(await client.post("/v1/contacts", json={**NAME, "owner_id": user}))
    other = await client.made("contacts", NAME)
    refused(await client.patch(f"/v1/contacts/{other['id']}", json={"owner_id": user}))


async def test_what_follows_from_a_record_has_its_owner(client, gone, leaves):
    user, _ = gone
    deal = await client.made("deals", {"name": "Office"})
    owner = await new_user(client)
    lead = await client.made("leads", {"last_name": "Person", "owner_id": owner})
    await client.changed(f"deals/{deal['id']}", {"owner_id": owner})
    await leaves(owner)
    body = {"deal": {"name": "Office"}}
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json=body)
    assert answer.is_success, answer.text
    made = await client.read(f"contacts/{answer.json()['contact_id']}")
    assert made["owner_id"] == owner
    copied = await client.post(f"/v1/deals/{deal['id']}/clone")
    assert copied.is_success, copied.text
    assert copied.json()["owner_id"] == owner
    split = {"parts": [{"name": "Part", "amount": "1", "owner_id": user}]}
    await client.changed(f"deals/{deal['id']}", {"amount": "10"})
    refused(await client.post(f"/v1/deals/{deal['id']}/split", json=split), "/parts/0/owner_id")
    del split["parts"][0]["owner_id"]
    answer = await client.post(f"/v1/deals/{deal['id']}/split", json=split)
    assert answer.json()["parts"][0]["owner_id"] == owner


async def test_one_statement_finds_out_about_the_owners_of_many(client, statements):
    owners = [await new_user(client) for _ in range(3)]
    items = [{**NAME, "owner_id": owners[n % 3]} for n in range(30)]
    asked = []
    for body in ([{**NAME} for _ in range(30)], items):
        async with statements() as sent:
            answer = await client.post("/v1/contacts/bulk", json={"items": body})
        assert answer.status_code == 200, answer.text
        asked.append(len(sent))
    assert asked[1] == asked[0] + 1
    ids = [result["id"] for result in answer.json()["results"]]
    items = [{"id": id, "patch": {"owner_id": owners[n % 2]}} for n, id in enumerate(ids)]
    async with statements() as sent:
        answer = await client.post("/v1/contacts/bulk", json={"op": "update", "items": items})
    assert answer.status_code == 200, answer.text
    assert sum("FROM users" in sql for sql in sent.work) == 1


async def test_what_is_one_s_own_takes_no_statement_more(client, statements):
    one = await member(client, "admin")
    await one.api.made("contacts", NAME)
    for body in (NAME, {**NAME, "owner_id": one.id}):
        async with statements() as sent:
            assert (await one.api.made("contacts", body))["owner_id"] == one.id
        assert len(sent) == 1, sent


async def test_some_of_many_are_refused(client):
    owner = await new_user(client)
    bodies = [{**NAME, "owner_id": id} for id in (owner, ABSENT, owner)]
    answer = await client.post("/v1/contacts/bulk?on_error=skip", json={"items": bodies})
    first, second, third = answer.json()["results"]
    assert (first["result"], third["result"]) == ("created", "created")
    assert pointers(second["problem"]) == ["/items/1/owner_id"]
    operations = [
        {"op": "create", "entity": "user", "name": "new", "data": {"email": "new@example.com",
         "name": "New"}},
        {"op": "create", "entity": "contact", "data": {**NAME, "owner_id": {"$ref": "new.id"}}},
        {"op": "create", "entity": "contact", "data": {**NAME, "owner_id": ABSENT}},
    ]  # fmt: skip
    batch = {"atomic": False, "operations": operations}
    results = (await client.post("/v1/batch", json=batch)).json()["results"]
    assert [result["result"] for result in results] == ["created", "created", "failed"]
    assert pointers(results[2]["problem"]) == ["/operations/2/data/owner_id"]
    change = {"action": "update", "filter": {}, "patch": {"owner_id": ABSENT}}
    refused(await client.post("/v1/contacts/bulk/by-filter", json=change), "/patch/owner_id")
