"""Leads that were captured twice become one, and are taken apart again."""

import asyncio

import pytest

from support.clients import problem
from support.leads import captured, give_all, pool_of, rule_of, users_of


async def merged(api, winner, *losers, status=201, **more):
    body = {"winner_id": winner["id"], "loser_ids": [one["id"] for one in losers], **more}
    answer = await api.post("/v1/leads/merge", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def undone(api, merge):
    answer = await api.post(f"/v1/merges/{merge['id']}/undo")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def act(api, lead, verb, **body):
    answer = await api.post(f"/v1/leads/{lead['id']}/{verb}", json=body or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def trail(api, *leads):
    """Who has which lead, and how the rest ended."""
    found = []
    for lead in leads:
        of = {"filter[lead_id]": lead["id"], "sort": "created_at"}
        rows = (await api.read("lead-assignments", **of))["data"]
        found.append([(one["user_id"], one["ended_as"], one["end_reason"]) for one in rows])
    return found


COURSE = ("owner_id", "status", "pool_id", "assigned_at", "respond_by", "waits_since")


async def read(api, lead):
    whole = await api.read(f"leads/{lead['id']}")
    return {name: whole[name] for name in COURSE}


@pytest.fixture
async def users(client):
    return await users_of(client, 2)


async def test_whoever_has_the_lead_that_is_left_goes_on(client, users):
    winner, loser = await captured(client, 2)
    for lead, user in zip((winner, loser), users, strict=True):
        await act(client, lead, "assign", user_id=user)
    before = [await read(client, lead) for lead in (winner, loser)]
    merge = await merged(client, winner, loser)
    assert await read(client, winner) == before[0]
    mine, (theirs,) = [(users[0], None, None)], [(users[1], "reassigned", "merged")]
    assert (await trail(client, winner))[0] == [*mine, theirs]
    await undone(client, merge)
    assert [await read(client, lead) for lead in (winner, loser)] == before
    assert await trail(client, winner, loser) == [mine, [(users[1], None, None)]]
    (had,) = (await client.read("lead-assignments", **{"filter[lead_id]": loser["id"]}))["data"]
    told = await client.read(f"lead-assignments/{had['id']}/explain")
    assert (told["lead_id"], told["user_id"]) == (loser["id"], users[1])
    query = "query($id: UUID!) { leadAssignmentExplanation(id: $id) { userId kind } }"
    shown = (await client.data(query, id=had["id"]))["leadAssignmentExplanation"]
    assert shown == {"userId": users[1], "kind": "manual"}


async def test_a_lead_of_nobody_goes_to_whoever_has_the_other(client, database, org, users):
    pool = await pool_of(client, {users[0]: 1}, response_minutes=30)
    await rule_of(client, pool, filter={"campaign": {"eq": "fair"}})
    (winner,) = await captured(client, 1)
    (loser,) = await captured(client, 1, campaign="fair")
    await give_all(database, org)
    before = [await read(client, lead) for lead in (winner, loser)]
    assert before[0]["owner_id"] is None
    assert before[1]["owner_id"] == users[0]
    merge = await merged(client, winner, loser)
    assert await read(client, winner) == before[1]
    assert await trail(client, winner, loser) == [[(users[0], None, None)], []]
    # They may still respond, and what they have is what the pool counts.
    assert (await act(client, winner, "accept"))["status"] == "working"
    await undone(client, merge)
    # What was done since stays with the lead; the other is theirs as before.
    assert (await client.read(f"leads/{winner['id']}"))["status"] == "working"
    assert await read(client, loser) == before[1]
    left, right = await trail(client, winner, loser)
    assert [one[0] for one in left if one[1] is None] == [users[0]]
    assert [one[0] for one in right if one[1] is None] == [users[0]]


async def test_an_owner_can_be_chosen(client, users):
    winner, loser = await captured(client, 2)
    await act(client, winner, "assign", user_id=users[0])
    await act(client, loser, "assign", user_id=users[1])
    merge = await merged(client, winner, loser, fields={"owner_id": loser["id"]})
    assert merge["record"]["owner_id"] == users[1]
    (found,) = await trail(client, winner)
    assert sorted(found) == sorted([(users[0], "reassigned", "merged"), (users[1], None, None)])
    await undone(client, merge)
    assert await trail(client, winner, loser) == [
        [(users[0], None, None)],
        [(users[1], None, None)],
    ]


async def test_what_ended_is_not_opened_and_what_is_open_does_not_end(client, users):
    body = {"winner_id": None, "loser_ids": []}
    open_one, out, won = await captured(client, 3)
    await act(client, out, "disqualify", reason="No budget")
    await act(client, won, "assign", user_id=users[0])
    await act(client, won, "convert")
    for winner, loser, code in (
        (out, open_one, "disqualified_lead"),
        (open_one, won, "converted_lead"),
    ):
        body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
        problem(await client.post("/v1/leads/merge", json=body), 409, code)
    await act(client, open_one, "assign", user_id=users[1])
    chosen = {"winner_id": won["id"], "loser_ids": [open_one["id"]],
              "fields": {"owner_id": open_one["id"]}}  # fmt: skip
    problem(await client.post("/v1/leads/merge", json=chosen), 409, "ended_lead")
    state = {**chosen, "fields": {"status": open_one["id"]}}
    problem(await client.post("/v1/leads/merge", json=state), 422)
    merge = await merged(client, won, open_one)
    assert merge["record"]["status"] == "converted"
    assert all(ended for _, ended, _ in (await trail(client, won))[0])
    await undone(client, merge)
    assert (await trail(client, open_one))[0] == [(users[1], None, None)]


async def test_points_of_both_say_who_it_may_be(client):
    contact = await client.made("contacts", {"last_name": "Known", "email": "known@example.com"})
    (winner,) = await captured(client, 1, phone="+4930111111")
    (loser,) = await captured(client, 1, email="known@example.com", phone="+4930111111")
    assert [one["id"] for one in loser["candidates"]] == [winner["id"]]
    merge = await merged(client, winner, loser)
    record = merge["record"]
    assert (record["matched_contact_id"], record["candidates"]) == (contact["id"], [])
    await undone(client, merge)
    assert (await client.read(f"leads/{winner['id']}"))["matched_contact_id"] is None


async def test_leads_of_merged_contacts_are_of_the_one_that_is_left(client):
    one, two = [
        await client.made("contacts", {"last_name": "Known", "email": f"{name}@example.com"})
        for name in ("one", "two")
    ]
    (lead,) = await captured(client, 1, email="two@example.com")
    body = {"winner_id": one["id"], "loser_ids": [two["id"]]}
    answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.status_code == 201, answer.text
    assert (await client.read(f"leads/{lead['id']}"))["matched_contact_id"] == one["id"]
    await undone(client, answer.json())
    assert (await client.read(f"leads/{lead['id']}"))["matched_contact_id"] == two["id"]


async def listed(api, of):
    rows = (await api.read(f"prospect-lists/{of['id']}/members"))["data"]
    return {one["lead_id"]: (one["status"], one["outcome"]) for one in rows}


async def test_lists_activities_and_submissions_follow(client, anonymous):
    form = await client.made("lead-forms", {"name": "Contact us", "title": "Ask us"})
    path = form["path"].removesuffix("/page")
    answers = {"last_name": "Person", "email": "sent@example.com"}
    answer = await anonymous.post(f"{path}/submit", json={"answers": answers, "consents": []})
    assert answer.status_code == 201, answer.text
    (loser,) = (await client.read("leads"))["data"]
    (winner,) = await captured(client, 1)
    lists = [await client.made("prospect-lists", {"name": name}) for name in ("One", "Both")]
    for of, leads in zip(lists, ([loser], [loser, winner]), strict=True):
        ids = {"lead_ids": [lead["id"] for lead in leads]}
        answer = await client.post(f"/v1/prospect-lists/{of['id']}/members", json=ids)
        assert answer.status_code == 200, answer.text
    link = [{"target": "lead", "record_id": loser["id"]}]
    call = await client.made("activities", {"kind": "call", "subject": "Call", "links": link})

    async def about():
        (sent,) = (await client.read(f"lead-forms/{form['id']}/submissions"))["data"]
        (linked,) = (await client.read(f"activities/{call['id']}"))["links"]
        return sent["lead_id"], linked["record_id"]

    before = [await listed(client, of) for of in lists]
    merge = await merged(client, winner, loser)
    assert await listed(client, lists[0]) == {winner["id"]: ("listed", None)}
    assert (await listed(client, lists[1]))[winner["id"]] == ("listed", None)
    assert await about() == (winner["id"],) * 2
    await undone(client, merge)
    assert [await listed(client, of) for of in lists] == before
    assert await about() == (loser["id"],) * 2


async def test_what_is_claimed_while_leads_become_one_is_had_once(client, users):
    winner, loser = await captured(client, 2)

    async def assign(lead, user):
        path = f"/v1/leads/{lead['id']}/assign"
        return (await client.post(path, json={"user_id": user})).status_code

    merging = client.post(
        "/v1/leads/merge", json={"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    )
    merge, *codes = await asyncio.gather(
        merging, *(assign(lead, user) for lead in (loser, winner) for user in users * 3)
    )
    assert merge.status_code == 201, merge.text
    assert set(codes) <= {200, 409}
    (found,) = await trail(client, winner)
    held = [user for user, ended, _ in found if ended is None]
    owner = (await client.read(f"leads/{winner['id']}"))["owner_id"]
    assert held == ([] if owner is None else [owner])
