"""Schedules that are told by hand, what endpoints fetch, and conditions that fit their report."""

from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import by
from support.schedules import DUE, notices, settled, told

STANDARD = "deal_outcomes_by_owner"
HOOK = [{"kind": "webhook"}]
COUNT = {
    "source": "company",
    "groupings": [by("owner_id")],
    "measures": [
        {"name": "number", "function": "count"},
        {"name": "inner", "function": "count", "hidden": True},
        {"name": "newest", "function": "max", "field": "created_at"},
    ],
}


async def _saved(api, definition):
    shared = {"name": "Count", "definition": definition, "sharing": "organization"}
    return (await api.made("reports", shared))["id"]


async def _scheduled(api, report, recipients=HOOK, **more):
    body = {"name": "Weekly", "report_id": report, "cron": "0 8 1 1 *", "sharing": "organization"}
    return await api.made("report-schedules", {**body, "recipients": recipients, **more})


def _only(measure):
    return {"measure": measure, "comparison": "gt", "value": "1"}


async def test_it_is_told_by_hand(client, owner, worker):
    some = await member(client, "admin")
    for _ in range(2):
        await client.made("companies", {"name": "Example", "owner_id": some.id})
    report = await _saved(client, COUNT)
    to = [{"kind": "user", "id": some.id}]
    made = await _scheduled(client, report, to, condition=_only("number"), is_active=False)
    path = f"report-schedules/{made['id']}"
    answer = await client.post(f"/v1/{path}/run")
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_at"] is None
    (text,) = await told(some, 1)
    assert "number: 2" in text
    document = "mutation($id: UUID!) { runReportSchedule(id: $id) { id nextAt } }"
    assert (await client.data(document, id=made["id"]))["runReportSchedule"]["nextAt"] is None
    assert len(await settled(client, made, 2)) == 2
    assert len(await told(some, 2)) == 2
    # The condition holds by hand, too.
    await client.changed(path, {"condition": {**_only("number"), "value": "2"}})
    assert (await client.post(f"/v1/{path}/run")).status_code == 200
    found = await settled(client, made, 3)
    assert sorted(one["status"] for one in found) == ["sent", "sent", "skipped"]
    assert len(await notices(some)) == 2


async def test_it_is_not_told_again_while_it_is_told(client, owner):
    """No worker is there: the first time stays to be told."""
    made = await _scheduled(client, await _saved(client, COUNT))
    path = f"/v1/report-schedules/{made['id']}/run"
    assert (await client.post(path)).status_code == 200
    problem(await client.post(path), 409, "still_telling")
    document = "mutation($id: UUID!) { runReportSchedule(id: $id) { id } }"
    (error,) = (await client.gql(document, id=made["id"]))["errors"]
    assert error["extensions"]["code"] == "still_telling"
    # What was given up keeps nobody from it.
    late = "UPDATE report_deliveries SET occurrence_at = now() - interval '2 hours'"
    await owner.execute(f"{late} WHERE schedule_id = $1", made["id"])
    assert (await client.post(path)).status_code == 200


async def test_a_condition_is_taken_from_one_whose_report_is_gone(client):
    report = await _saved(client, COUNT)
    made = await _scheduled(client, report, condition=_only("number"))
    await client.delete(f"/v1/reports/{report}")
    path = f"report-schedules/{made['id']}"
    problem(await client.patch(f"/v1/{path}", json={"condition": _only("inner")}), 422)
    assert (await client.changed(path, {"condition": None}))["condition"] is None


async def test_only_who_may_change_it_has_it_told(client):
    levels = {"*": {"read": "all"}}
    reader = (await member(client, await custom_role(client, levels=levels))).api
    made = await _scheduled(client, await _saved(client, COUNT))
    problem(await reader.post(f"/v1/report-schedules/{made['id']}/run"), 403)
    outside = [{"kind": "email", "address": "a@example.com"}]
    other = await _scheduled(client, await _saved(client, COUNT), outside)
    writes = {"*": {"read": "all", "update": "all"}}
    writer = (await member(client, await custom_role(client, levels=writes))).api
    assert (await writer.post(f"/v1/report-schedules/{made['id']}/run")).is_success
    problem(await writer.post(f"/v1/report-schedules/{other['id']}/run"), 403)


