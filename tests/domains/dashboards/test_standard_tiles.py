"""Tiles of standard reports: what each of these shows by itself, for whoever looks."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

import crm_api.registry  # noqa: F401 - tells which reports there are
from crm_api.domains.dashboards.schemas import MAX_TILES
from crm_api.domains.reports.declared import Declared
from crm_api.kit import clock
from support.boards import calm, dashboard, shown
from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import measure, standard
from support.selling import act, deal, pipeline, reason
from support.waiting import patiently

OUTCOMES = "deal_outcomes_by_owner"
VELOCITY = "pipeline_velocity"
SPAN = {"from": "2022-01-01", "to": "2030-12-31"}


def tile(key, name, **more):
    return {"key": key, "kind": "report", "standard_report": name, **more}


async def closed(api, where, because, *owners):
    for place, owner in enumerate(owners):
        one = await deal(api, where, owner_id=owner, amount="100", currency="EUR")
        if place % 2:
            await act(api, one["id"], "lose", loss_reason_id=because)
        else:
            await act(api, one["id"], "win")


async def test_each_shows_what_it_says_by_itself(client):
    await closed(client, await pipeline(client), await reason(client), None, None, None)
    names = sorted(Declared.standard)
    halves = names[:MAX_TILES], names[MAX_TILES:]
    found = {}
    for half in halves:
        if half:
            found |= await shown(client, await dashboard(client, [tile(one, one) for one in half]))
    for name in names:
        told, own = await standard(client, name), found[name]
        assert own["error"] is None, own
        assert own["standard"] == told["standard"]
        assert own["parameters"] == told["parameters"]
        assert own["measure"] == told["standard"]["chart"]
        assert own["report_kind"] == told["answer"]["kind"]
        for part in ("columns", "rows", "totals", "truncated"):
            assert own[part] == told["answer"][part], (name, part)
        assert told["standard"]["source"] in own["depends_on"]
    assert found[OUTCOMES]["rows"]


async def test_days_are_those_of_when_it_is_shown(client):
    """Of all kinds of tiles: no tile keeps the day on which it was made."""
    where, because = await pipeline(client), await reason(client)
    await closed(client, where, because, None, None)
    since = {"from": "@today-3d", "to": "@today"}
    tiles = [
        tile("defined", OUTCOMES, parameters=since),
        tile("computed", VELOCITY, parameters={**since, "pipeline_id": where.id}),
        {"key": "metric", "kind": "metric", "metric": "win_rate_count", "parameters": since},
    ]
    made = await dashboard(client, tiles)
    today = datetime.now(UTC).date()
    found = await shown(client, made)
    for key in ("defined", "computed"):
        days = found[key]["parameters"]["from"], found[key]["parameters"]["to"]
        assert days == ((today - timedelta(days=3)).isoformat(), today.isoformat())
    assert found["defined"]["totals"][0]["values"]["decided"] == 2
    assert float(found["computed"]["rows"][0]["values"]["win_rate"]) == 0.5
    assert float(found["metric"]["value"]) == 0.5
    kept = (await client.read(f"dashboards/{made}"))["tiles"]
    assert all(one["parameters"]["from"] == "@today-3d" for one in kept)
    with time_machine.travel(clock.now() + timedelta(days=10), tick=True):
        found = await shown(client, made)
    later = (today + timedelta(days=10)).isoformat()
    assert found["computed"]["parameters"]["to"] == later
    assert found["defined"]["totals"] == []
    assert found["computed"]["rows"][0]["values"]["win_rate"] is None
    assert found["metric"]["value"] is None


async def test_parameters_of_the_dashboard_reach_it(client):
    one, two = await pipeline(client), await pipeline(client)
    tiles = [
        tile(
            "a",
            VELOCITY,
            parameters={"pipeline_id": {"$param": "where"}, "from": {"$param": "since"}},
        ),
        tile("b", OUTCOMES, filter={"pipeline_id": {"eq": {"$param": "where"}}}),
    ]
    own = [{"name": "where", "type": "uuid"}, {"name": "since", "type": "day"}]
    made = await dashboard(client, tiles, parameters=own)
    await closed(client, one, await reason(client), None, None)
    found = await shown(client, made)
    assert len(found["a"]["rows"]) > 1
    whole = found["b"]["totals"][0]["values"]["decided"]
    for id, decided in ((one.id, 2), (two.id, 0)):
        found = await shown(client, made, where=id, since="2022-01-01")
        assert [row["values"]["pipeline_id"] for row in found["a"]["rows"]] == [id]
        assert found["a"]["parameters"]["from"] == "2022-01-01"
        assert sum(row["values"]["decided"] for row in found["b"]["rows"]) == decided <= whole


async def test_a_restricted_user_sees_a_part_and_is_told_what_is_hidden(client):
    levels = {"*": {"read": "own"}, "dashboards": {"read": "all"}, "forecasts": {"read": "none"}}
    masks = {"lead": {"hidden": ["pool_id"], "read_only": []}}
    role = await custom_role(client, levels=levels, masks=masks)
    reader = await member(client, role)
    where, because = await pipeline(client), await reason(client)
    await closed(client, where, because, reader.id, None, reader.id, None, None)
    tiles = [
        tile("outcomes", OUTCOMES, parameters=SPAN),
        tile("hidden", "lead_fairness"),
        tile("closed", VELOCITY),
        {"key": "note", "kind": "text", "text": "Read this first."},
    ]
    made = await dashboard(client, tiles)
    for api, decided in ((client, 5), (reader.api, 2)):
        found = await shown(api, made)
        (total,) = found["outcomes"]["totals"]
        assert total["values"]["decided"] == decided
        assert found["note"]["error"] is None
    for key, name, code in (
        ("hidden", "lead_fairness", "hidden_field"),
        ("closed", VELOCITY, None),
    ):
        refused = await standard(reader.api, name, 403)
        assert found[key]["error"]["code"] == refused["code"] == (code or refused["code"])
        assert (found[key]["error"]["status"], found[key]["rows"]) == (403, [])
    # Nor do they name one that they may not ask for.
    levels["dashboards"]["create"] = "all"
    maker = await member(client, await custom_role(client, levels=levels))
    body = {"name": "Mine", "tiles": [tile("closed", VELOCITY)]}
    problem(await maker.api.post("/v1/dashboards", json=body), 403)


async def test_the_same_is_asked_once(client, statements):
    await closed(client, await pipeline(client), await reason(client), None, None)
    days = {"parameters": SPAN}
    tiles = [tile(key, OUTCOMES, **days) for key in ("a", "b")]
    tiles += [tile(key, VELOCITY, **days, view=view) for key, view in (("c", "chart"), ("d", None))]
    made = await dashboard(client, tiles)
    async with statements() as seen:
        found = await shown(client, made)
    ran = [sql for sql in seen.all if "EXPLAIN" not in sql]
    assert len([sql for sql in ran if "AS q" in sql and "GROUPING SETS" in sql]) == 1
    assert len([sql for sql in ran if "SELECT id, name FROM pipelines" in sql]) == 1
    assert found["a"]["rows"] == found["b"]["rows"] != []
    assert found["c"]["rows"] == found["d"]["rows"] != []
    assert (found["c"]["view"], found["d"]["view"]) == ("chart", None)


async def test_what_it_is_also_of_makes_it_stale(client):
    made = await dashboard(
        client,
        [
            tile("quota", "quota_attainment"),
            tile("people", "contact_completeness"),
            tile("industry", "deal_outcomes_by_industry"),
        ],
    )
    found = await client.read(f"dashboards/{made}/data")
    by_key = {one["key"]: one["depends_on"] for one in found["tiles"]}
    assert by_key == {
        "quota": ["deal", "goal", "team", "team_member", "user"],
        "people": ["contact"],
        "industry": ["company", "deal"],
    }
    mark = await calm(client, made, found["cursor"])
    await client.made("teams", {"name": "Example Team"})
    async for _ in patiently():
        found = await client.read(f"dashboards/{made}/stale", after=mark)
        if found["tiles"]:
            break
    assert found["tiles"] == ["quota"]


def test_what_reports_are_also_of_has_events():
    from crm_api.registry import MODULES

    known = {topic.partition(".")[0] for module in MODULES for topic in module.topics}
    for report in Declared.standard.values():
        also = set(getattr(report, "also_of", ()))
        assert also <= known - {report.source}, report.name


PARAMETERS = [
    {"name": "since", "type": "day"},
    {"name": "size", "type": "integer", "default": 3},
    {"name": "trade", "type": "text"},
]
ID = "01990000-0000-7000-8000-00000000beef"
OTHERS = "a", "deal_outcomes_by_segment"
LONG = {"from": "1990-01-01", "to": "2025-12-31"}
REFUSED = [
    ("sales_funnel", "pipeline_id", {"pipeline_id": ID}),
    ("sales_funnel", "to", LONG),
    ("pipeline_velocity", "pipeline_id", {"pipeline_id": ID}),
    ("pipeline_velocity", "to", LONG),
    ("pipeline_waterfall", "pipeline_id", {"pipeline_id": ID}),
    ("pipeline_waterfall", "closes_to", {"closes_from": "@today", "closes_to": "@today-1d"}),
    ("quota_attainment", "period", {"period": "2026-Q5"}),
    ("forecast_accuracy", "user_id", {"user_id": ID}),
    ("forecast_against_actual", "team_id", {"team_id": ID}),
    ("forecast_against_actual", "from", {"periods": "month", **LONG}),
    ("cohort_retention", "months", {"months": 61}),
    ("cohort_retention", "segment_id", {"segment_id": ID}),
    ("rfm_grid", "segment_id", {"segment_id": ID}),
    ("attach_rate", "product_id", {"product_id": ID}),
    ("product_performance", "product_id", {"product_id": ID}),
    ("resource_utilisation", "to", LONG),
    ("campaign_results", "campaign_id", {"campaign_id": ID}),
]
"""What only the domain of a report knows to be none to ask with: by its name, where and what."""
WRONG = [
    ("/standard_report", tile("a", "luck")),
    ("/standard_report", tile("a", OUTCOMES, report_id=ID)),
    ("/standard_report", {"key": "a", "kind": "text", "text": "x", "standard_report": OUTCOMES}),
    ("/standard_report", tile("a", "No name")),
    ("/report_id", {"key": "a", "kind": "report"}),
    ("/parameters/nothing", tile("a", OUTCOMES, parameters={"nothing": 1})),
    ("/parameters/from", tile("a", OUTCOMES, parameters={"from": 5})),
    ("/parameters/from", tile("a", OUTCOMES, parameters={"from": "@yesterday"})),
    ("/parameters/to", tile("a", OUTCOMES, parameters={"from": "@today", "to": "@today-1d"})),
    ("/parameters/from", tile("a", OUTCOMES, parameters={"from": {"$param": "size"}})),
    ("/parameters/from", tile("a", OUTCOMES, parameters={"from": {"$param": "trade"}})),
    ("/parameters", tile("a", OUTCOMES, parameters={"from": {"$param": "who"}})),
    ("/parameters/target", tile(*OTHERS, parameters={"target": "lead"})),
    ("/parameters/target", tile(*OTHERS, parameters={"target": {"$param": "size"}})),
    ("/parameters/segment_id", tile("a", "rfm_grid", parameters={"segment_id": "x"})),
    *(
        (f"/parameters/{at}", tile("a", name, parameters=parameters))
        for name, at, parameters in REFUSED
    ),
    ("/measure", tile("a", OUTCOMES, measure="luck")),
    ("/measure", tile("a", VELOCITY, measure="pipeline")),
    ("/filter", tile("a", VELOCITY, filter={"name": {"eq": "x"}})),
    ("/view", tile("a", VELOCITY, view="poem")),
    ("/view", {"key": "a", "kind": "text", "text": "x", "view": "chart"}),
    ("/measure", {"key": "a", "kind": "metric", "metric": "new_deals", "measure": "x"}),
    (
        "/parameters/from",
        {"key": "a", "kind": "metric", "metric": "new_deals", "parameters": {"from": "soon"}},
    ),
]


@pytest.mark.parametrize(("pointer", "wrong"), WRONG)
async def test_what_does_not_fit_is_named(client, pointer, wrong):
    fits = tile("fits", "deal_outcomes_by_segment", parameters={"target": {"$param": "trade"}})
    body = {"name": "Wrong", "tiles": [fits, wrong], "parameters": PARAMETERS}
    answer = await client.post("/v1/dashboards", json=body)
    assert pointers(problem(answer, 422)) == [f"/tiles/1{pointer}"]


async def test_what_its_domain_refuses_is_refused_when_it_is_saved(client):
    for name, at, parameters in REFUSED:
        told = await standard(client, name, 422, **parameters)
        assert pointers(told) == [f"/parameters/{at}"], name
        # What is known later is looked at when it is shown.
        asked = [{"name": one, "type": kind_of(name, one)} for one in parameters]
        later = {one: {"$param": one} for one in parameters}
        made = await dashboard(client, [tile("a", name, parameters=later)], parameters=asked)
        found = await shown(client, made, **parameters)
        assert pointers(found["a"]["error"]) == [f"/parameters/{at}"], name


def kind_of(name, parameter):
    return next(one.type for one in Declared.standard[name].parameters if one.name == parameter)


async def test_saved_reports_are_looked_at_in_the_same_way(client):
    definition = {
        "source": "company",
        "filter": {"employees": {"gte": {"$param": "least"}}},
        "measures": [measure("count"), measure("sum", "employees")],
        "groupings": [{"field": "industry"}],
    }
    asked = [{"name": "least", "type": "integer"}]
    body = {"name": "By industry", "definition": definition, "parameters": asked}
    id = (await client.made("reports", body))["id"]
    saved = {"key": "a", "kind": "report", "report_id": id}
    for pointer, more in (
        ("/parameters/least", {}),
        ("/parameters/least", {"parameters": {"least": "many"}}),
        ("/parameters/most", {"parameters": {"least": 1, "most": 2}}),
        ("/measure", {"parameters": {"least": 1}, "measure": "avg"}),
    ):
        answer = await client.post("/v1/dashboards", json={"name": "W", "tiles": [saved | more]})
        assert pointers(problem(answer, 422)) == [f"/tiles/0{pointer}"]
    size = [{"name": "size", "type": "integer"}]
    told = {"parameters": {"least": {"$param": "size"}}, "measure": "sum"}
    made = await dashboard(client, [saved | told], parameters=size)
    assert (await shown(client, made))["a"]["error"]["status"] == 422
    found = (await shown(client, made, size=1))["a"]
    assert (found["error"], found["measure"], found["standard"]) == (None, "sum", None)


async def test_graphql_has_the_same(client):
    await closed(client, await pipeline(client), await reason(client), None, None)
    made = """mutation($input: DashboardCreateInput!) { createDashboard(input: $input) { id tiles } }"""
    told = {"key": "a", "kind": "report", "standardReport": OUTCOMES, "measure": "won"}
    body = {"name": "Sales", "tiles": [{**told, "view": "chart", "parameters": SPAN}]}
    id = (await client.data(made, input=body))["createDashboard"]["id"]
    asked = """query($id: UUID!) { dashboardData(id: $id) { tiles {
        standard { name title } parameters measure view rows { values } } } }"""
    (found,) = (await client.data(asked, id=id))["dashboardData"]["tiles"]
    own = (await shown(client, id))["a"]
    assert [row["values"] for row in found["rows"]] == [row["values"] for row in own["rows"]] != []
    assert (found["measure"], found["view"], found["parameters"]) == ("won", "chart", SPAN)
    assert found["standard"]["name"] == OUTCOMES
    wrong = {**body, "tiles": [{**told, "standardReport": "luck"}]}
    (error,) = (await client.gql(made, input=wrong))["errors"]
    assert "no such report" in str(error)
    of_nobody = {"standardReport": VELOCITY, "parameters": {"pipeline_id": ID}}
    wrong = {**body, "tiles": [{"key": "a", "kind": "report", **of_nobody}]}
    (error,) = (await client.gql(made, input=wrong))["errors"]
    assert pointers(error["extensions"]["problem"]) == ["/tiles/0/parameters/pipeline_id"]


async def test_it_is_printed_as_it_is_seen(client):
    await closed(client, await pipeline(client), await reason(client), None, None)
    sizes = set()
    for view in (None, "chart", "table"):
        made = await dashboard(client, [tile("a", OUTCOMES, measure="won", view=view)])
        printed = await client.get(f"/v1/dashboards/{made}/document")
        assert printed.status_code == 200, printed.text
        assert printed.content.startswith(b"%PDF-")
        sizes.add(len(printed.content))
    assert len(sizes) == 3
