"""Comments: on records of any kind, by whoever sees them, with mentions that name members."""

import asyncio

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member, new_user

OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}


@pytest.fixture
async def contact(client):
    return await client.made("contacts", {"last_name": "Person"})


def on(record, target="contact", **more):
    return {"target": target, "record_id": record["id"], "body": "Please call back.", **more}


async def test_mentions_are_kept_apart_from_the_words(client, contact):
    user = await new_user(client)
    team = await client.made("teams", {"name": "Example Team"})
    body = f"@[user:{user}] and @[team:{team['id']}], @[user:{user.upper()}] once more"
    made = await client.made("comments", on(contact, body=body))
    assert made["mentions"] == [f"user:{user}", f"team:{team['id']}"]
    assert (made["body"], made["edited_at"], made["author_id"]) == (body, None, None)
    found = await client.read("comments", **{"filter[mentions][has]": f"user:{user}"})
    assert [one["id"] for one in found["data"]] == [made["id"]]
    changed = await client.changed(f"comments/{made['id']}", {"body": "Nobody."})
    assert changed["mentions"] == []
    assert changed["edited_at"] is not None
    pinned = await client.changed(f"comments/{made['id']}", {"is_pinned": True})
    assert pinned["edited_at"] == changed["edited_at"]


async def test_a_mention_names_a_member(client, other, contact):
    foreign = await new_user(other)
    gone = await new_user(client)
    await client.delete(f"/v1/users/{gone}")
    for name, code in (
        (f"user:{foreign}", "unknown_reference"),
        (f"user:{gone}", "unknown_reference"),
        (f"team:{foreign}", "unknown_reference"),
        ("user:example", "invalid_mention"),
        (f"role:{gone}", "invalid_mention"),
    ):
        answer = await client.post("/v1/comments", json=on(contact, body=f"Hello @[{name}]"))
        found = problem(answer, 422)
        assert (pointers(found), found["errors"][0]["code"]) == (["/body"], code), name
    ids = " ".join(f"@[user:01990000-0000-7000-8000-{n:012d}]" for n in range(51))
    found = problem(await client.post("/v1/comments", json=on(contact, body=ids)), 422)
    assert found["errors"][0]["code"] == "too_many_mentions"


async def test_whoever_was_mentioned_may_be_gone_by_the_next_change(client, contact):
    user = await new_user(client)
    made = await client.made("comments", on(contact, body=f"@[user:{user}]"))
    await client.delete(f"/v1/users/{user}")
    changed = await client.changed(f"comments/{made['id']}", {"body": f"@[user:{user}] it was."})
    assert changed["mentions"] == [f"user:{user}"]


async def test_answers_stand_one_level_below(client, contact):
    said = await client.made("comments", on(contact))
    answer = await client.made("comments", on(contact, parent_id=said["id"]))
    deeper = await client.post("/v1/comments", json=on(contact, parent_id=answer["id"]))
    assert problem(deeper, 422)["errors"][0]["code"] == "too_deep"
    company = await client.made("companies", {"name": "Example"})
    elsewhere = on(company, "company", parent_id=said["id"])
    found = problem(await client.post("/v1/comments", json=elsewhere), 422)
    assert (found["errors"][0]["code"], pointers(found)) == ("other_record", ["/parent_id"])
    data = await client.data(
        "query($id: UUID!) { comment(id: $id) { replies { nodes { body parent { id } } } } }",
        id=said["id"],
    )
    assert data["comment"]["replies"]["nodes"] == [
        {"body": answer["body"], "parent": {"id": said["id"]}}
    ]


