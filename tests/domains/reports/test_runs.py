"""Saved reports, and what becomes of running them."""

from datetime import timedelta

import pytest
import time_machine

from crm_api.domains.reports.runs import KEPT
from crm_api.kit import clock
from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import by, measure
from support.waiting import patiently, settled

BY_INDUSTRY = {
    "source": "company",
    "filter": {"employees": {"gte": {"$param": "least"}}},
    "groupings": [by("industry")],
    "measures": [measure("count"), measure("sum", "employees")],
    "totals": True,
}
LEAST = [{"name": "least", "type": "integer", "default": 0}]


async def saved(client, **more):
    body = {"name": "By industry", "definition": BY_INDUSTRY, "parameters": LEAST}
    return await client.made("reports", {**body, **more})


@pytest.fixture
async def companies(client):
    for name, industry, size in (("A", "bank", 10), ("B", "bank", 30), ("C", None, 5)):
        await client.made("companies", {"name": name, "industry": industry, "employees": size})


async def run(api, id, status=202, **parameters):
    answer = await api.post(f"/v1/reports/{id}/run", json={"parameters": parameters})
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_report_runs_as_a_job_and_is_kept(client, companies, owner, worker):
    report = await saved(client)
    await settled(owner)
    begun = await run(client, report["id"], least=6)
    assert begun["run"]["report_id"] == report["id"]
    assert begun["run"]["definition"]["filter"] == {"employees": {"gte": 6}}
    job = await client.ended(begun["job_id"])
    assert job["result"] == {"run_id": begun["run"]["id"], "rows": 1}
    assert (job["progress"]["done"], job["progress"]["total"]) == (3, 3)
    found = await client.read(f"report-runs/{begun['run']['id']}")
    assert (found["status"], found["error"], found["row_count"]) == ("succeeded", None, 1)
    assert [one["values"] for one in found["totals"]] == [{"count": 2, "sum": 40}]
    assert len(found["columns"]) == 3
    rows = await client.read(f"report-runs/{begun['run']['id']}/rows")
    (row,) = rows["data"]
    assert row["values"] == {"industry": "bank", "count": 2, "sum": 40}
    path = f"report-runs/{begun['run']['id']}/drilldown"
    behind = await client.read(path, cell=row["cell"])
    assert (behind["count"], behind["is_current"], behind["path"]) == (2, True, "/v1/companies")
    for measure_of in ("nothing", "0" * 100):
        asked = {"cell": row["cell"], "measure": measure_of}
        wrong = problem(await client.get(f"/v1/{path}", params=asked), 422)
        assert wrong["errors"][0]["code"] == "unknown_measure"
    listed = await client.read("report-runs")
    assert [one["status"] for one in listed["data"]] == ["succeeded"]
    # Nothing has changed, so that nothing is run again.
    again = await run(client, report["id"], 200, least=6)
    assert again["is_cached"]
    assert again["run"]["id"] == begun["run"]["id"]
    assert not (await run(client, report["id"], least=7))["is_cached"]
    await client.made("companies", {"name": "D", "industry": "bank", "employees": 50})
    assert not (await client.read(path, cell=row["cell"]))["is_current"]
    newer = await run(client, report["id"], least=6)
    assert not newer["is_cached"]
    await client.ended(newer["job_id"])
    # What was found stays as it was.
    assert await client.read(f"report-runs/{begun['run']['id']}/rows") == rows


async def test_what_was_now_is_kept_for_no_other_now(client, companies, worker):
    younger = {"created_at": {"lte": "@now"}}
    children = {"through": "children", "each": "count", "through_filter": younger}
    definition = {"source": "company", "measures": [measure("sum", **children)]}
    report = await saved(client, definition=definition, parameters=[])
    begun = await run(client, report["id"])
    await client.ended(begun["job_id"])
    assert not (await run(client, report["id"]))["is_cached"]


