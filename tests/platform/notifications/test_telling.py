"""Who is told what: each once, never who did it, and nothing that they do not see."""

import asyncio
import signal
from uuid import UUID

import pytest

from crm_api.kit.db.tx import unit_of_work
from support.clients import problem
from support.inboxes import inbox, told
from support.members import custom_role, key_for, member, team
from support.receivers import receiving
from support.waiting import patiently

OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}


@pytest.fixture
async def one(client):
    return await member(client, "admin")


@pytest.fixture
async def two(client):
    return await member(client, "admin")


def on(record, body="Please call back.", target="contact"):
    return {"target": target, "record_id": record["id"], "body": body}


async def test_mentions_comments_and_changes_reach_who_follows(client, worker, one, two):
    third = await member(client, "admin")
    of_team = await team(client, third)
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    said = await two.api.made(
        "comments", on(contact, f"@[user:{two.id}] @[team:{of_team}] **look**")
    )
    (mention,) = await inbox(third.api, 1)
    assert (mention["kind"], mention["type"]) == ("mention", "comment.created")
    assert mention["title"] == "Sample Member mentioned you in a comment on Person"
    assert mention["record"] == {
        "target": "contact",
        "id": contact["id"],
        "title": "Person",
        "path": f"/v1/contacts/{contact['id']}",
    }
    assert mention["actor"]["name"] == "Sample Member"
    assert mention["comment_id"] == said["id"]
    assert mention["text"] == "@Sample Member @Example Team **look**"
    mine = await told(client, one)
    assert {row["kind"] for row in mine} == {"assigned", "comment"}
    # Who wrote it is told nothing, even if it mentions them.
    assert await told(client, two) == []
    await client.changed(f"contacts/{contact['id']}", {"last_name": "Other"})
    for follower in (one, two):
        (changed,) = [row for row in await told(client, follower) if row["kind"] == "changed"]
        assert changed["title"] == "Somebody changed Other"
    # A team that is mentioned is told of it, and no more.
    assert [row["kind"] for row in await told(client, third)] == ["mention"]


async def test_edits_tell_only_those_who_are_new_in_them(client, worker, one, two):
    contact = await client.made("contacts", {"last_name": "Person"})
    said = await client.made("comments", on(contact, f"@[user:{one.id}]"))
    await inbox(one.api, 1)
    both = f"@[user:{one.id}] and @[user:{two.id}]"
    await client.changed(f"comments/{said['id']}", {"body": both})
    await inbox(two.api, 1)
    (mention,) = await told(client, one)
    assert mention["count"] == 1


async def test_what_is_not_seen_is_not_told(client, worker, one):
    role = await custom_role(client, levels={"*": OWN})
    blind = await member(client, role)
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    answer = await client.post("/v1/comments", json=on(contact, f"@[user:{blind.id}]"))
    # Who may see what is nothing that a comment finds out.
    assert answer.status_code == 201
    assert await told(client, blind) == []


async def test_what_is_seen_no_more_is_not_listed(client, worker, one):
    role = await custom_role(client, levels={"*": OWN})
    own = await member(client, role)
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": own.id})
    (assigned,) = await inbox(own.api, 1)
    assert await own.api.read("notifications/unread") == {"unread": 1}
    await client.changed(f"contacts/{contact['id']}", {"owner_id": one.id})
    assert (await own.api.read("notifications", state="all"))["data"] == []
    assert await own.api.read("notifications/unread") == {"unread": 0}
    problem(await own.api.get(f"/v1/notifications/{assigned['id']}"), 404)
    await client.changed(f"contacts/{contact['id']}", {"owner_id": own.id})
    assert [row["record_id"] for row in await inbox(own.api, 1)] == [contact["id"]]


async def test_masked_names_stay_masked(client, worker):
    hidden = {"contact": {"hidden": ["source"]}}
    role = await custom_role(client, levels={"*": OWN | {"read": "all"}}, masks=hidden)
    one = await member(client, role)
    contact = await client.made(
        "contacts", {"last_name": "Person", "owner_id": one.id, "source": "Fair"}
    )
    (row,) = await inbox(one.api, 1)
    assert row["record"]["title"] == "Person"
    assert contact["source"] not in str(row)


async def test_others_read_nothing_of_it(client, other, worker, one, two):
    await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    (row,) = await inbox(one.api, 1)
    foreign = await member(other, "admin")
    for api in (two.api, foreign.api):
        problem(await api.get(f"/v1/notifications/{row['id']}"), 404)
        assert (await api.read("notifications", state="all"))["data"] == []
        marked = await api.post(
            "/v1/notifications/mark", json={"ids": [row["id"]], "is_read": True}
        )
        assert marked.json() == {"changed": 0}
    problem(await client.get("/v1/notifications"), 403, "not_a_user")
    reader = await key_for(client, one.id, "contacts:read")
    problem(await reader.get("/v1/notifications"), 403, "insufficient_scope")


