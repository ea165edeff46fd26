"""Values of metrics and cells of tiles, opened: their rows come to what is told, for whoever asks."""

from base64 import urlsafe_b64encode
from decimal import Decimal

import pytest

from support.boards import dashboard, shown
from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import behind, by, listed, reported
from support.selling import act, deal, pipeline, reason

SPAN = {"from": "2022-01-01", "to": "2030-12-31"}


def _sum(rows, test=lambda row: True):
    return sum((Decimal(row["base_amount"]) for row in rows if test(row)), Decimal(0))


def _won(row):
    return row["status"] == "won"


def _share(above, below):
    return None if not below else round(Decimal(above) / Decimal(below), 6)


METRICS = {
    "won_amount": _sum,
    "new_deals": len,
    "win_rate_count": lambda rows: _share(sum(map(_won, rows)), len(rows)),
    "win_rate_value": lambda rows: _share(_sum(rows, _won), _sum(rows)),
    "conversion_rate": lambda rows: _share(sum(map(_won, rows)), len(rows)),
    "average_won_amount": lambda rows: _share(_sum(rows), len(rows)),
    "weighted_pipeline": lambda rows: sum(
        Decimal(row["base_amount"]) * row["probability"] / 100 for row in rows
    ),
}
"""By name what the rows behind it come to in plain Python."""


async def _sold(api, *owners):
    where, because = await pipeline(api), await reason(api)
    for place, owner in enumerate(owners):
        for turn, end in enumerate(("win", "win", "lose", None)):
            amount = f"{100 * (turn + 1) + 7 * place}.50"
            one = await deal(api, where, owner_id=owner, amount=amount, currency="EUR")
            if end == "lose":
                await act(api, one["id"], end, loss_reason_id=because)
            elif end:
                await act(api, one["id"], end)
    return where


async def _opened(api, name, cell, **params):
    found = await api.read(f"metrics/{name}/drilldown", cell=cell, **params)
    return await listed(api, found)


def _agree(name, value, rows):
    expected = METRICS[name](rows)
    assert (
        Decimal(str(value)) == expected.quantize(Decimal("0.01"))
        if name.endswith(("amount", "pipeline"))
        else Decimal(str(value)) == expected
    ), (name, value, expected)


async def test_metrics_are_what_their_rows_come_to(client):
    role = await custom_role(client, levels={"*": {"read": "own"}, "reports": {"read": "all"}})
    some, other = await member(client, role), await member(client, role)
    await _sold(client, some.id, other.id, None)
    counts = {}
    for api in (client, some.api, other.api):
        for name in METRICS:
            days = {} if name == "weighted_pipeline" else SPAN
            answer = await api.read(f"metrics/{name}", by="owner_id", **days)
            rows = await _opened(api, name, answer["cell"], by="owner_id", **days)
            _agree(name, answer["value"], rows)
            counts[name, api] = len(rows)
            groups = 0
            for row in answer["rows"]:
                own = await _opened(api, name, row["cell"], by="owner_id", **days)
                _agree(name, row["values"][answer["columns"][-1]["name"]], own)
                groups += len(own)
            assert groups == len(rows), name
    assert (counts["new_deals", client], counts["new_deals", some.api]) == (12, 4)


async def test_what_a_ratio_is_of_is_opened_by_its_measure(client):
    await _sold(client, None)
    answer = await client.read("metrics/win_rate_count")
    for measure, number in (("won", 2), ("decided", 3), (None, 3)):
        more = {"measure": measure} if measure else {}
        assert len(await _opened(client, "win_rate_count", answer["cell"], **more)) == number
    document = """query($cell: String!) {
        metricRowsBehind(name: "win_rate_count", cell: $cell, measure: "won", by: "status",
            filter: {status: "won"}) { count filter seal }
    }"""
    told = (await client.data(document, cell=answer["cell"]))["metricRowsBehind"]
    assert told["count"] == 2
    deep = urlsafe_b64encode(b"[" * 2_900).decode()
    for params, parameter in (
        ({"cell": "nothing"}, "cell"),
        ({"cell": deep}, "cell"),
        ({"measure": "no"}, "measure"),
        ({"by": "nothing"}, "by"),
        ({"by": "created_at"}, "by"),
        ({"by": "status,status"}, "by"),
    ):
        given = {"cell": answer["cell"], **params}
        found = problem(await client.get("/v1/metrics/win_rate_count/drilldown", params=given), 422)
        assert pointers(found) == [parameter]


