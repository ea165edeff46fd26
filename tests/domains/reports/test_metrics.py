"""Metrics: the same number as elsewhere, with its definition, by groups and days."""

from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import behind, by, measure, values
from support.selling import act, deal, pipeline, reason

SPAN = {"from": "2026-01-01", "to": "2026-12-31"}


async def sold(client):
    where, because = await pipeline(client), await reason(client)
    for turn, (amount, end) in enumerate(
        (("100.00", "win"), ("300.00", "win"), ("50.00", "lose"), ("1000.00", None))
    ):
        one = await deal(
            client, where, name=f"D{turn}", amount=amount, currency="EUR", closes_on="2026-03-31"
        )
        if end == "lose":
            await act(client, one["id"], end, loss_reason_id=because)
        elif end:
            await act(client, one["id"], end)
    return where


async def test_they_are_those_of_the_pipeline(client, owner, org):
    where = await sold(client)
    await owner.execute(
        "UPDATE deals SET created_at = '2026-01-10T23:30:00Z' WHERE organization_id = $1", org.id
    )
    found = await client.read(f"pipelines/{where.id}/analytics", **SPAN)
    by_id = {}

    def walk(value):
        if isinstance(value, dict):
            if "definition_id" in value:
                by_id[value["definition_id"]] = value["value"]
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk({name: value for name, value in found.items() if name != "stages"})
    expected = {
        "win_rate_count": "0.666667",
        "win_rate_value": "0.888889",
        "conversion_rate": "0.5",
        "sales_cycle_mean": None,
        "sales_cycle_median": None,
        "average_won_amount": "200.00",
        "won_amount": "400.00",
        "new_deals": 4,
    }
    for name, value in expected.items():
        answer = await client.read(f"metrics/{name}", **SPAN)
        metric = answer["metric"]
        assert (metric["name"], metric["version"], metric["source"]) == (name, 1, "deal")
        assert metric["text"]
        assert metric["measures"]
        if value is not None:
            assert answer["value"] == value, name
        if metric["id"] in by_id:
            assert abs(float(answer["value"]) - float(by_id[metric["id"]])) < 0.0001, name
    answer = await client.read("metrics/weighted_pipeline")
    assert float(answer["value"]) == float(by_id["weighted_pipeline.v1"])
    outside = {"from": "2025-01-01", "to": "2025-12-31"}
    assert (await client.read("metrics/win_rate_count", **outside))["value"] is None


async def test_by_groups_and_days(client, owner, org):
    await sold(client)
    await owner.execute(
        "UPDATE deals SET closes_on = '2026-03-31' WHERE organization_id = $1", org.id
    )
    answer = await client.read(
        "metrics/won_amount", by="closes_on:month,status", **{**SPAN, "to": "2026-04-30"}
    )
    found = {row["values"]["closes_on"]: row["values"]["amount"] for row in answer["rows"]}
    assert found == {
        "2026-01-01": None,
        "2026-02-01": None,
        "2026-03-01": "400.00",
        "2026-04-01": None,
    }
    by_status = await client.read("metrics/new_deals", by="status")
    counts = {row["values"]["status"]: row["values"]["number"] for row in by_status["rows"]}
    assert counts == {"won": 2, "lost": 1, "open": 1}
    document = """query {
        metrics { id text }
        metric(name: "win_rate_count", by: "pipeline.name") { value rows { values } }
    }"""
    told = await client.data(document)
    assert told["metric"]["value"] == "0.666667"
    assert "win_rate_count.v1" in {one["id"] for one in told["metrics"]}
    assert told["metrics"] == [
        {"id": one["id"], "text": one["text"]} for one in (await client.read("metrics"))["data"]
    ]


