"""Time entries, what is locked of them, and what they make of a project."""

import asyncio
from uuid import UUID

from crm_api.domains.projects.timing import TimeEntryService
from crm_api.domains.projects.work_repository import TimeEntries
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem, tx_of


async def entry(api, of, day="2026-03-02", **more):
    return await api.made(
        "time-entries", {"project_id": of["id"], "day": day, "minutes": 90, **more}
    )


async def act(api, entry, verb, status=200, **body):
    answer = await api.post(
        f"/v1/time-entries/{entry['id']}/{verb}", **({"json": body} if body else {})
    )
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_what_is_approved_stays_as_it_is(client):
    made = await client.made("projects", {"name": "Office"})
    one = await entry(client, made)
    assert (await act(client, one, "submit"))["status"] == "submitted"
    answer = await client.patch(f"/v1/time-entries/{one['id']}", json={"minutes": 60})
    problem(answer, 409, "time_locked")
    assert (await act(client, one, "recall"))["status"] == "draft"
    await client.changed(f"time-entries/{one['id']}", {"minutes": 60})
    await act(client, one, "submit")
    assert (await act(client, one, "reject", reason="Of another project."))["status"] == "rejected"
    await act(client, one, "submit")
    assert (await act(client, one, "approve"))["status"] == "approved"
    problem(await client.delete(f"/v1/time-entries/{one['id']}"), 409, "time_locked")
    await act(client, one, "recall", 409)


async def test_a_closed_period_takes_no_time(client):
    made = await client.made("projects", {"name": "Office"})
    old, new = await entry(client, made), await entry(client, made, "2026-04-01")
    answer = await client.put("/v1/time-entries/settings", json={"locked_until": "2026-03-31"})
    assert answer.status_code == 200, answer.text
    body = {"project_id": made["id"], "day": "2026-03-31", "minutes": 30}
    assert [
        problem(answer, 422)["errors"][0]["code"]
        for answer in (
            await client.post("/v1/time-entries", json=body),
            await client.patch(f"/v1/time-entries/{old['id']}", json={"minutes": 30}),
            await client.patch(f"/v1/time-entries/{new['id']}", json={"day": "2026-03-31"}),
            await client.delete(f"/v1/time-entries/{old['id']}"),
            await client.post(f"/v1/time-entries/{old['id']}/submit"),
        )
    ] == ["period_closed"] * 5
    await client.changed(f"time-entries/{new['id']}", {"minutes": 30})
    document = "mutation { setTimeSettings(input: {}) { lockedUntil } }"
    assert (await client.data(document))["setTimeSettings"] == {"lockedUntil": None}
    await act(client, old, "submit")


async def test_a_project_knows_how_it_fares(client):
    body = {"name": "Office", "revenue": "1000.00", "cost_budget": "500.00"}
    made = await client.made("projects", {**body, "currency": "EUR"})
    task = {"name": "Work", "project_id": made["id"], "minutes": 600, "percent": 50}
    await client.made("project-tasks", task)
    one = await entry(client, made, minutes=200, rate="120.00", cost_rate="90.00")
    await entry(client, made, minutes=20, cost_rate="90.00")
    before = await client.read(f"projects/{made['id']}/figures")
    assert (before["actual_cost"], before["pending_cost"]) == ("0.00", "330.00")
    assert (before["forecast_cost"], before["health"]) == ("500.00", "green")
    await act(client, one, "submit")
    await act(client, one, "approve")
    after = await client.read(f"projects/{made['id']}/figures")
    assert (after["actual_cost"], after["billable_amount"]) == ("300.00", "400.00")
    # Half of the work has cost 300, so all of it will have cost 600.
    assert (after["percent"], after["forecast_cost"]) == (50, "600.00")
    assert (after["quoted_margin"], after["forecast_margin"]) == ("500.00", "400.00")
    assert after["health"] == "red"
    assert [reason["code"] for reason in after["reasons"]] == ["over_budget"]


async def test_time_is_decided_once(client):
    made = await client.made("projects", {"name": "Office"})
    one = await entry(client, made)
    await act(client, one, "submit")
    path = f"/v1/time-entries/{one['id']}"
    answers = await asyncio.gather(
        *(client.post(f"{path}/approve") for _ in range(3)),
        *(client.post(f"{path}/reject", json={"reason": "No."}) for _ in range(3)),
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 5]


async def test_time_comes_back_to_open_days_alone(client):
    made = await client.made("projects", {"name": "Office"})
    one = await entry(client, made)
    assert (await client.delete(f"/v1/time-entries/{one['id']}")).status_code == 204
    await client.put("/v1/time-entries/settings", json={"locked_until": "2026-03-31"})
    answer = await client.post(f"/v1/time-entries/{one['id']}/restore")
    assert problem(answer, 422)["errors"][0]["code"] == "period_closed"


async def test_the_first_closing_waits_for_who_writes(client, database, org):
    """Where nothing was configured before there is something to hold all the same."""
    async with unit_of_work(tx_of(database, org)) as writer:
        assert await TimeEntries(writer).locked_until() is None
        closing = asyncio.create_task(
            client.put("/v1/time-entries/settings", json={"locked_until": "2026-03-31"})
        )
        done, _ = await asyncio.wait([closing], timeout=0.5)
        assert not done
    assert (await closing).status_code == 200


async def test_what_has_amounts_keeps_its_currency(client):
    made = await client.made("projects", {"name": "Office", "currency": "EUR"})
    await client.changed(f"projects/{made['id']}", {"currency": "USD"})
    await entry(client, made, cost_rate="90.00")
    answer = await client.patch(f"/v1/projects/{made['id']}", json={"currency": "EUR"})
    assert pointers(problem(answer, 409, "currency_used")) == ["/currency"]


async def test_an_undo_leaves_closed_time_alone(client, database, org):
    made = await client.made("projects", {"name": "Office"})
    old, new = await entry(client, made), await entry(client, made, "2026-04-01")
    await client.put("/v1/time-entries/settings", json={"locked_until": "2026-03-31"})
    async with unit_of_work(tx_of(database, org)) as tx:
        service = TimeEntryService(tx)
        for record in await service.records.locked([UUID(old["id"]), UUID(new["id"])]):
            await service.put_back(record, {"minutes": 60})
    found = [await client.read(f"time-entries/{one['id']}") for one in (old, new)]
    assert [one["minutes"] for one in found] == [90, 60]
