"""Expenses, risks, status reports, load and earned value of projects."""

from decimal import Decimal

from support.clients import pointers, problem
from support.foreign import ABSENT
from support.members import custom_role, member, new_user


async def act(api, collection, id, verb, status=200, **body):
    answer = await api.post(f"/v1/{collection}/{id}/{verb}", **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_expense_counts_in_the_currency_of_its_project(client):
    rate = {"base": "USD", "quote": "EUR", "day": "2026-03-01", "rate": "0.9"}
    await client.put("/v1/exchange-rates", json={"rates": [rate]})
    own = {"currency": "EUR", "cost_budget": "500", "revenue": "900"}
    made = await client.made("projects", {"name": "Office", **own})
    body = {"project_id": made["id"], "day": "2026-03-02", "amount": "100.01", "currency": "USD"}
    one = await client.made("expenses", {**body, "is_billable": True})
    assert one["project_amount"] == "90.01"
    assert (await client.read(f"projects/{made['id']}/figures"))["pending_cost"] == "90.01"
    await act(client, "expenses", one["id"], "submit")
    await act(client, "expenses", one["id"], "approve")
    problem(await client.patch(f"/v1/expenses/{one['id']}", json={"amount": "1"}), 409)
    found = await client.read(f"projects/{made['id']}/figures")
    names = ("actual_cost", "expenses", "billable_expenses", "pending_cost")
    assert [found[name] for name in names] == ["90.01", "90.01", "90.01", "0.00"]
    answer = await client.patch(f"/v1/projects/{made['id']}", json={"currency": "USD"})
    problem(answer, 409, "currency_used")
    await client.put("/v1/time-entries/settings", json={"locked_until": "2026-03-31"})
    refused = await client.post("/v1/expenses", json={**body, "currency": "EUR"})
    assert problem(refused, 422)["errors"][0]["code"] == "period_closed"
    old = {**body, "day": "2026-05-30"}
    problem(await client.post("/v1/expenses", json=old), 409, "rate_too_old")


async def test_users_of_the_organization_see_to_risks(client, owner):
    user = await new_user(client)
    risk = {"key": "delay", "title": "Late parts", "probability": 4, "impact": 5}
    for id in (ABSENT, user):
        body = {"name": "Office", "risks": [{**risk, "owner_id": id}]}
        answer = await client.post("/v1/projects", json=body)
        assert answer.status_code == (201 if id == user else 422), answer.text
        if id == ABSENT:
            assert pointers(problem(answer, 422)) == ["/risks/0/owner_id"]
    path = f"projects/{answer.json()['id']}"
    await owner.execute("UPDATE users SET status = 'suspended' WHERE id = $1", user)
    # Who is gone goes on with what they saw to.
    kept = await client.changed(path, {"risks": [{**risk, "impact": 4, "owner_id": user}]})
    assert (kept["risks"][0]["owner_id"], kept["risks"][0]["score"]) == (user, 16)


async def test_a_report_keeps_what_it_told(client):
    risk = {"key": "delay", "title": "Late parts", "probability": 4, "impact": 5}
    issue = {"key": "leak", "title": "A leak", "kind": "issue", "impact": 1}
    made = await client.made("projects", {"name": "Office", "risks": [risk, issue]})
    assert [one["score"] for one in made["risks"]] == [20, 5]
    wrong = [{**issue, "probability": 2}, {**risk, "key": "x", "probability": None}]
    problem(await client.patch(f"/v1/projects/{made['id']}", json={"risks": wrong}), 422)
    found = await client.read(f"projects/{made['id']}/figures")
    assert (found["health"], found["reasons"][0]["code"]) == ("red", "risk")
    body = {"since": "2026-03-01", "until": "2026-03-31", "summary": "Parts are late."}
    told = await act(client, "projects", made["id"], "status-reports", 201, **body)
    assert (told["health"], [one["key"] for one in told["risks"]]) == ("red", ["delay", "leak"])
    closed = [{**risk, "status": "closed"}, issue]
    await client.changed(f"projects/{made['id']}", {"revenue": "10", "risks": closed})
    assert (await client.read(f"projects/{made['id']}/figures"))["health"] == "green"
    kept = await client.read(f"status-reports/{told['id']}")
    assert kept["figures"] == found | {"project_id": made["id"]}
    assert (await client.patch(f"/v1/status-reports/{told['id']}", json={})).status_code == 405
    document = "{ statusReports { nodes { health figures { revenue } project { name } } } }"
    nodes = (await client.data(document))["statusReports"]["nodes"]
    assert nodes == [{"health": "red", "figures": {"revenue": None}, "project": {"name": "Office"}}]


async def test_what_is_left_is_spread_over_the_weeks_of_those_who_do_it(client):
    # Ten working days from a Monday on, of which the first five are half done by percent.
    made = await client.made("projects", {"name": "Office", "starts_on": "2031-06-02"})
    of = {"project_id": made["id"]}
    user = {"email": "worker@example.com", "name": "Example Worker"}
    owner = (await client.made("users", user))["id"]
    long = {"name": "Build", "minutes": 4800, "estimate_minutes": 1000, "percent": 50}
    await client.made("project-tasks", {**of, **long, "owner_id": owner})
    await client.made("project-tasks", {**of, "name": "Nobody's", "minutes": 480})
    await client.made("project-tasks", {**of, "name": "Done", "minutes": 480, "percent": 100})
    found = await client.read("projects/load", **{"from": "2031-06-04", "to": "2031-06-10"})
    assert (found["since"], found["until"]) == ("2031-06-02", "2031-06-15")
    mine, nobody = found["users"]
    assert (mine["owner_id"], nobody["owner_id"]) == (owner, None)
    assert [one["planned_minutes"] for one in mine["weeks"]] == [250, 250]
    assert [one["capacity_minutes"] for one in mine["weeks"]] == [2400, 2400]
    assert (nobody["planned_minutes"], nobody["capacity_minutes"]) == (480, 0)
    wrong = {"from": "2031-06-04", "to": "2033-06-10"}
    problem(await client.get("/v1/projects/load", params=wrong), 422)
    for far in ("0001-01-01", "9999-12-31"):
        answer = await client.get("/v1/projects/load", params={"from": far, "to": far})
        assert problem(answer, 422)["errors"][0]["code"] == "out_of_range"
        document = "query($day: Date!) { projectLoad(since: $day, until: $day) { since } }"
        (fault,) = (await client.gql(document, day=far))["errors"]
        assert fault["extensions"]["code"] == "out_of_range"
    document = """{ projectLoad(since: "2031-06-02", until: "2031-06-02") {
        users { plannedMinutes } } }"""
    users = (await client.data(document))["projectLoad"]["users"]
    assert [one["plannedMinutes"] for one in users] == [250, 480]


async def test_what_is_earned_is_told_by_what_is_done(client):
    # All was to be done long ago; half of it is, and has cost 300 of 500.
    own = {"starts_on": "2026-03-02", "cost_budget": "500", "currency": "EUR"}
    made = await client.made("projects", {"name": "Office", **own})
    of = {"project_id": made["id"]}
    for percent in (100, 0):
        body = {**of, "name": "Work", "minutes": 480, "percent": percent}
        await client.made("project-tasks", body)
    await client.post(f"/v1/projects/{made['id']}/baseline")
    time = {**of, "day": "2026-03-04", "minutes": 300, "cost_rate": "60"}
    one = await client.made("time-entries", time)
    await act(client, "time-entries", one["id"], "submit")
    await act(client, "time-entries", one["id"], "approve")
    found = await client.read(f"projects/{made['id']}/earned-value")
    names = ("planned_value", "earned_value", "actual_cost", "cpi", "spi")
    assert [found[name] for name in names] == ["500.00", "250.00", "300.00", "0.8333", "0.5"]
    names = ("estimate_at_completion", "cost_variance", "variance_at_completion", "basis")
    assert [found[name] for name in names] == ["600.00", "-50.00", "-100.00", "baseline"]
    assert Decimal(found["estimate_to_complete"]) == 300
    week = {"week": "2026-03-02", "planned_minutes": 960, "worked_minutes": 300}
    assert found["burn"] == [week]
    document = "query($id: UUID!) { projectEarnedValue(id: $id) { earnedValue } }"
    told = (await client.data(document, id=made["id"]))["projectEarnedValue"]
    assert told == {"earnedValue": "250.00"}


async def test_whoever_may_not_read_expenses_sees_no_figures_in_reports(client):
    made = await client.made("projects", {"name": "Office", "revenue": "900"})
    body = {"since": "2026-03-01", "until": "2026-03-31", "summary": "All is well."}
    told = await act(client, "projects", made["id"], "status-reports", 201, **body)
    document = "{ statusReports { nodes { summary figures { revenue } } } }"
    for area in ("expenses", "time_entries"):
        levels = {"*": {"read": "all"}, area: {"read": "none"}}
        who = (await member(client, await custom_role(client, levels=levels))).api
        problem(await who.get(f"/v1/projects/{made['id']}/figures"), 403)
        assert (await who.read(f"status-reports/{told['id']}"))["figures"] is None
        (node,) = (await who.data(document))["statusReports"]["nodes"]
        assert (node["summary"], node["figures"]) == (body["summary"], None)
