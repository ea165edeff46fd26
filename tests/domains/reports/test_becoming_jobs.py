"""Reports that take too much while somebody waits become runs by jobs."""

import asyncio

from support.clients import problem
from support.selling import deal, pipeline
from support.waiting import patiently

REPORT = {"source": "company", "measures": [{"name": "count", "function": "count"}]}


async def test_what_is_too_slow_becomes_a_job(client, owner, worker_process):
    await client.made("companies", {"name": "A"})
    async with owner.acquire() as holder, holder.transaction():
        # Every statement waits for the lock.
        await holder.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")
        answer = await client.post("/v1/reports/run", json=REPORT)
    assert answer.status_code == 202, answer.text
    begun = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{begun['job_id']}"
    worker_process()
    await client.ended(begun["job_id"])
    rows = await client.read(f"report-runs/{begun['run']['id']}/rows")
    assert [row["values"] for row in rows["data"]] == [{"count": 1}]


async def test_over_graphql_as_well(client, owner):
    document = """mutation($input: ReportQueryInput!) { runReportQuery(input: $input) {
        answer { rows { values } } started { jobId isCached run { id status } } } }"""
    await client.made("companies", {"name": "A"})
    found = (await client.data(document, input=REPORT))["runReportQuery"]
    assert found == {"answer": {"rows": [{"values": {"count": 1}}]}, "started": None}
    async with owner.acquire() as holder, holder.transaction():
        await holder.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")
        found = (await client.data(document, input=REPORT))["runReportQuery"]
    assert found["answer"] is None
    assert found["started"]["run"]["status"] == "queued"


async def test_mistakes_do_not_become_jobs(client):
    wrong = {**REPORT, "filter": {"nothing": 1}}
    problem(await client.post("/v1/reports/run", json=wrong), 422)
    assert (await client.read("report-runs"))["data"] == []


async def test_a_statement_that_is_ended_leaves_a_failed_run_with_its_reason(
    client, owner, worker_process
):
    await client.made("companies", {"name": "A"})
    async with owner.acquire() as holder, holder.transaction():
        await holder.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")
        begun = (await client.post("/v1/report-runs", json={"definition": REPORT})).json()
        worker_process()
        async for _ in patiently():
            # Not the chores that wait as well; and a transaction sees who there was at its beginning.
            ended = await owner.fetchval(
                "SELECT count(pg_cancel_backend(pid)) FROM pg_locks JOIN pg_class c "
                "ON c.oid = relation JOIN pg_stat_activity USING (pid) WHERE relname = 'companies' "
                "AND NOT granted AND query LIKE '% AS m0%'"
            )
            if ended:
                break
        await client.ended(begun["job_id"], "failed")
    found = await client.read(f"report-runs/{begun['run']['id']}")
    assert found["status"] == "failed"
    assert found["error"]["code"] == "too_slow"
    assert found["row_count"] is None


async def test_a_standard_report_that_is_too_slow_says_so(client, owner):
    where = await pipeline(client)
    await deal(client, where)
    body = {"parameters": {"pipeline_id": where.id}}
    async with owner.acquire() as holder, holder.transaction():
        await holder.execute("LOCK TABLE deal_moves IN ACCESS EXCLUSIVE MODE")
        path = "/v1/standard-reports/stage_conversion/run"
        asked = asyncio.create_task(client.post(path, json=body))
        async for _ in patiently():
            ended = await owner.fetchval(
                "SELECT count(pg_cancel_backend(pid)) FROM pg_locks JOIN pg_class c "
                "ON c.oid = relation WHERE relname = 'deal_moves' AND NOT granted"
            )
            if ended:
                break
        answer = await asked
    problem(answer, 422, "too_slow")