async def test_cells_are_no_longer_for_one_face_than_for_the_other(client):
    document = """query($cell: String!) {
        metricRowsBehind(name: "new_deals", cell: $cell) { count }
    }"""
    whole = (await client.read("metrics/new_deals"))["cell"]
    assert (await client.data(document, cell=whole))["metricRowsBehind"] == {"count": 0}
    # Spaces change nothing of what JSON says.
    long = urlsafe_b64encode(b"{" + b" " * 4_000 + b"}").decode()
    wrong = (await client.gql(document, cell=long))["errors"][0]["extensions"]["problem"]
    assert pointers(wrong) == ["cell"]


async def test_measures_of_standard_reports_are_opened_too(client):
    where = await _sold(client, None)
    answer = await client.read("metrics/velocity", by="pipeline_id", **SPAN)
    whole = await client.read("metrics/velocity/drilldown", cell=answer["cell"], **SPAN)
    own = next(r for r in answer["rows"] if r["values"]["pipeline_id"] == where.id)
    found = await client.read(
        "metrics/velocity/drilldown", cell=own["cell"], by="pipeline_id", **SPAN
    )
    assert len(await listed(client, whole)) == len(await listed(client, found)) == found["count"]
    empty = await client.read("metrics/coverage")
    assert (empty["value"], empty["cell"]) == (None, None)


async def test_metrics_take_filters(client):
    await _sold(client, None)
    asked = {"filter[status]": "won", "filter[amount][gte]": "200", "filter[version][lte]": "9"}
    answer = await client.read("metrics/new_deals", **asked, **SPAN)
    assert answer["value"] == 1
    (row,) = await _opened(client, "new_deals", answer["cell"], **asked, **SPAN)
    assert row["amount"] == "200.50"
    document = """query($filter: JSON) { metric(name: "new_deals", filter: $filter) { value } }"""
    given = {"status": "won", "amount": {"gte": "200"}}
    assert (await client.data(document, filter=given))["metric"]["value"] == 1
    for name, params, at in (
        ("new_deals", {"filter[nothing]": "1"}, "/filter/nothing"),
        ("new_deals", {"filter[amount][gte]": "x"}, "/filter/amount/gte"),
        ("velocity", {"filter[status]": "won"}, "filter"),
    ):
        found = problem(await client.get(f"/v1/metrics/{name}", params=params), 422)
        assert pointers(found) == [at]
    wrong = (await client.gql(document, filter={"amount": {"gte": "x"}}))["errors"][0]
    assert pointers(wrong["extensions"]["problem"]) == ["/filter/amount/gte"]


def _deep(levels, leaf):
    return leaf if levels == 1 else {("or", "and")[levels % 2]: [_deep(levels - 1, leaf)]}


async def test_the_largest_filters_are_opened(client):
    """Six levels and fifty conditions of a report, and as many of its measure."""
    await _sold(client, None)
    some = _deep(6, {"amount": {"gt": "0"}, "status": {"in": ["won", "lost"]}})
    many = {"or": [{"amount": {"eq": f"{n}.50"}} for n in range(100, 150)]}
    for filter, own in ((some, some), (many, many), (many, some)):
        measures = [
            {"name": "all", "function": "count"},
            {"name": "some", "function": "count", "filter": own},
        ]
        report = {
            "source": "deal",
            "filter": filter,
            "groupings": [by("created_at", "month"), by("status")],
            "measures": measures,
            "totals": True,
        }
        answer = await reported(client, **report)
        assert answer["rows"]
        for row in (*answer["rows"], *answer["totals"]):
            for name in ("all", "some"):
                rows = await behind(client, report, row["cell"], measure=name)
                assert len(rows) == row["values"][name]
    asked = {"source": "deal", "filter": _deep(7, {"amount": {"gt": "0"}})}
    assert pointers(await reported(client, status=422, **asked))
    sides = [{"name": "a", "filter": some}, {"name": "b", "filter": {"status": "won"}}]
    both = await reported(
        client, "deal", kind="comparison", filter=some, sides=sides, groupings=[by("status")]
    )
    assert sum(row["values"]["count_a"] for row in both["rows"]) == 3


