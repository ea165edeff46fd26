"""Schedules of standard reports: each recipient is told what each sees of them."""

from collections import Counter

import pytest

from support.clients import pointers, problem
from support.letters import arrived, letters_to
from support.members import custom_role, member
from support.schedules import DUE, settled, told
from support.selling import act, deal, pipeline

OUTCOMES = "deal_outcomes_by_owner"
VELOCITY = "pipeline_velocity"
HOOK = [{"kind": "webhook"}]


async def scheduled(api, recipients=HOOK, name=OUTCOMES, **more):
    body = {"name": "Weekly", "standard_report": name, "cron": "0 8 1 1 *"}
    return await api.made("report-schedules", {**body, "recipients": recipients, **more})


async def won(api, *owners):
    where = await pipeline(api)
    for owner in owners:
        one = await deal(api, where, owner_id=owner)
        await act(api, one["id"], "win")
    return where


async def test_it_has_one_report_which_takes_what_is_said(client):
    made = await scheduled(client, parameters={"from": "@start_of_quarter"})
    assert (made["report_id"], made["standard_report"]) == (None, OUTCOMES)
    assert made["parameters"] == {"from": "@start_of_quarter"}
    definition = {"source": "company", "measures": [{"name": "count", "function": "count"}]}
    saved = (await client.made("reports", {"name": "Count", "definition": definition}))["id"]
    path = f"report-schedules/{made['id']}"
    for change, at in (
        ({"report_id": saved}, "/standard_report"),
        ({"standard_report": None}, "/standard_report"),
        ({"standard_report": "luck"}, "/standard_report"),
        ({"standard_report": "No name"}, "/standard_report"),
        ({"standard_report": "lead_ageing"}, "/parameters/from"),
        ({"parameters": {"since": 1}}, "/parameters/since"),
        ({"parameters": {"from": 5}}, "/parameters/from"),
        (
            {"standard_report": VELOCITY, "parameters": {"pipeline_id": saved}},
            "/parameters/pipeline_id",
        ),
        (
            {"standard_report": "cohort_retention", "parameters": {"months": 61}},
            "/parameters/months",
        ),
        ({"parameters": {"from": "@today", "to": "@today-1d"}}, "/parameters/to"),
        ({"report_id": saved, "standard_report": None}, "/parameters/from"),
    ):
        answer = await client.patch(f"/v1/{path}", json=change)
        assert pointers(problem(answer, 422)) == [at], change
    other = {"report_id": saved, "standard_report": None, "parameters": {}}
    found = await client.changed(path, other)
    assert (found["report_id"], found["standard_report"]) == (saved, None)
    back = {"report_id": None, "standard_report": VELOCITY}
    found = await client.changed(path, back)
    assert (found["report_id"], found["standard_report"]) == (None, VELOCITY)
    body = {"name": "None", "cron": "0 8 1 1 *", "recipients": HOOK}
    for more, at in (({}, "/standard_report"), ({"report_id": saved, **back}, "/standard_report")):
        more = {**more, "report_id": saved} if more else more
        answer = await client.post("/v1/report-schedules", json=body | more)
        assert pointers(problem(answer, 422)) == [at]


async def test_who_may_not_ask_for_it_does_not_schedule_it(client):
    levels = {"*": {"read": "all", "create": "all"}, "forecasts": {"read": "none"}}
    maker = await member(client, await custom_role(client, levels=levels))
    body = {"name": "Weekly", "cron": "0 8 1 1 *", "recipients": HOOK}
    answer = await maker.api.post("/v1/report-schedules", json=body | {"standard_report": VELOCITY})
    problem(answer, 403)
    await scheduled(maker.api)


