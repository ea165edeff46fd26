"""Runs of standard reports by jobs, kept as those of saved ones are."""

from uuid import uuid4

import pytest

from crm_api.domains.reports.runs import ReportRunService
from crm_api.kit.crud.personal import Gone
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem, tx_of
from support.members import custom_role, member
from support.reporting import standard
from support.selling import act, deal, pipeline
from support.waiting import patiently, settled

OUTCOMES = "deal_outcomes_by_owner"
VELOCITY = "pipeline_velocity"
SPAN = {"from": "2022-01-01", "to": "2030-12-31"}


async def begun(api, name, status=202, **parameters):
    body = {"parameters": parameters}
    answer = await api.post(f"/v1/standard-reports/{name}/runs", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
async def where(client):
    found = await pipeline(client)
    for _ in range(2):
        await act(client, (await deal(client, found))["id"], "win")
    return found


@pytest.mark.parametrize("name", [OUTCOMES, VELOCITY])
async def test_it_comes_to_what_it_says_at_once(client, where, worker, name):
    started = await begun(client, name, **SPAN)
    assert (started["run"]["standard_report"], started["run"]["report_id"]) == (name, None)
    assert bool(started["run"]["definition"]) == (name == OUTCOMES)
    await client.ended(started["job_id"])
    path = f"report-runs/{started['run']['id']}"
    found = await client.read(path)
    told = await standard(client, name, **SPAN)
    assert found["status"] == "succeeded"
    assert found["parameters"] == told["parameters"]
    for part in ("columns", "totals"):
        assert found[part] == told["answer"][part]
    rows, cursor = [], None
    while cursor is not None or not rows:
        page = await client.read(f"{path}/rows", limit=1, **({"cursor": cursor} if cursor else {}))
        rows += page["data"]
        cursor = page["next_cursor"]
    assert rows == told["answer"]["rows"] != []
    measure = told["answer"]["columns"][-1]["name"]
    behind = await client.read(f"{path}/drilldown", cell=rows[-1]["cell"], measure=measure)
    asked = {"parameters": SPAN, "cell": rows[-1]["cell"], "measure": measure}
    own = await client.post(f"/v1/standard-reports/{name}/drilldown", json=asked)
    assert behind | {"is_current": True} == own.json()
    wrong = await client.get(f"/v1/{path}/drilldown", params={"cell": "e30x"})
    problem(wrong, 422)


async def test_its_files_and_chart_are_its_own(client, where, worker):
    started = await begun(client, VELOCITY, **SPAN)
    await client.ended(started["job_id"])
    path = f"/v1/report-runs/{started['run']['id']}"
    for last, name in (("file?format=xlsx", f"{VELOCITY}.xlsx"), ("document", f"{VELOCITY}.pdf")):
        made = await client.get(f"{path}/{last}")
        assert made.status_code == 200
        assert name in made.headers["content-disposition"]
    chart = (await client.get(f"{path}/chart")).json()
    own = (await client.post(f"/v1/standard-reports/{VELOCITY}/chart")).json()
    assert chart["encoding"] == own["encoding"]
    assert "velocity" in chart["encoding"]["y"]["title"]
    document = "query($id: UUID!) { reportRunChart(id: $id) }"
    drawn = await client.data(document, id=started["run"]["id"])
    assert drawn["reportRunChart"]["encoding"] == chart["encoding"]


async def test_what_has_not_changed_is_not_run_again(client, where, owner, worker):
    for name in (OUTCOMES, VELOCITY):
        await settled(owner)
        started = await begun(client, name, **SPAN)
        await client.ended(started["job_id"])
        again = await begun(client, name, 200, **SPAN)
        assert (again["is_cached"], again["run"]["id"]) == (True, started["run"]["id"])
        assert not (await begun(client, name))["is_cached"]
        await deal(client, where)
        assert not (await begun(client, name, **SPAN))["is_cached"]


async def test_mistakes_are_told_at_once(client):
    for name, given, at in (
        (OUTCOMES, {"nothing": 1}, "/parameters/nothing"),
        (VELOCITY, {"from": 5}, "/parameters/from"),
        (VELOCITY, {"pipeline_id": str(uuid4())}, "/parameters/pipeline_id"),
        ("cohort_retention", {"months": 61}, "/parameters/months"),
    ):
        faults = problem(
            await client.post(f"/v1/standard-reports/{name}/runs", json={"parameters": given}), 422
        )
        assert pointers(faults) == [at]
    problem(await client.post("/v1/standard-reports/luck/runs", json={}), 404)
    hidden = {"deal": {"hidden": ["base_amount"], "read_only": []}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=hidden)
    reader = await member(client, role)
    refused = await reader.api.post(f"/v1/standard-reports/{VELOCITY}/runs", json={})
    problem(refused, 403, "hidden_field")
    levels = {"*": {"read": "all"}, "forecasts": {"read": "none"}}
    blind = await member(client, await custom_role(client, levels=levels))
    problem(await blind.api.post(f"/v1/standard-reports/{VELOCITY}/runs", json={}), 403)


async def test_a_restricted_user_gets_a_part_and_nobody_else_does(client, where, worker):
    reader = await member(client, await custom_role(client, levels={"*": {"read": "own"}}))
    one = await deal(client, where, owner_id=reader.id)
    await act(client, one["id"], "win")
    for api, decided in ((client, 3), (reader.api, 1)):
        started = await begun(api, OUTCOMES, **SPAN)
        await api.ended(started["job_id"])
        found = await api.read(f"report-runs/{started['run']['id']}")
        assert found["totals"][0]["values"]["decided"] == decided
    problem(await client.get(f"/v1/report-runs/{started['run']['id']}"), 404)


async def test_what_its_domain_refuses_is_why_it_failed(client, worker_process):
    where = (await pipeline(client)).id
    started = await begun(client, VELOCITY, pipeline_id=where)
    assert (await client.delete(f"/v1/pipelines/{where}")).is_success
    worker_process()
    await client.ended(started["job_id"], "failed")
    found = await client.read(f"report-runs/{started['run']['id']}")
    assert found["status"] == "failed"
    assert found["error"]["errors"][0]["pointer"] == "/parameters/pipeline_id"


@pytest.mark.parametrize(
    ("name", "given"),
    [("cohort_retention", {"event": "sampleperson"}), (OUTCOMES, {"from": "2022-02-22"})],
)
async def test_what_is_forgotten_before_it_ran_is_not_run_without_it(
    world, database, worker_process, name, given
):
    org = await world.org()
    api = await world.client(org)
    started = await begun(api, name, **given)
    (text,) = given.values()
    gone = Gone("contact", (), frozenset(), frozenset({text}), frozenset())
    async with unit_of_work(tx_of(database, org)) as tx:
        await ReportRunService(tx).forget(gone)
    worker_process()
    await api.ended(started["job_id"], "failed")
    found = await api.read(f"report-runs/{started['run']['id']}")
    assert (found["parameters"], found["error"]["code"]) == ({}, "ended")


async def test_it_is_cancelled_in_the_middle_of_its_statement(client, where, owner, worker):
    async with owner.acquire() as holder, holder.transaction():
        # The statement waits for the lock.
        await holder.execute("LOCK TABLE pipelines IN ACCESS EXCLUSIVE MODE")
        started = await begun(client, VELOCITY)
        async for _ in patiently():
            if (await client.read(f"jobs/{started['job_id']}"))["status"] == "running":
                break
        assert (await client.post(f"/v1/jobs/{started['job_id']}/cancel")).status_code == 200
        await client.ended(started["job_id"], "cancelled")
    assert (await client.read(f"report-runs/{started['run']['id']}"))["status"] == "cancelled"


async def test_over_graphql(client, where, worker):
    document = """mutation($name: String!, $parameters: JSON) {
        createStandardReportRun(name: $name, parameters: $parameters) {
            jobId isCached run { id standardReport report { id } } } }"""
    done = await client.data(document, name=VELOCITY, parameters=SPAN)
    made = done["createStandardReportRun"]
    assert (made["run"]["standardReport"], made["run"]["report"]) == (VELOCITY, None)
    await client.ended(made["jobId"])
    asked = "query($id: UUID!) { reportRun(id: $id) { status answer } reportRunRows(id: $id) { data { values } } }"
    found = await client.data(asked, id=made["run"]["id"])
    told = await standard(client, VELOCITY, **SPAN)
    assert found["reportRun"]["status"] == "succeeded"
    rows = [row["values"] for row in told["answer"]["rows"]]
    assert [row["values"] for row in found["reportRunRows"]["data"]] == rows
    (error,) = (await client.gql(document, name="luck"))["errors"]
    assert error["extensions"]["code"] == "not_found"