async def test_comments_are_on_any_record_there_is(client, contact):
    await client.made(
        "custom-objects", {"key": "vessel", "label": "Vessel", "plural_label": "Vessels"}
    )
    vessel = (await client.post("/v1/objects/vessel", json={"name": "Example"})).json()
    user = {"id": await new_user(client)}
    for target, record in (("vessel", vessel), ("user", user), ("contact", contact)):
        made = await client.made("comments", on(record, target))
        listed = await client.read("comments", **{"filter[record_id]": record["id"]})
        assert [one["id"] for one in listed["data"]] == [made["id"]]
    for target, code in (("comment", "not_a_choice"), ("nothing", "not_a_choice")):
        found = problem(await client.post("/v1/comments", json=on(contact, target)), 422)
        assert (found["errors"][0]["code"], pointers(found)) == (code, ["/target"])
    wrong = await client.post("/v1/comments", json=on(contact, "company"))
    assert pointers(problem(wrong, 422)) == ["/record_id"]


async def test_whoever_sees_the_record_sees_what_is_said_of_it(client):
    role = await custom_role(client, levels={"*": OWN})
    one, stranger = await member(client, role), await member(client, role)
    mine = await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    said = await client.made("comments", on(mine))
    assert (await one.api.read(f"comments/{said['id']}"))["id"] == said["id"]
    assert [c["id"] for c in (await one.api.read("comments"))["data"]] == [said["id"]]
    problem(await stranger.api.get(f"/v1/comments/{said['id']}"), 404)
    assert (await stranger.api.read("comments"))["data"] == []
    answer = await stranger.api.post("/v1/comments", json=on(mine))
    assert pointers(problem(answer, 422)) == ["/record_id"]
    # Of others one sees but does not change the words.
    answer = await one.api.patch(f"/v1/comments/{said['id']}", json={"body": "Changed"})
    problem(answer, 403, "missing_right")
    own = await one.api.made("comments", on(mine))
    assert own["author_id"] == own["owner_id"] == one.id
    await one.api.changed(f"comments/{own['id']}", {"body": "Changed"})
    assert (await one.api.delete(f"/v1/comments/{own['id']}")).status_code == 204
    await client.changed(f"contacts/{mine['id']}", {"owner_id": stranger.id})
    assert (await one.api.read("comments", deleted="include"))["data"] == []


async def test_a_merge_takes_comments_along_and_gives_them_back(client):
    winner, loser = [await client.made("contacts", {"last_name": "Person"}) for _ in "ab"]
    said = await client.made("comments", on(loser))
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.status_code in {200, 201}, answer.text
    assert (await client.read(f"comments/{said['id']}"))["record_id"] == winner["id"]
    merge = answer.json().get("merge", answer.json())
    undone = await client.post(f"/v1/merges/{merge['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert (await client.read(f"comments/{said['id']}"))["record_id"] == loser["id"]


async def test_comments_end_with_their_record(client, owner, org):
    word = "zzsecret"
    contact = await client.made("contacts", {"last_name": "Person"})
    said = await client.made("comments", on(contact, body=word))
    await client.made("comments", on(contact, body=word, parent_id=said["id"]))
    answer = await client.delete(f"/v1/contacts/{contact['id']}", params={"purge": "true"})
    assert answer.status_code == 204
    problem(await client.get(f"/v1/comments/{said['id']}"), 404)
    for table, column in (("comments", "body"), ("events", "data::text")):
        sql = f"SELECT count(*) FROM {table} WHERE organization_id = $1 AND {column} LIKE $2"
        assert await owner.fetchval(sql, org.id, f"%{word}%") == 0, table


async def test_nobody_answers_what_is_purged_meanwhile(client):
    for _ in range(5):
        contact = await client.made("contacts", {"last_name": "Person"})
        purge = client.delete(f"/v1/contacts/{contact['id']}", params={"purge": "true"})
        saying = (client.post("/v1/comments", json=on(contact)) for _ in range(5))
        gone, *said = await asyncio.gather(purge, *saying)
        assert gone.status_code == 204
        # On a busy machine somebody may have waited too long for the lock.
        assert {answer.status_code for answer in said} <= {201, 422, 503}
        left = await client.read("comments", **{"filter[record_id]": contact["id"]})
        assert left["data"] == []