async def test_each_is_told_what_each_sees(client, owner, worker):
    role = await custom_role(client, levels={"*": {"read": "own"}})
    part, whole = await member(client, role), await member(client, "admin")
    levels = {"*": {"read": "all"}, "deals": {"read": "none"}}
    blind = await member(client, await custom_role(client, levels=levels))
    for one, name in ((part, "Part"), (whole, "Whole")):
        await client.changed(f"users/{one.id}", {"name": name})
    await won(client, part.id, whole.id, whole.id)
    recipients = [{"kind": "user", "id": one.id} for one in (part, whole, blind)]
    parameters = {"from": "@today-2d", "to": "@today+1d"}
    made = await scheduled(client, [*recipients, *HOOK], parameters=parameters)
    await owner.execute(DUE, made["id"])
    found = await settled(client, made, 4)
    assert Counter(one["status"] for one in found) == {"sent": 3, "failed": 1}
    (failed,) = [one for one in found if one["status"] == "failed"]
    assert failed["recipient"] == f"user:{blind.id}"
    line = "owner: {} · decided: {} · won: {} · lost: 0 · won_amount: – · lost_amount: – · rate: 1"
    assert await told(part, 1) == [line.format("Part", 1, 1)]
    (text,) = await told(whole, 1)
    assert set(text.split("\n")) == {line.format("Whole", 2, 2), line.format("Part", 1, 1)}
    events = (await client.read("events", types="report_schedule.occurred"))["data"]
    (event,) = [one for one in events if one["record_id"] == made["id"]]
    assert event["data"]["standard_report"] == OUTCOMES
    assert event["data"]["report_id"] is None
    assert event["data"]["parameters"] == parameters


@pytest.mark.parametrize("format", ["csv", "xlsx", "pdf"])
@pytest.mark.parametrize("name", [OUTCOMES, VELOCITY])
async def test_letters_bring_its_files(client, owner, worker, settings, name, format):
    await won(client, None)
    address = f"standard-{name}-{format}@example.com".replace("_", "-")
    to = [{"kind": "email", "address": address}]
    made = await scheduled(client, to, name, format=format)
    before = len(arrived(settings.mail_outbox, address))
    await owner.execute(DUE, made["id"])
    (one,) = await settled(client, made)
    assert (one["status"], one["reason"]) == ("sent", None)
    letter = (await letters_to(settings.mail_outbox, address, before + 1))[-1]
    text = letter.get_body().get_content()
    assert ("pipeline: Partners" in text) == (name == VELOCITY)
    assert "pipeline_id" not in text
    (file,) = letter.iter_attachments()
    assert file.get_filename() == f"{name}.{format}"
    begins = {"csv": ("owner_id", "pipeline_id"), "xlsx": b"PK", "pdf": b"%PDF"}
    bare = file.get_content().lstrip("\ufeff" if format == "csv" else b"")
    assert bare.startswith(begins[format])


async def test_only_if(client, owner, worker):
    await won(client, None, None)
    for bound, status in (("1", "sent"), ("2", "skipped")):
        only = {"measure": "won", "comparison": "gt", "value": bound}
        to = [{"kind": "email", "address": "only-standard@example.com"}]
        made = await scheduled(client, to, condition=only)
        await owner.execute(DUE, made["id"])
        (one,) = await settled(client, made)
        assert one["status"] == status


async def test_graphql_has_the_same(client):
    document = """mutation($input: ReportScheduleCreateInput!) {
        createReportSchedule(input: $input) { id standardReport reportId report { id } } }"""
    body = {"name": "Weekly", "cron": "0 8 1 1 *", "recipients": HOOK, "standardReport": VELOCITY}
    made = (await client.data(document, input=body))["createReportSchedule"]
    assert made == {"id": made["id"], "standardReport": VELOCITY, "reportId": None, "report": None}
    assert (await client.read(f"report-schedules/{made['id']}"))["standard_report"] == VELOCITY
    for wrong in ({"standardReport": "luck"}, {"parameters": {"nothing": 1}}):
        (error,) = (await client.gql(document, input={**body, **wrong}))["errors"]
        assert error["extensions"]["code"] == "invalid_report"