async def test_the_same_again_is_counted(client, worker, one):
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    for number in range(5):
        await client.changed(f"contacts/{contact['id']}", {"last_name": f"Person {number}"})
    kinds = {row["kind"]: row for row in await told(client, one)}
    assert kinds["changed"]["count"] == 5
    assert kinds["changed"]["title"] == "Somebody changed Person 4 (5 times)"
    ids = [kinds["changed"]["id"]]
    await one.api.post("/v1/notifications/mark", json={"ids": ids, "is_read": True})
    await client.changed(f"contacts/{contact['id']}", {"last_name": "Anew"})
    rows = [row for row in await told(client, one) if row["kind"] == "changed"]
    assert sorted((row["count"], row["is_read"]) for row in rows) == [(1, False), (5, True)]
    # The older one cannot be unread again beside the newer one.
    answer = await one.api.post("/v1/notifications/mark", json={"ids": ids, "is_read": False})
    assert answer.json() == {"changed": 0}


async def test_what_one_piece_of_work_assigns_is_told_as_one(client, worker, one):
    ids = [(await client.made("contacts", {"last_name": f"Person {n}"}))["id"] for n in range(3)]
    items = [{"id": id, "patch": {"owner_id": one.id}} for id in ids]
    answer = await client.post("/v1/contacts/bulk", json={"op": "update", "items": items})
    assert answer.status_code == 200, answer.text
    assert len(await told(client, one)) == 3


async def test_following_by_hand_goes_before_all_else(client, worker, one, two):
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    path = f"/v1/contacts/{contact['id']}"
    assert (await two.api.put(f"{path}/following")).json() == {"follows": True}
    assert (await one.api.delete(f"{path}/following")).json() == {"follows": False}
    listed = (await client.get(f"{path}/followers")).json()["data"]
    assert listed == [{"user_id": two.id, "reasons": ["chosen"]}]
    await client.changed(f"contacts/{contact['id']}", {"last_name": "Other"})
    assert [row["kind"] for row in await told(client, two)] == ["changed"]
    assert [row["kind"] for row in await told(client, one)] == ["assigned"]
    data = await one.api.data(
        'mutation($id: UUID!) { follow(target: "contact", id: $id) }', id=contact["id"]
    )
    assert data == {"follow": True}
    data = await one.api.data(
        'query($id: UUID!) { followers(target: "contact", id: $id) { userId reasons } }',
        id=contact["id"],
    )
    assert {row["userId"] for row in data["followers"]} == {one.id, two.id}
    problem(await one.api.put("/v1/contacts/01990000-0000-7000-8000-000000000001/following"), 404)


async def test_shares_are_told_to_those_with_whom(client, worker, one, two):
    third = await member(client, "admin")
    contact = await client.made("contacts", {"last_name": "Person"})
    await client.put(
        f"/v1/contacts/{contact['id']}/collaborators/{one.id}", json={"access": "read"}
    )
    teams = {"team_id": await team(client, two)}
    await client.made("shares", {"target": "contact", "record_id": contact["id"], **teams})
    for member_of in (one, two):
        (row,) = [r for r in await told(client, member_of) if r["kind"] == "shared"]
        assert row["title"] == "Somebody shared Person with you"
    assert await told(client, third) == []


async def test_trouble_of_webhooks_reaches_whoever_may_set_them_up(client, worker, one):
    rep = await member(client, "sales_rep")
    async with receiving(answer=lambda _: 410) as receiver:
        await client.made("webhooks", {"url": receiver.url, "topics": ["contact.created"]})
        await client.made("contacts", {"last_name": "Person"})
        (row,) = [r for r in await inbox(one.api, 1) if r["kind"] == "webhook_trouble"]
    assert row["type"] == "webhook.disabled"
    assert row["title"] == f"A webhook was disabled: {receiver.url}"
    assert await told(client, rep) == []


async def test_ended_work_is_told_to_whom_it_is_for(client, worker, one, two):
    started = await one.api.post("/v1/contacts/export", json={"format": "csv"})
    assert started.status_code == 202, started.text
    (row,) = await inbox(one.api, 1)
    assert (row["kind"], row["type"]) == ("work_ended", "export.completed")
    assert row["title"].startswith("Your export is ready: ")
    assert await told(client, two) == []