async def test_what_is_wrong_is_said(client):
    await sold(client)
    problem(await client.get("/v1/metrics/nothing"), 404)
    for parameter, params in (
        ("by", {"by": "nothing"}),
        ("by", {"by": "closes_on"}),
        ("by", {"by": "closes_on:decade"}),
        ("by", {"by": "name,status,owner_id,stage_id"}),
        ("to", {"from": "2026-02-01", "to": "2026-01-01"}),
        ("by", {"by": "closes_on:day", "from": "1900-01-01", "to": "2199-12-31"}),
    ):
        found = problem(await client.get("/v1/metrics/won_amount", params=params), 422)
        assert pointers(found) == [parameter], params
    answer = await client.get("/v1/metrics/won_amount", params={"from": "1000-01-01"})
    problem(answer, 422)
    answer = await client.get("/v1/metrics/weighted_pipeline", params=SPAN)
    assert pointers(problem(answer, 422)) == ["from"]
    role = await custom_role(
        client, levels={"*": {"read": "all"}}, masks={"deal": {"hidden": ["base_amount"]}}
    )
    reader = (await member(client, role)).api
    problem(await reader.get("/v1/metrics/won_amount"), 403, "hidden_field")
    assert (await reader.read("metrics/new_deals"))["value"] == 4
    none = await custom_role(
        client, levels={"companies": {"read": "all"}, "reports": {"read": "all"}}
    )
    outsider = (await member(client, none)).api
    problem(await outsider.get("/v1/metrics/new_deals"), 403)
    assert "new_deals" not in {one["name"] for one in (await outsider.read("metrics"))["data"]}


async def test_velocities_of_pipelines_add_up(client, owner, org):
    here, other = await sold(client), await sold(client)
    await pipeline(client)
    await owner.execute(
        "UPDATE deals SET closes_on = '2026-03-31', created_at = '2026-03-21T00:00:00Z' "
        "WHERE organization_id = $1",
        org.id,
    )
    answer = await client.read("metrics/velocity", by="pipeline_id", **SPAN)
    assert answer["metric"]["standard_report"] == "pipeline_velocity"
    told = {row["values"]["pipeline_id"]: row["values"]["velocity"] for row in answer["rows"]}
    # One qualified deal, 200 won of two in three, after ten days; and nothing was won elsewhere.
    assert told.pop(here.id) == told.pop(other.id) == "13.33"
    assert set(told.values()) <= {None}
    assert answer["value"] == "26.66"
    assert set(answer["rows"][0]["values"]) == {"pipeline_id", "pipeline", "velocity"}
    whole = await client.read("metrics/velocity", **SPAN)
    assert (whole["value"], whole["columns"], whole["rows"]) == ("26.66", [], [])
    for params, parameter in (
        ({"by": "owner_id"}, "by"),
        ({"by": "pipeline_id:month"}, "by"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "to"),
        ({"from": "1000-01-01"}, "from"),
    ):
        found = problem(await client.get("/v1/metrics/velocity", params=params), 422)
        assert pointers(found) == [parameter]
    answer = await client.get("/v1/metrics/coverage", params=SPAN)
    assert pointers(problem(answer, 422)) == ["from"]
    levels = {"*": {"read": "all"}, "forecasts": {"read": "none"}}
    blind = (await member(client, await custom_role(client, levels=levels))).api
    problem(await blind.get("/v1/metrics/velocity"), 403)
    names = {one["name"] for one in (await blind.read("metrics"))["data"]}
    assert "velocity" not in names
    assert "new_deals" in names


async def test_amounts_of_a_currency_of_before_are_none(client, owner):
    where = await pipeline(client)
    made = [
        await deal(client, where, name="D", amount=amount, currency="EUR")
        for amount in ("10.00", "20.00")
    ]
    await owner.execute("UPDATE deals SET base_currency = 'XXX' WHERE id = $1", made[0]["id"])
    body = {"source": "deal", "measures": [measure("sum", "base_amount"), measure("count")]}
    answer = (await client.post("/v1/reports/run", json=body)).json()
    assert values(answer) == [{"sum": "20.00", "count": 2}]
    (column, _) = answer["columns"]
    assert column["currency"] == answer["currency"] == "EUR"


async def test_records_of_an_organizations_own_kind(client):
    await client.made(
        "custom-objects", {"key": "vehicle", "label": "Vehicle", "plural_label": "Vehicles"}
    )
    await client.made("custom-fields", {"target": "vehicle", "name": "colour", "type": "text"})
    for colour in ("red", "red", "blue"):
        await client.made("objects/vehicle", {"name": "V", "custom": {"colour": colour}})
    report = {"source": "vehicle", "groupings": [by("custom.colour")]}
    answer = (await client.post("/v1/reports/run", json=report)).json()
    assert values(answer) == [
        {"custom.colour": "blue", "count": 1},
        {"custom.colour": "red", "count": 2},
    ]
    assert len(await behind(client, report, answer["rows"][1]["cell"])) == 2
    assert "vehicle" in {one["source"] for one in (await client.read("report-sources"))["data"]}
