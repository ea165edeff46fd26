"""Forecasts: computed, submitted, overridden and locked, and rolled up the teams."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from support.clients import problem
from support.forecasting import taken
from support.members import custom_role, member, team
from support.selling import act, deal, pipeline

ALL = {"*": dict.fromkeys(("read", "create", "update"), "all")}
OWN = {"*": {"read": "all"}, "forecasts": dict.fromkeys(("read", "update"), "subtree")}
TODAY = datetime.now(UTC).date()


def quarter(number):
    """The first day of the quarter that begins so many after the present one."""
    months = TODAY.year * 12 + (TODAY.month - 1) // 3 * 3 + 3 * number
    return date(months // 12, months % 12 + 1, 1)


def period_of(first):
    """What a quarter is called."""
    return f"{first.year}-Q{(first.month + 2) // 3}"


START, AFTER = quarter(0), quarter(1)
END = AFTER - timedelta(days=1)
PERIOD = period_of(START)


async def said(api, verb, status=200, headers=None, **body):
    answer = await api.post(
        f"/v1/forecasts/{verb}", json={"period": PERIOD, **body}, headers=headers or {}
    )
    assert answer.status_code == status, answer.text
    return answer.json()


async def nodes(api, period=PERIOD):
    found = await api.read("forecasts", period=period)
    return {node["id"]: node for node in found["nodes"]}


class Company:
    """A team with a lead and two sellers, below a larger one with a head."""

    def __init__(self, client):
        self.client = client

    async def grow(self):
        role = await custom_role(self.client, levels=OWN)
        self.head, self.lead, *self.sellers = [await member(self.client, role) for _ in range(4)]
        self.above = await team(self.client)
        self.team = await team(self.client, *self.sellers, parent=self.above)
        for lead, where in ((self.head, self.above), (self.lead, self.team)):
            body = {"team_id": where, "user_id": lead.id, "is_lead": True}
            await self.client.made("team-members", body)
        return self


@pytest.fixture
async def company(client):
    return await Company(client).grow()


async def test_categories_roll_up_the_teams(client, org, company):
    where = await pipeline(client)
    one, two = company.sellers
    more = {"closes_on": str(END)}
    for seller, amount, category in (
        (one, "1", "pipeline"),
        (one, "10", "best_case"),
        (two, "100", "commit"),
        (two, "7", "omitted"),
    ):
        await deal(
            client, where, amount=amount, owner_id=seller.id, forecast_override=category, **more
        )
    await deal(client, where, amount="5", closes_on=str(AFTER), owner_id=one.id)
    won = await deal(client, where, amount="1000", owner_id=one.id)
    await act(client, won["id"], "win", closed_on=str(START))
    await deal(client, where, amount="3", **more)
    found = await nodes(client)

    def cumulative(id):
        return {name: one["value"] for name, one in found[id]["cumulative"].items()}

    assert cumulative(company.team) == {
        "open_pipeline": "111.00",
        "best_case": "1110.00",
        "most_likely": "1100.00",
        "commit": "1100.00",
        "weighted": "1011.10",
    }
    assert found[one.id]["cumulative"]["commit"]["value"] == "1000.00"
    assert found[one.id]["categories"]["closed"] == "1000.00"
    assert found[company.above]["effective"] == "1100.00"
    assert found[company.team]["parent_id"] == company.above
    assert found[str(org.id)]["cumulative"]["open_pipeline"]["value"] == "114.00"
    assert found[two.id]["wins"] == {
        "definition_id": "wins.v1",
        "expected": "0.10",
        "low": 0,
        "high": 0,
    }


async def test_the_word_of_a_manager_counts_and_all_are_kept(client, org, company):
    one, two = company.sellers
    await said(one.api, "submit", user_id=one.id, commit="100", comment="Sure.")
    await said(one.api, "submit", user_id=one.id, commit="120", best_case="150")
    await said(two.api, "submit", user_id=two.id, commit="50")
    await said(company.lead.api, "override", user_id=one.id, commit="80", comment="Not so sure.")
    await said(one.api, "submit", user_id=one.id, commit="130")
    found = await nodes(client)
    node = found[one.id]
    assert [node[n] for n in ("submitted", "overridden", "effective", "status")] == [
        "130.00",
        "80.00",
        "80.00",
        "submitted",
    ]
    layers = [(e["layer"], e["commit"], e["comment"]) for e in node["entries"]]
    assert [entry for entry in layers if entry[0] != "system"] == [
        ("owner", "130.00", None),
        ("manager", "80.00", "Not so sure."),
        ("owner", "120.00", None),
        ("owner", "100.00", "Sure."),
    ]
    assert len([entry for entry in layers if entry[0] == "system"]) == 3
    assert found[company.team]["effective"] == "130.00"
    await said(company.head.api, "override", team_id=company.team, commit="110")
    found = await nodes(client)
    assert found[company.above]["effective"] == found[str(org.id)]["effective"] == "110.00"
    mine = await nodes(one.api)
    assert mine.keys() >= {one.id}
    assert str(org.id) not in mine


async def test_nobody_counts_twice(client, org, company):
    one, two = company.sellers
    again = await team(client, one, parent=company.above)
    await said(client, "submit", user_id=one.id, commit="10")
    await said(client, "submit", user_id=two.id, commit="1")
    found = await nodes(client)
    told = [found[id]["effective"] for id in (company.team, again, company.above, str(org.id))]
    assert told == ["11.00", "10.00", "11.00", "11.00"]
    await said(client, "override", team_id=again, commit="7")
    found = await nodes(client)
    assert [found[id]["effective"] for id in (again, company.above)] == ["7.00", "8.00"]


async def test_who_may_say_what(client, company):
    one, two = company.sellers
    for api, verb, node in (
        (one.api, "submit", two.id),
        (one.api, "override", one.id),
        (two.api, "override", one.id),
        (company.lead.api, "override", company.head.id),
    ):
        await said(api, verb, 403, user_id=node, commit="1")
    await said(one.api, "submit", 403, team_id=company.team, commit="1")
    await said(one.api, "lock", 403, user_id=one.id)
    await said(company.lead.api, "submit", team_id=company.team, commit="1")
    await said(client, "submit", 422, user_id=one.id, team_id=company.team, commit="1")
    await said(client, "submit", 422, user_id=company.team, commit="1")
    await said(client, "submit", 422, period=f"{START.year}-Q5", commit="1")
    await said(client, "submit", 422, commit="-1")


async def test_what_is_locked_stays(client, company):
    one, _ = company.sellers
    await said(one.api, "submit", user_id=one.id, commit="100")
    locked = await said(company.head.api, "lock", team_id=company.team)
    assert locked["status"] == "locked"
    for api, verb in ((one.api, "submit"), (company.lead.api, "override")):
        answer = await api.post(
            f"/v1/forecasts/{verb}", json={"period": PERIOD, "user_id": one.id, "commit": "1"}
        )
        found = problem(answer, 409, "forecast_locked")
        assert found["node_id"] == company.team
    node = (await nodes(client))[one.id]
    assert (node["status"], node["is_locked"], node["submitted"]) == ("submitted", True, "100.00")
    await said(client, "submit", period=period_of(AFTER), user_id=one.id, commit="1")
    await said(client, "unlock", 409, user_id=one.id)
    assert (await said(company.head.api, "unlock", team_id=company.team))["status"] == "draft"
    await said(one.api, "submit", user_id=one.id, commit="2")
    types = [e["type"] for e in await client.told(locked["id"], 2)]
    assert types == ["forecast.locked", "forecast.unlocked"]


async def test_parallel_words_are_all_kept(client, owner, company):
    one, _ = company.sellers
    bodies = [{"user_id": one.id, "commit": str(n)} for n in range(1, 7)]
    found = await asyncio.gather(*(said(one.api, "submit", **body) for body in bodies))
    assert sorted(state["version"] for state in found) == [1, 2, 3, 4, 5, 6]
    rows = await owner.fetch(
        "SELECT layer FROM forecast_entries WHERE forecast_id = $1", UUID(found[0]["id"])
    )
    assert sorted(row["layer"] for row in rows) == ["owner"] * 6 + ["system"] * 6
    answers = await asyncio.gather(
        *(
            one.api.post(
                "/v1/forecasts/submit",
                json={"period": PERIOD, **body},
                headers={"If-Match": '"6"'},
            )
            for body in bodies
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]


async def test_parallel_lock_and_word_are_one_after_the_other(client, company):
    one, _ = company.sellers
    asked = [said(company.head.api, "lock", team_id=company.team)]
    for n in range(5):
        body = {"period": PERIOD, "user_id": one.id, "commit": str(n)}
        asked.append(one.api.post("/v1/forecasts/submit", json=body))
    _, *answers = await asyncio.gather(*asked)
    accepted = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    entries = (await nodes(client))[one.id]["entries"] if accepted else []
    assert len(entries) == 2 * len(accepted)


async def test_what_was_said_cannot_be_changed(client, database, org, company):
    one, _ = company.sellers
    await said(one.api, "submit", user_id=one.id, commit="100")
    for statement in (
        "UPDATE forecast_entries SET commit_amount = 1",
        "DELETE FROM forecast_entries",
    ):
        with pytest.raises(Exception, match="permission denied"):
            await database.fetch(org.id, statement, ())


async def test_quotas_and_coverage(client, org, company):
    where = await pipeline(client)
    one, two = company.sellers
    days = {"starts_on": str(START), "ends_on": str(END), "metric": "won_amount"}
    for seller, target in ((one, "1000"), (two, "500")):
        await client.made("goals", {"name": "Q", "user_id": seller.id, "target": target, **days})
    won = await deal(client, where, amount="400", owner_id=one.id)
    await act(client, won["id"], "win", closed_on=str(START))
    await deal(client, where, amount="1200", owner_id=one.id, closes_on=str(END))
    found = await nodes(client)
    names = ("quota", "gap")
    assert [found[one.id][n] for n in names] == ["1000.00", "600.00"]
    assert found[one.id]["coverage"]["value"] == "2.0000"
    assert found[one.id]["attainment"]["value"] == "0.4000"
    assert [found[str(org.id)][n] for n in names] == ["1500.00", "1100.00"]


async def test_how_forecasts_came_true(client, owner, org):
    today = datetime.now(UTC).date()
    end = today.replace(day=1) - timedelta(days=1)
    start = end.replace(day=1)
    where = await pipeline(client)
    for amount in ("60", "40"):
        made = await deal(client, where, amount=amount)
        await act(client, made["id"], "win", closed_on=str(end))
    same = {"pipeline_id": where.id, "closes_on": end, "category": "commit"}
    rows = [{"deal_id": UUID(made["id"]), "amount": "110", "probability": 50, **same}]
    await taken(owner, org, start, rows)
    found = await client.read(
        "forecasts/accuracy", kind="month", **{"from": str(start), "to": str(end)}
    )
    by = {(one["days_before_end"], one["source"]): one for one in found["data"]}
    begun = by[None, "computed"]
    assert [begun[n]["value"] for n in ("wape", "bias", "mape")] == ["0.1000"] * 3
    assert by[None, "weighted"]["bias"]["value"] == "-0.4500"
    assert by[7, "computed"]["periods"] == 0
    (period,) = [one for one in found["periods"] if one["days_before_end"] is None]
    assert (period["actual"], period["computed"], period["submitted"]) == ("100.00", "110.00", None)


async def test_the_same_over_graphql(client):
    document = """mutation($input: ForecastInput!) {
        submitForecast(input: $input) { status version entries { layer commit } } }"""
    found = await client.data(document, input={"period": PERIOD, "commit": "12"})
    assert found["submitForecast"]["status"] == "submitted"
    assert [e["layer"] for e in found["submitForecast"]["entries"]] == ["owner", "system"]
    document = """query($period: String) {
        forecasts(period: $period) { period { key startsOn } nodes { kind submitted } }
        forecastAccuracy(kind: "month") { data { source } } }"""
    found = (await client.data(document, period=PERIOD))["forecasts"]
    assert found["period"] == {"key": PERIOD, "startsOn": str(START)}
    assert found["nodes"][0] == {"kind": "organization", "submitted": "12.00"}
    for verb in ("override", "lock", "unlock"):
        kind = "ForecastInput" if verb == "override" else "NodeInput"
        given = {"period": PERIOD} | ({"commit": "1"} if verb == "override" else {})
        document = f"mutation($input: {kind}!) {{ {verb}Forecast(input: $input) {{ status }} }}"
        await client.data(document, input=given)


async def test_the_word_of_who_is_gone_counts_no_more(client, org, company):
    """Their deals are somebody else's by then, and would count twice."""
    where = await pipeline(client)
    one, two = company.sellers
    more = {"closes_on": str(END), "forecast_override": "commit"}
    made = await deal(client, where, amount="100", owner_id=one.id, **more)
    days = {"starts_on": str(START), "ends_on": str(END), "metric": "won_amount"}
    await client.made("goals", {"name": "Q", "user_id": one.id, "target": "500", **days})
    await said(one.api, "submit", user_id=one.id, commit="90")
    await said(company.head.api, "override", team_id=company.team, commit="70")
    assert (await nodes(client))[str(org.id)]["effective"] == "70.00"
    await client.changed(f"deals/{made['id']}", {"owner_id": two.id})
    for path in (f"users/{one.id}", f"teams/{company.team}"):
        answer = await client.delete(f"/v1/{path}")
        if answer.status_code == 409:
            for link in (await client.read("team-members", limit=200))["data"]:
                if link["team_id"] == company.team:
                    await client.delete(f"/v1/team-members/{link['id']}")
            answer = await client.delete(f"/v1/{path}")
        assert answer.status_code == 204, answer.text
    whole = (await nodes(client))[str(org.id)]
    assert (whole["effective"], whole["quota"]) == ("100.00", None)


async def test_what_is_weighted_is_hidden_with_what_is_expected(client, org):
    masks = {"deal": {"hidden": ["expected_amount"], "read_only": []}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    node = (await nodes((await member(client, role)).api))[str(org.id)]
    assert node["cumulative"]["weighted"]["value"] is None
    assert node["cumulative"]["commit"]["value"] == "0.00"