async def test_seals_are_of_their_filters_alone(client):
    await _sold(client, None)
    answer = await client.read("metrics/new_deals")
    found = await client.read("metrics/new_deals/drilldown", cell=answer["cell"])
    given = {"filter": found["filter"], "seal": found["seal"]}
    # As what writes JSON does that knows but one kind of numbers.
    await client.made("custom-fields", {"target": "deal", "name": "size", "type": "decimal"})
    said = {"or": [{"custom": {"size": {"lt": 1.0}}}, {"name": {"is_null": False}}]}
    report = {"source": "deal", "filter": said, "measures": [{"name": "n", "function": "count"}]}
    (row,) = (await reported(client, **report))["rows"]
    body = {"report": report, "cell": row["cell"]}
    sealed = (await client.post("/v1/reports/drilldown", json=body)).json()
    plain = {"or": [{"custom": {"size": {"lt": 1}}}, {"name": {"is_null": False}}]}
    for filter in (said, plain):
        asked = {"filter": filter, "seal": sealed["seal"]}
        answer = await client.post("/v1/deals/query", json=asked)
        assert len(answer.json()["data"]) == sealed["count"], answer.text
    for path, change in (
        ("deals", {"filter": {**found["filter"], "name": "x"}}),
        ("companies", {}),
        ("deals", {"seal": "nothing"}),
    ):
        answer = await client.post(f"/v1/{path}/query", json=given | change)
        assert pointers(problem(answer, 422)) == ["/seal"]
    deep = _deep(7, {"amount": {"gt": "0"}})
    problem(await client.post("/v1/deals/query", json={"filter": deep}), 422)


@pytest.fixture
async def saved(client):
    report = {
        "name": "Example",
        "sharing": "organization",
        "definition": {
            "source": "deal",
            "groupings": [by("owner_id")],
            "measures": [{"name": "total", "function": "sum", "field": "base_amount"}],
            "totals": True,
        },
    }
    return (await client.made("reports", report))["id"]


async def test_tiles_are_opened(client, saved):
    role = await custom_role(
        client,
        levels={"*": {"read": "own"}, "reports": {"read": "all"}, "dashboards": {"read": "all"}},
    )
    some = await member(client, role)
    await _sold(client, some.id, None)
    only = {"status": {"$param": "status"}}
    tiles = [
        {"key": "saved", "kind": "report", "report_id": saved, "filter": only},
        {
            "key": "standard",
            "kind": "report",
            "standard_report": "deal_outcomes_by_owner",
            "filter": only,
        },
        {"key": "metric", "kind": "metric", "metric": "won_amount", "by": "owner_id"},
        {"key": "velocity", "kind": "metric", "metric": "velocity"},
        {"key": "text", "kind": "text", "text": "x"},
    ]
    parameters = [{"name": "status", "type": "text"}]
    id = await dashboard(client, tiles, parameters=parameters, sharing="organization")
    given = {"status": "won"}
    for api, number in ((client, 4), (some.api, 2)):
        found = await shown(api, id, **given)
        for key, measure, of in (
            ("saved", "total", _sum),
            ("standard", "won", len),
            ("metric", "amount", _sum),
        ):
            for row in (*found[key]["rows"], *found[key]["totals"]):
                rows = await _of_tile(api, id, key, row["cell"], measure, given)
                assert Decimal(str(row["values"][measure])) == of(rows)
        rows = await _of_tile(api, id, "metric", found["metric"]["cell"], None, given)
        assert (Decimal(found["metric"]["value"]), len(rows)) == (_sum(rows), number)
        rows = await _of_tile(api, id, "velocity", found["velocity"]["cell"], None, given)
        assert rows
    document = """query($id: UUID!, $input: DashboardCellInput!) {
        dashboardRowsBehind(id: $id, input: $input) { count path }
    }"""
    cell = (await shown(client, id))["metric"]["cell"]
    told = await client.data(document, id=id, input={"tile": "metric", "cell": cell})
    assert told["dashboardRowsBehind"] == {"count": 4, "path": "/v1/deals"}
    for body, at in (
        ({"tile": "nothing", "cell": cell}, "/tile"),
        ({"tile": "text", "cell": cell}, "/tile"),
        ({"tile": "metric", "cell": "nothing"}, "/cell"),
        ({"tile": "metric", "cell": cell, "measure": "no"}, "/measure"),
        ({"tile": "saved", "cell": cell, "measure": "no"}, "/measure"),
        ({"tile": "saved", "cell": cell, "parameters": {"no": 1}}, "/parameters/no"),
    ):
        answer = await client.post(f"/v1/dashboards/{id}/drilldown", json=body)
        assert pointers(problem(answer, 422)) == [at], body


async def _of_tile(api, id, tile, cell, measure, parameters):
    body = {"tile": tile, "cell": cell, "measure": measure, "parameters": parameters}
    answer = await api.post(f"/v1/dashboards/{id}/drilldown", json=body)
    assert answer.status_code == 200, answer.text
    return await listed(api, answer.json())


async def test_tiles_of_computed_metrics_take_no_filter(client):
    one = {"key": "a", "kind": "metric", "metric": "velocity", "filter": {"status": "won"}}
    answer = await client.post("/v1/dashboards", json={"name": "Example", "tiles": [one]})
    assert pointers(problem(answer, 422)) == ["/tiles/0/filter"]
