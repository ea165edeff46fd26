"""Tasks: what has to be before, what recurs, who is told."""

import asyncio

from crm_api.domains.activities.jobs import remind_of_tasks, tell_of_overdue
from support.clients import pointers, problem
from support.members import custom_role, member


async def task(api, **more):
    return await api.made("tasks", {"subject": "Send the offer", **more})


async def act(api, one, verb, status=200, **body):
    answer = await api.post(f"/v1/tasks/{one['id']}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_task_waits_for_those_before_it(client):
    first, second = await task(client, subject="First"), await task(client, subject="Second")
    item = {"key": "drawn", "title": "It is drawn", "is_required": True}
    last = await task(client, depends_on=[first["id"], second["id"]], checklist=[item])
    refused = await act(client, last, "complete", 409)
    assert refused["code"] == "blocked_transition"
    assert [fault["code"] for fault in refused["errors"]] == ["open_task", "open_task", "open_item"]
    answer = await client.patch(f"/v1/tasks/{first['id']}", json={"depends_on": [last["id"]]})
    problem(answer, 409, "dependency_cycle")
    await act(client, first, "complete")
    await act(client, second, "cancel")
    await client.changed(f"tasks/{last['id']}", {"checklist": [{**item, "is_done": True}]})
    done = await act(client, last, "complete", comment="Sent.", spent_minutes=30)
    assert (done["status"], done["close_comment"], done["spent_minutes"]) == ("done", "Sent.", 30)
    await act(client, last, "start", 409)


async def test_blockers_tell_nothing_that_is_hidden(client):
    first = await task(client)
    item = {"key": "drawn", "title": "Secret", "is_required": True}
    last = await task(client, depends_on=[first["id"]], checklist=[item])
    masks = {"task": {"hidden": ["checklist"], "read_only": ["spent_minutes"]}}
    levels = {"tasks": {"read": "all", "update": "all"}}
    blind = await member(client, await custom_role(client, levels=levels, masks=masks))
    refused = await act(blind.api, last, "complete", 409)
    assert [fault["code"] for fault in refused["errors"]] == ["open_task", "open_item"]
    ways = await blind.api.read(f"tasks/{last['id']}/transitions")
    assert "Secret" not in str([refused, ways])
    assert "Secret" in str(await act(client, last, "complete", 409))
    assert (await act(blind.api, first, "complete", 403, spent_minutes=5))["code"] == (
        "read_only_field"
    )
    await act(blind.api, first, "complete")


async def test_links_both_ways_at_once_make_no_ring(client):
    one, other = await task(client), await task(client)
    answers = await asyncio.gather(
        client.patch(f"/v1/tasks/{one['id']}", json={"depends_on": [other["id"]]}),
        client.patch(f"/v1/tasks/{other['id']}", json={"depends_on": [one["id"]]}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_recurring_task_makes_its_next_one_once(client):
    one = await task(
        client,
        due_at="2031-03-28T08:00:00Z",
        time_zone="Europe/Berlin",
        recurrence="rrule:freq=weekly;count=3",
        remind_at="2031-03-28T07:00:00Z",
        checklist=[{"key": "drawn", "title": "It is drawn", "is_done": True}],
    )
    assert one["recurrence"] == "FREQ=WEEKLY;COUNT=3"
    path = f"/v1/tasks/{one['id']}/complete"
    answers = await asyncio.gather(*(client.post(path) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    done = next(answer.json() for answer in answers if answer.status_code == 200)
    after = (await client.get(f"/v1/tasks/{done['next_occurrence_id']}")).json()
    # At nine in Berlin as before, though clocks have changed.
    assert (after["due_at"], after["remind_at"]) == ("2031-04-04T07:00:00Z", "2031-04-04T06:00:00Z")
    assert (after["recurrence"], after["previous_id"]) == ("FREQ=WEEKLY;COUNT=2", one["id"])
    assert after["checklist"][0]["is_done"] is False
    await act(client, one, "reopen")
    assert (await act(client, one, "complete"))["next_occurrence_id"] is None
    last = (await act(client, after, "complete"))["next_occurrence_id"]
    assert (await act(client, {"id": last}, "complete"))["next_occurrence_id"] is None


async def test_a_day_is_over_where_the_task_is_due(client):
    one = await task(client, due_on="2031-03-30", time_zone="America/Sao_Paulo")
    assert one["overdue_at"] == "2031-03-31T03:00:00Z"
    problem(
        await client.post("/v1/tasks", json={"subject": "Send", "recurrence": "FREQ=DAILY"}), 422
    )
    both = {"subject": "Send", "due_on": "2031-03-30", "due_at": "2031-03-30T09:00:00Z"}
    answer = await client.post("/v1/tasks", json=both)
    assert pointers(problem(answer, 422)) == ["/due_at"]
    never = {**both, "due_at": None, "recurrence": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}
    problem(await client.post("/v1/tasks", json=never), 422)


async def test_what_is_planned_next_is_made_with_it_or_nothing_is(client):
    one = await task(client)
    wrong = {"next_task": {"subject": "Ask", "depends_on": [one["id"]] * 2, "due_on": "2031-01-01"}}
    wrong["next_activity"] = {"kind": "call", "subject": "Ask"}
    answer = await client.post(f"/v1/tasks/{one['id']}/complete", json=wrong)
    assert pointers(problem(answer, 422)) == ["/next_activity/links"]
    assert (await client.get(f"/v1/tasks/{one['id']}")).json()["status"] == "open"
    wrong["next_activity"]["is_internal"] = True
    done = await act(client, one, "complete", **wrong)
    assert (await client.get(f"/v1/tasks/{done['next_task_id']}")).json()["subject"] == "Ask"
    assert (await client.get(f"/v1/activities/{done['next_activity_id']}")).status_code == 200


async def test_late_tasks_are_told_once_but_for_those_put_off(client, database):
    late = await task(client, due_on="2026-01-01", remind_at="2026-01-01T09:00:00Z")
    put_off = await task(client, due_on="2026-01-01")
    await act(client, put_off, "snooze", until="2040-01-01T00:00:00Z")
    for _ in range(2):
        await tell_of_overdue(database, None)
        await remind_of_tasks(database, None)
    found = (await client.read("events", limit=200))["data"]
    told = [(event["type"], event["record_id"]) for event in found]
    assert told.count(("task.overdue", late["id"])) == 1
    assert told.count(("task.reminded", late["id"])) == 1
    assert ("task.overdue", put_off["id"]) not in told
