"""Many tasks at once: completed, and handed on while somebody is away."""

import asyncio

from support.clients import pointers, problem
from support.members import custom_role, member

PATH = "/v1/tasks/bulk/complete"
MANY = """mutation($inputs: [TaskCompletionItemInput!]!, $dryRun: Boolean!) {
    completeTasks(inputs: $inputs, onError: SKIP, dryRun: $dryRun) { stored succeeded
        results { result status record { status spentMinutes } problem { code } } } }"""


async def tasks(api, number, **more):
    return [await api.made("tasks", {"subject": f"T{n}", **more}) for n in range(number)]


async def statuses(api, made):
    return [(await api.read(f"tasks/{one['id']}"))["status"] for one in made]


async def test_each_has_its_own_result_and_what_follows_it(client):
    first, then = await tasks(client, 2)
    again = {"recurrence": "FREQ=DAILY", "due_on": "2031-01-01"}
    (daily,) = await tasks(client, 1, **again)
    (behind,) = await tasks(client, 1, depends_on=[then["id"]])
    items = [
        {"id": first["id"], "comment": "Done.", "next_task": {"subject": "More"}},
        {"id": behind["id"]},
        {"id": daily["id"], "spent_minutes": 5, "expected_version": daily["version"]},
        {"id": first["id"]},
        {"id": then["id"], "expected_version": then["version"] + 1},
        {"id": then["id"], "spent_minutes": -1},
        {"id": then["id"], "surprise": 1},
    ]
    refused = problem(await client.post(PATH, json={"items": items}), 422, "bulk_failed")
    assert {place.split("/")[2] for place in pointers(refused)} == {"1", "3", "4", "5", "6"}
    assert set(await statuses(client, [first, then, daily, behind])) == {"open"}
    answer = await client.post(PATH, json={"items": items}, params={"on_error": "skip"})
    found = answer.json()
    assert [one["status"] for one in found["results"]] == [200, 409, 200, 409, 412, 422, 422]
    assert (found["succeeded"], found["failed"]) == (2, 5)
    assert await statuses(client, [first, then, daily, behind]) == ["done", "open", "done", "open"]
    one, _, other, *_ = [row["record"] for row in found["results"]]
    assert (one["close_comment"], other["spent_minutes"]) == ("Done.", 5)
    following = await client.read(f"tasks/{other['next_occurrence_id']}")
    assert (following["due_on"], following["previous_id"]) == ("2031-01-02", daily["id"])
    assert (await client.read(f"tasks/{one['next_task_id']}"))["subject"] == "More"


async def test_a_task_and_the_one_behind_it_are_done_in_their_order(client):
    (first,) = await tasks(client, 1)
    (then,) = await tasks(client, 1, depends_on=[first["id"]])
    items = [{"id": one["id"]} for one in (then, first)]
    problem(await client.post(PATH, json={"items": items}), 422, "bulk_failed")
    answer = await client.post(PATH, json={"items": items[::-1]})
    assert answer.is_success, answer.text
    assert await statuses(client, [first, then]) == ["done", "done"]


async def test_graphql_does_the_same_and_rehearses_it(client):
    made = await tasks(client, 2)
    inputs = [
        {"id": made[0]["id"], "spentMinutes": 7},
        {"id": made[1]["id"]},
        {"id": made[1]["id"]},
    ]
    for rehearsed, status in ((True, "open"), (False, "done")):
        data = await client.data(MANY, inputs=inputs, dryRun=rehearsed)
        found = data["completeTasks"]
        assert (found["stored"], found["succeeded"]) == (True, 2)
        assert found["results"][0]["record"] == {"status": "done", "spentMinutes": 7}
        assert found["results"][2]["problem"]["code"] == "illegal_transition"
        assert await statuses(client, made) == [status] * 2


async def test_of_several_who_complete_the_same_each_is_done_once(client):
    made = await tasks(client, 6, recurrence="FREQ=DAILY", due_on="2031-01-01")
    items = [{"id": one["id"]} for one in made]
    orders = (items, items[::-1], items[3:] + items[:3], items)
    answers = await asyncio.gather(
        *(client.post(PATH, json={"items": order}, params={"on_error": "skip"}) for order in orders)
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum(answer.json()["succeeded"] for answer in answers) == 6
    following = await client.read("tasks", limit=100, **{"filter[due_on]": "2031-01-02"})
    assert len(following["data"]) == 6


async def test_whoever_may_not_change_a_task_completes_it_in_no_bulk(client):
    own = dict.fromkeys(("read", "create", "update", "delete"), "own")
    who = await member(client, await custom_role(client, levels={"tasks": own}))
    (mine,) = await tasks(client, 1, owner_id=who.id)
    (other,) = await tasks(client, 1)
    items = [{"id": mine["id"]}, {"id": other["id"]}]
    answer = await who.api.post(PATH, json={"items": items}, params={"on_error": "skip"})
    assert [one["status"] for one in answer.json()["results"]] == [200, 404]
    reader = await member(client, await custom_role(client, levels={"tasks": {"read": "all"}}))
    problem(await reader.api.post(PATH, json={"items": items[1:]}), 403)
    problem(await client.post(PATH, json={"items": []}), 422)
    problem(await client.post(PATH, json={"items": items * 501}), 422)


async def test_tasks_of_somebody_who_is_away_are_handed_on(client, worker):
    away, instead = await member(client, "admin"), await member(client, "admin")
    made = await tasks(client, 3, owner_id=away.id)
    (done,) = await tasks(client, 1, owner_id=away.id)
    (other,) = await tasks(client, 1, owner_id=instead.id)
    assert (await client.post(f"/v1/tasks/{done['id']}/complete")).is_success
    mine = {"owner_id": away.id, "status": {"in": ["open", "in_progress", "waiting"]}}
    body = {"filter": mine, "action": "update", "patch": {"owner_id": instead.id}}
    answer = await client.post("/v1/tasks/bulk/by-filter", json=body)
    found = answer.json()
    assert (answer.status_code, found["count"]) == (200, 3), found
    answer = await client.post("/v1/tasks/bulk/by-filter", json={**body, "expected_count": 3})
    assert answer.status_code == 202, answer.text
    await client.ended(answer.json()["job_id"])
    rows = (await client.read("tasks", limit=100))["data"]
    owners = {row["id"]: row["owner_id"] for row in rows}
    assert {owners[one["id"]] for one in (*made, other)} == {instead.id}
    assert owners[done["id"]] == away.id
    titles = {one["title"] for one in (await instead.api.read("me/next"))["data"]}
    assert titles >= {one["subject"] for one in made}
    assert (await away.api.read("me/next"))["total"] == 0