async def test_endpoints_fetch_what_their_key_sees(client, owner, worker):
    role = await custom_role(client, levels={"*": {"read": "own"}, "report_watch": {"read": "all"}})
    some = await member(client, role)
    for mine in (some.id, None, None):
        await client.made("companies", {"name": "Example", "owner_id": mine})
    saved = await _scheduled(client, await _saved(client, COUNT))
    standard = await _scheduled(
        client, None, standard_report=STANDARD, parameters={"from": "@today-3d"}
    )
    await owner.execute(DUE, saved["id"])
    await settled(client, saved)
    (event,) = await client.told(saved["id"], 1, types="report_schedule.occurred")
    path = event["data"]["result"]
    for api, number in ((client, 3), (some.api, 1)):
        found = (await api.get(path)).json()
        assert sum(row["values"]["number"] for row in found["answer"]["rows"]) == number
        assert (found["standard"], found["parameters"]) == (None, {})
    found = await client.read(f"report-schedules/{standard['id']}/result")
    assert found["standard"]["name"] == STANDARD
    assert not found["parameters"]["from"].startswith("@")
    document = "query($id: UUID!) { reportScheduleResult(id: $id) { answer { rows { values } } } }"
    told_ = (await client.data(document, id=saved["id"]))["reportScheduleResult"]["answer"]
    assert sum(row["values"]["number"] for row in told_["rows"]) == 3


async def test_conditions_are_of_numbers_of_their_report(client):
    table = {"source": "company", "kind": "table", "columns": ["name", "employees"]}
    funnel = {"source": "deal", "kind": "funnel", "steps": [{"name": "all", "filter": {}}]}
    funnel["steps"][0]["filter"] = {"status": "won"}
    ids = [await _saved(client, one) for one in (COUNT, table, funnel)]
    body = {"name": "Weekly", "cron": "0 8 1 1 *", "recipients": HOOK}
    for report, fits, wrong in (
        ({"report_id": ids[0]}, "number", ("inner", "newest", "owner_id", "luck")),
        ({"report_id": ids[1]}, "employees", ("name", "count")),
        ({"report_id": ids[2]}, "of_first", ("step",)),
        ({"standard_report": STANDARD}, "won_amount", ("owner_id", "count")),
        ({"standard_report": "pipeline_velocity"}, "velocity", ("pipeline", "count")),
    ):
        for name in wrong:
            given = {**body, **report, "condition": _only(name)}
            answer = await client.post("/v1/report-schedules", json=given)
            assert pointers(problem(answer, 422)) == ["/condition/measure"], name
        made = await client.made("report-schedules", {**body, **report, "condition": _only(fits)})
        path = f"/v1/report-schedules/{made['id']}"
        answer = await client.patch(path, json={"condition": _only("luck")})
        assert pointers(problem(answer, 422)) == ["/condition/measure"]
    # Another report has other numbers.
    given = {"report_id": ids[0], "standard_report": None}
    answer = await client.patch(path, json=given)
    assert pointers(problem(answer, 422)) == ["/condition/measure"]
    assert (await client.patch(path, json={**given, "condition": _only("number")})).is_success


async def test_a_number_that_is_gone_is_why_it_failed(client, owner, worker):
    report = await _saved(client, COUNT)
    made = await _scheduled(client, report, condition=_only("number"))
    other = {**COUNT, "measures": [{"name": "else", "function": "count"}]}
    await client.changed(f"reports/{report}", {"definition": other})
    await owner.execute(DUE, made["id"])
    (one,) = await settled(client, made)
    assert (one["status"], one["reason"]) == ("failed", "unknown_measure")