async def test_rows_by_a_cursor_till_they_expire(client, worker):
    for turn in range(5):
        await client.made("companies", {"name": f"C{turn}"})
    definition = {"source": "company", "groupings": [by("name")]}
    answer = await client.post("/v1/report-runs", json={"definition": definition})
    begun = answer.json()
    assert answer.status_code == 202
    await client.ended(begun["job_id"])
    path = f"report-runs/{begun['run']['id']}"
    names, cursor = [], None
    for size in (2, 2, 1):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await client.read(f"{path}/rows", **params)
        assert len(page["data"]) == size
        names += [row["values"]["name"] for row in page["data"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert names == [f"C{turn}" for turn in range(5)]
    wrong = await client.get(f"/v1/{path}/rows", params={"cursor": "nonsense"})
    problem(wrong, 422)
    with time_machine.travel(clock.now() + KEPT + timedelta(minutes=1), tick=True):
        problem(await client.get(f"/v1/{path}/rows"), 410)
        assert (await client.read(path))["status"] == "expired"
    assert (await client.delete(f"/v1/{path}")).status_code == 204
    problem(await client.get(f"/v1/{path}/rows"), 404)


async def test_parameters_are_of_their_types(client, companies):
    report = await saved(client, parameters=[{"name": "least", "type": "integer"}])
    for given, at in (
        ({}, "/parameters/least"),
        ({"least": "many"}, "/parameters/least"),
        ({"least": True}, "/parameters/least"),
        ({"least": 1, "most": 2}, "/parameters/most"),
    ):
        answer = await client.post(f"/v1/reports/{report['id']}/run", json={"parameters": given})
        assert pointers(problem(answer, 422)) == [at]


async def test_a_parameter_may_be_a_list(client, companies, owner, worker):
    definition = {"source": "company", "filter": {"name": {"in": {"$param": "names"}}}}
    names = {"name": "names", "type": "text", "is_list": True}
    report = await saved(client, definition=definition, parameters=[names])
    path = f"/v1/reports/{report['id']}/run"
    for given, at in (
        ("A", "/parameters/names"),
        ([], "/parameters/names"),
        (["A"] * 1_001, "/parameters/names"),
        (["A", 1], "/parameters/names/1"),
    ):
        answer = await client.post(path, json={"parameters": {"names": given}})
        assert pointers(problem(answer, 422)) == [at]
    begun = await run(client, report["id"], names=["A", "C", "D"])
    await client.ended(begun["job_id"])
    rows = (await client.read(f"report-runs/{begun['run']['id']}/rows"))["data"]
    assert [row["values"] for row in rows] == [{"count": 2}]
    query = "mutation ($id: UUID!, $given: JSON) { runReport(id: $id, parameters: $given) { run { definition } } }"
    told = await client.data(query, id=report["id"], given={"names": ["B"]})
    assert told["runReport"]["run"]["definition"]["filter"] == {"name": {"in": ["B"]}}
    # What is a list fits where one is asked for, and nowhere else.
    body = {"name": "No", "parameters": [names]}
    alone = {**definition, "filter": {"name": {"eq": {"$param": "names"}}}}
    answer = await client.post("/v1/reports", json={**body, "definition": alone})
    assert pointers(problem(answer, 422)) == ["/definition/filter/name/eq"]
    wrong = {**body, "definition": {"source": "company"}}
    wrong["parameters"] = [{**names, "default": ["A", 1]}]
    answer = await client.post("/v1/reports", json=wrong)
    assert pointers(problem(answer, 422)) == ["/parameters/0/default/1"]


async def test_groupings_are_said_in_short(client, companies):
    short = {"source": "company", "group_by": ["industry", "created_at:month"], "filter": {}}
    full = {"source": "company", "groupings": [by("industry"), by("created_at", "month")]}
    answers = [await client.post("/v1/reports/run", json=one) for one in (short, full)]
    told = [answer.json()["rows"] for answer in answers]
    assert told[0] == told[1]
    assert {row["values"]["industry"]: row["values"]["count"] for row in told[0]} == {
        "bank": 2,
        None: 1,
    }
    stored = (await saved(client, definition=short, parameters=[]))["definition"]
    assert stored["groupings"] == [
        {"field": "industry"},
        {"field": "created_at", "bucket": "month"},
    ]
    assert "group_by" not in stored
    for group_by, at in ((["created_at:hour"], "/group_by/0"), (["no"], "/groupings/0/field")):
        body = {"source": "company", "group_by": group_by}
        answer = await client.post("/v1/reports/validate", json=body)
        assert pointers(problem(answer, 422)) == [at]
    both = await client.post("/v1/reports/run", json={**short, **full})
    assert pointers(problem(both, 422)) == ["/group_by"]


WRONG = [
    ("/definition/source", {"definition": {"source": "nothing"}}),
    ("/definition/source", {"definition": {}}),
    ("/definition/groupings/0/field", {"definition": {**BY_INDUSTRY, "groupings": [by("no")]}}),
    ("/definition/filter/employees/gte", {"parameters": []}),
    ("/definition/filter/no", {"definition": {**BY_INDUSTRY, "filter": {"no": 1}}}),
    ("/definition/having/no", {"definition": {**BY_INDUSTRY, "having": {"no": {"gte": 1}}}}),
    ("/parameters/1/name", {"parameters": LEAST * 2}),
    ("/parameters/0/default", {"parameters": [{**LEAST[0], "default": "x"}]}),
    ("/parameters/0/type", {"parameters": [{**LEAST[0], "type": "colour"}]}),
    ("/sharing", {"sharing": "everybody"}),
]


@pytest.mark.parametrize(("at", "body"), WRONG)
async def test_what_is_saved_fits(client, at, body):
    least = {"name": "By industry", "definition": BY_INDUSTRY, "parameters": LEAST}
    answer = await client.post("/v1/reports", json={**least, **body})
    assert pointers(problem(answer, 422)) == [at]


async def test_who_vouches_for_it_has_a_permission(client, companies):
    report = await saved(client, sharing="organization")
    level = {"*": {"read": "all", "create": "all", "update": "all"}}
    editor = (await member(client, await custom_role(client, levels=level))).api
    refused = await editor.post(f"/v1/reports/{report['id']}/certify")
    problem(refused, 403, "missing_right")
    role = await custom_role(client, levels=level, permissions=["certify_reports"])
    chief = await member(client, role)
    answer = await chief.api.post(f"/v1/reports/{report['id']}/certify")
    assert answer.status_code == 200, answer.text
    assert answer.json()["is_certified"]
    await editor.changed(f"reports/{report['id']}", {"name": "Sizes"})
    assert (await client.read(f"reports/{report['id']}"))["is_certified"]
    narrower = {**BY_INDUSTRY, "totals": False}
    changed = await editor.changed(f"reports/{report['id']}", {"definition": narrower})
    assert not changed["is_certified"]
    assert changed["certified_by"] is None
    assert changed["definition_hash"] != report["definition_hash"]
    again = await chief.api.post(f"/v1/reports/{report['id']}/certify")
    assert again.json()["is_certified"]
    answer = await chief.api.post(f"/v1/reports/{report['id']}/uncertify")
    assert not answer.json()["is_certified"]
    mine = await saved(client, name="Private")
    problem(await editor.get(f"/v1/reports/{mine['id']}"), 404)


async def test_a_result_is_for_who_sees_what_was_seen(client, companies, worker):
    role = await custom_role(client, levels={"*": {"read": "all"}})
    reader = await member(client, role)
    report = await saved(client, sharing="organization")
    mine = await run(client, report["id"])
    await client.ended(mine["job_id"])
    problem(await reader.api.get(f"/v1/report-runs/{mine['run']['id']}"), 404)
    assert not (await run(reader.api, report["id"]))["is_cached"]
    begun = (await reader.api.read("report-runs"))["data"][0]
    path = f"/v1/report-runs/{begun['id']}"
    await client.ended(begun["job_id"])
    assert len((await reader.api.read(f"report-runs/{begun['id']}/rows"))["data"]) == 2
    await client.changed(f"roles/{role}", {"masks": {"company": {"hidden": ["employees"]}}})
    async for _ in patiently():
        answer = await reader.api.get(f"{path}/rows")
        if answer.status_code != 200:
            break
    problem(answer, 403, "rights_changed")
    assert (await reader.api.read(f"report-runs/{begun['id']}"))["totals"] is None
    refused = await reader.api.post(f"/v1/reports/{report['id']}/run")
    problem(refused, 403, "hidden_field")


async def test_over_graphql(client, companies, worker):
    report = await saved(client)
    document = """mutation($id: UUID!) {
        certifyReport(id: $id) { isCertified }
        runReport(id: $id, parameters: {least: 6}) { jobId isCached run { id status } }
    }"""
    done = await client.data(document, id=report["id"])
    assert done["certifyReport"]["isCertified"]
    await client.ended(done["runReport"]["jobId"])
    run_id = done["runReport"]["run"]["id"]
    document = """query($id: UUID!) {
        reportRun(id: $id) { status error answer report { name isCertified } }
        reportRunRows(id: $id) { data { cell values } nextCursor }
        reports { nodes { name definition } }
    }"""
    found = await client.data(document, id=run_id)
    assert found["reportRun"]["status"] == "succeeded"
    assert found["reportRun"]["report"] == {"name": "By industry", "isCertified": True}
    assert found["reportRun"]["answer"]["truncated"] is False
    (row,) = found["reportRunRows"]["data"]
    behind = """query($id: UUID!, $cell: String!) {
        reportRunRowsBehind(id: $id, cell: $cell) { count isCurrent } }"""
    told = await client.data(behind, id=run_id, cell=row["cell"])
    assert told["reportRunRowsBehind"] == {"count": 2, "isCurrent": True}
    ended = """mutation($id: UUID!) { uncertifyReport(id: $id) { isCertified } }"""
    assert not (await client.data(ended, id=report["id"]))["uncertifyReport"]["isCertified"]
    more = """mutation($input: ReportQueryInput!, $id: UUID!) {
        createReportRun(input: $input) { isCached run { rowCount } } deleteReportRun(id: $id) }"""
    made = await client.data(more, input={"source": "company"}, id=run_id)
    assert made["createReportRun"]["isCached"] is False
    problem(await client.get(f"/v1/report-runs/{run_id}"), 404)


async def test_a_run_is_cancelled_in_the_middle_of_its_statement(client, companies, owner, worker):
    definition = {"source": "company"}
    async with owner.acquire() as holder, holder.transaction():
        # The statement waits for the lock.
        await holder.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")
        begun = (await client.post("/v1/report-runs", json={"definition": definition})).json()
        async for _ in patiently():
            if (await client.read(f"jobs/{begun['job_id']}"))["status"] == "running":
                break
        assert (await client.post(f"/v1/jobs/{begun['job_id']}/cancel")).status_code == 200
        await client.ended(begun["job_id"], "cancelled")
    found = await client.read(f"report-runs/{begun['run']['id']}")
    assert found["status"] == "cancelled"
    problem(await client.get(f"/v1/report-runs/{begun['run']['id']}/rows"), 409, "run_not_finished")


async def test_a_worker_that_dies_leaves_nothing_half(client, companies, owner, worker_process):
    begun = (
        await client.post("/v1/report-runs", json={"definition": {"source": "company"}})
    ).json()
    async with owner.acquire() as holder, holder.transaction():
        await holder.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")
        first = worker_process()
        async for _ in patiently():
            if (await client.read(f"jobs/{begun['job_id']}"))["status"] == "running":
                break
        first.kill()
        first.wait()
    assert (
        await owner.fetchval(
            "SELECT count(*) FROM report_run_rows WHERE run_id = $1", begun["run"]["id"]
        )
        == 0
    )
    assert (await client.read(f"report-runs/{begun['run']['id']}"))["row_count"] is None
    # What the dead one held is free when its lease is over.
    await owner.execute(
        "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = $1", begun["job_id"]
    )
    worker_process()
    job = await client.ended(begun["job_id"])
    # That its worker died was no try of its own.
    assert job["attempts"] == 1
    assert (await client.read(f"report-runs/{begun['run']['id']}"))["row_count"] == 1


async def test_results_that_may_hold_a_person_end_with_them(client, worker):
    person = await client.made("contacts", {"last_name": "Sampleperson"})
    definition = {
        "source": "contact",
        "filter": {"last_name": "Sampleperson"},
        "groupings": [by("last_name")],
    }
    begun = (await client.post("/v1/report-runs", json={"definition": definition})).json()
    await client.ended(begun["job_id"])
    body = {"record_id": person["id"], "kind": "erasure"}
    made = await client.made("subject-requests", body)
    path = f"/v1/subject-requests/{made['id']}"
    await client.post(f"{path}/verify", json={"verification": "Saw a passport"})
    answer = await client.post(f"{path}/start")
    assert answer.status_code == 202, answer.text
    async for _ in patiently():
        found = await client.read(f"report-runs/{begun['run']['id']}")
        if found["status"] == "expired":
            break
    assert found["definition"] == {}
    assert "Sampleperson" not in str(found)