async def test_failed_jobs_are_told_and_in_the_feed(client, owner, org, tx_of, worker, one):
    admin = await member(client, "admin")
    started = (await one.api.post("/v1/contacts/export", json={"format": "csv"})).json()
    await inbox(one.api, 1)
    # As the worker says it: whatever statement does, the event is of the same transaction.
    await owner.execute(
        "UPDATE jobs SET status = 'running', lease_token = gen_random_uuid(), "
        """error = '{"deaths": 5}', lease_until = now() - interval '1 minute' """
        "WHERE organization_id = $1 AND id = $2",
        org.id,
        UUID(started["job_id"]),
    )
    async for _ in patiently():
        rows = (await one.api.read("notifications"))["data"]
        if any(row["kind"] == "job_failed" for row in rows):
            break
    (row,) = [r for r in rows if r["kind"] == "job_failed"]
    assert row["title"] == "Work in the background has failed: exports.run"
    assert row["job_id"] == started["job_id"]
    feed = await client.read("events", types="job.failed")
    assert [event["record_id"] for event in feed["data"]] == [started["job_id"]]
    assert feed["data"][0]["data"]["kind"] == "exports.run"
    assert await told(client, admin) == []


async def test_nobody_is_told_of_what_was_before_them(client, owner, worker):
    company = await client.made("companies", {"name": "Example"})
    for number in range(3):
        await client.changed(f"companies/{company['id']}", {"name": f"Example {number}"})
    one = await member(client, "admin")
    # As a machine has it whose clock is ahead of that of the one that comes next.
    ahead = "UPDATE users SET created_at = now() + interval '1 hour' WHERE id = $1"
    await owner.execute(ahead, UUID(one.id))
    await client.changed(f"companies/{company['id']}", {"owner_id": one.id})
    assert [row["kind"] for row in await told(client, one)] == ["assigned"]


async def test_purged_records_leave_nothing_to_be_told(client, owner, org, worker, one):
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    await inbox(one.api, 1)
    await client.delete(f"/v1/contacts/{contact['id']}", params={"purge": "true"})
    assert (await one.api.read("notifications", state="all"))["data"] == []
    left = "SELECT count(*) FROM notifications WHERE organization_id = $1 AND record_id = $2"
    assert await owner.fetchval(left, org.id, UUID(contact["id"])) == 0


async def test_blocked_logins_are_told_to_whom_they_are_of(client, org, tx_of, worker, one, two):
    async with unit_of_work(tx_of(org)) as tx:
        id = UUID(one.id)
        tx.record("user.login_blocked", entity="user", record_id=id, version=1, data={})
    (row,) = await told(client, one)
    assert (row["kind"], row["record"]) == ("login_blocked", None)
    assert row["title"] == "Too many failed attempts to log in as you"
    assert await told(client, two) == []


async def test_what_was_erased_or_is_no_more_does_not_hold_up_the_rest(
    client, org, owner, tx_of, worker_process, one
):
    contact = await client.made("contacts", {"last_name": "Person"})
    path = f"/v1/contacts/{contact['id']}/collaborators/{one.id}"
    await client.put(path, json={"access": "read"})
    made = await client.made(
        "custom-objects", {"key": "vessel", "label": "Vessel", "plural_label": "Vessels"}
    )
    vessel = (await client.post("/v1/objects/vessel", json={"name": "Example"})).json()
    await client.made("comments", on(vessel, f"@[user:{one.id}]", "vessel"))
    await client.delete(f"/v1/contacts/{contact['id']}", params={"purge": "true"})
    gone = await client.delete(f"/v1/objects/vessel/{vessel['id']}", params={"purge": "true"})
    assert gone.status_code == 204, gone.text
    await client.delete(f"/v1/custom-objects/{made['id']}")
    worker_process()
    assert await told(client, one) == []


async def test_what_happens_again_brings_back_what_was_put_away(client, worker, one):
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    (row,) = await inbox(one.api, 1)
    body = {"ids": [row["id"]], "is_archived": True, "is_read": False}
    await one.api.post("/v1/notifications/mark", json=body)
    await client.changed(f"contacts/{contact['id']}", {"owner_id": None})
    await client.changed(f"contacts/{contact['id']}", {"owner_id": one.id})
    (again,) = [r for r in await told(client, one) if r["kind"] == "assigned"]
    assert (again["id"], again["count"], again["archived_at"]) == (row["id"], 2, None)


async def test_several_workers_tell_each_once_and_killed_ones_nothing_twice(client, worker_process):
    one = await member(client, "admin")
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    workers = [worker_process() for _ in range(2)]
    people = []

    async def write():
        for number in range(60):
            await client.changed(f"contacts/{contact['id']}", {"last_name": f"Person {number}"})
            people.append(
                await client.made("companies", {"name": f"Company {number}", "owner_id": one.id})
            )

    writing = asyncio.create_task(write())
    for _ in range(2):
        before = len(people)
        async for _ in patiently():
            if len(people) >= before + 15:
                break
        workers.pop(0).send_signal(signal.SIGKILL)
        workers.append(worker_process())
    await writing
    rows = await told(client, one)
    counts = {row["kind"]: 0 for row in rows}
    for row in rows:
        counts[row["kind"]] += row["count"]
    assert counts == {"changed": 60, "assigned": 61}
