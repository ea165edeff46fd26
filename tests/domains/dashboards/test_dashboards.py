"""Dashboards: what their tiles show to whom."""

import random

from support.boards import calm, dashboard, shown
from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import by, measure, reported
from support.waiting import patiently

BY_INDUSTRY = {
    "source": "company",
    "groupings": [by("industry")],
    "measures": [measure("count"), measure("sum", "employees")],
    "sort": ["industry"],
    "totals": True,
}


async def companies(api, number=12, seed=1):
    chance = random.Random(seed)
    for place in range(number):
        body = {"name": f"C{place}", "employees": chance.randrange(1, 500)}
        await api.made("companies", {**body, "industry": chance.choice(["bank", "retail", None])})


async def report(api, definition=BY_INDUSTRY, **more):
    body = {"name": "By industry", "definition": definition, "sharing": "organization"}
    return (await api.made("reports", {**body, **more}))["id"]


def tile(key, report_id, **more):
    return {"key": key, "kind": "report", "report_id": report_id, **more}


async def test_all_tiles_come_at_once(client):
    await companies(client)
    id = await report(client)
    tiles = [
        tile("a", id),
        {"key": "b", "kind": "metric", "metric": "new_deals"},
        {"key": "c", "kind": "text", "text": "Read this first."},
    ]
    found = await shown(client, await dashboard(client, tiles))
    asked = await reported(client, **BY_INDUSTRY)
    assert [found["a"][name] for name in ("columns", "rows", "totals")] == [
        asked[name] for name in ("columns", "rows", "totals")
    ]
    assert found["a"]["depends_on"] == ["company", "report"]
    assert found["b"]["metric"]["name"] == "new_deals"
    assert found["b"]["value"] == 0
    assert found["c"]["text"] == "Read this first."
    assert not any(one["error"] for one in found.values())


async def test_a_restricted_user_sees_what_the_report_gives(client):
    levels = {"*": {"read": "own", "create": "all", "update": "own"}}
    role = await custom_role(client, levels=levels)
    restricted = await member(client, role)
    id = await dashboard(client, [tile("a", await report(client))])
    for seed in range(3):
        await companies(client, 6, seed)
        await companies(restricted.api, 4, seed + 10)
        found = (await shown(restricted.api, id))["a"]
        asked = await reported(restricted.api, **BY_INDUSTRY)
        assert (found["rows"], found["totals"]) == (asked["rows"], asked["totals"])
        number = sum(row["values"]["count"] for row in found["rows"])
        assert number == 4 * (seed + 1)
        whole = (await shown(client, id))["a"]
        assert sum(row["values"]["count"] for row in whole["rows"]) == 10 * (seed + 1)


async def test_what_several_tiles_ask_is_run_once(client, statements):
    await companies(client, 3)
    id = await report(client)
    narrowed = {"filter": {"industry": {"eq": "bank"}}}
    tiles = [tile("a", id), tile("b", id), tile("c", id, **narrowed)]
    made = await dashboard(client, tiles)
    async with statements() as seen:
        found = await shown(client, made)
    assert sum("GROUPING SETS" in sql and "EXPLAIN" not in sql for sql in seen.all) == 2
    assert found["a"]["rows"] == found["b"]["rows"] != found["c"]["rows"]


async def test_reports_of_the_same_records_are_read_at_once(client, statements, monkeypatch):
    """Whatever they are by: as each comes to by itself, for whoever asks."""
    monkeypatch.setattr("crm_api.domains.reports.together.WORTH", 0)
    levels = {"*": {"read": "own", "create": "all"}, "reports": {"read": "all"}}
    levels["dashboards"] = {"read": "all"}
    restricted = await member(client, await custom_role(client, levels=levels))
    await companies(client, 9)
    await companies(restricted.api, 9, 2)
    count, total = measure("count"), measure("sum", "employees")
    large = {"name": "large", "function": "count", "filter": {"employees": {"gte": 200}}}
    ways = [
        {"groupings": [by("industry")], "measures": [count, total], "sort": ["-sum"], "limit": 2},
        {"groupings": [by("industry")], "measures": [measure("avg", "employees"), large]},
        {"groupings": [by("lifecycle"), by("industry")], "measures": [total, count]},
        {
            "groupings": [by("created_at", "month"), by("lifecycle")],
            "measures": [measure("max", "employees"), {**count, "name": "number"}],
        },
    ]
    apart = [
        {"groupings": [by("industry")], "measures": [measure("median", "employees")]},
        {"groupings": [by("industry")], "measures": [count], "filter": {"employees": {"gte": 9}}},
    ]
    asked = [{"source": "company", **way} for way in (*ways, *apart)]
    tiles = [tile(f"t{n}", await report(client, one)) for n, one in enumerate(asked)]
    made = await dashboard(client, tiles)
    for api in (client, restricted.api):
        async with statements() as seen:
            found = await shown(api, made)
        ran = [sql for sql in seen.all if "AS q GROUP BY" in sql and "EXPLAIN" not in sql]
        assert len(ran) == 1 + len(apart)
        for n, one in enumerate(asked):
            told = await reported(api, **one)
            for name in ("columns", "rows", "totals", "truncated"):
                assert found[f"t{n}"][name] == told[name], (n, name)


async def test_too_many_groups_are_read_apart(client, statements):
    """Where there is little to read, what is by everything at once takes more than each."""
    await companies(client, 3)
    ways = [[by("industry")], [by("lifecycle")]]
    definitions = [
        {"source": "company", "groupings": way, "measures": [measure("count")]} for way in ways
    ]
    tiles = [tile(f"t{n}", await report(client, one)) for n, one in enumerate(definitions)]
    made = await dashboard(client, tiles)
    async with statements() as seen:
        found = await shown(client, made)
    assert not any("GROUPING SETS" in sql for sql in seen.all)
    assert [len(one["rows"]) > 0 for one in found.values()] == [True, True]


async def test_a_tile_that_fails_leaves_the_others(client):
    await companies(client, 3)
    hides = await custom_role(
        client,
        levels={"*": {"read": "all"}},
        masks={"company": {"hidden": ["employees"]}},
    )
    reader = await member(client, hides)
    plain = {"source": "company", "measures": [measure("count")]}
    private = await report(client, plain, sharing="private")
    tiles = [
        tile("hidden", await report(client)),
        tile("mine", private),
        tile("seen", await report(client, plain)),
    ]
    found = await shown(reader.api, await dashboard(client, tiles))
    assert (found["hidden"]["error"]["status"], found["hidden"]["rows"]) == (403, [])
    assert (found["mine"]["error"]["status"], found["mine"]["depends_on"]) == (404, [])
    assert found["seen"]["error"] is None
    assert found["seen"]["rows"][0]["values"] == {"count": 3}


async def test_parameters_narrow_all_tiles(client):
    await companies(client, 8)
    least = {**BY_INDUSTRY, "filter": {"employees": {"gte": {"$param": "least"}}}}
    asked = [{"name": "least", "type": "integer", "default": 0}]
    id = await report(client, least, parameters=asked)
    tiles = [
        tile("a", id, parameters={"least": {"$param": "size"}}),
        tile("b", id, filter={"industry": {"eq": {"$param": "trade"}}}),
    ]
    own = [{"name": "size", "type": "integer"}, {"name": "trade", "type": "text"}]
    page = await dashboard(client, tiles, parameters=own)
    found = await shown(client, page)
    assert found["a"]["rows"] == found["b"]["rows"] != []
    found = await shown(client, page, size=200, trade="bank")
    told = await reported(client, **{**least, "filter": {"employees": {"gte": 200}}})
    assert found["a"]["rows"] == told["rows"]
    told = await reported(
        client, **{**least, "filter": {"employees": {"gte": 0}, "industry": {"eq": "bank"}}}
    )
    assert [r["values"] for r in found["b"]["rows"]] == [r["values"] for r in told["rows"]]
    path = f"/v1/dashboards/{page}/data"
    answer = await client.get(path, params={"parameters": '{"size": "many"}'})
    assert pointers(problem(answer, 422)) == ["/parameters/size"]
    answer = await client.get(path, params={"parameters": '{"who": 1}'})
    assert pointers(problem(answer, 422)) == ["/parameters/who"]
    problem(await client.get(path, params={"parameters": "[1]"}), 422)


async def test_a_tile_hangs_on_what_its_groups_and_filter_are_of(client):
    metric = {"kind": "metric", "metric": "new_deals"}
    tiles = [
        {**metric, "key": "plain"},
        {**metric, "key": "by", "by": "status,company.industry"},
        {**metric, "key": "only", "filter": {"company": {"industry": "bank"}}},
    ]
    found = await shown(client, await dashboard(client, tiles))
    assert {key: one["depends_on"] for key, one in found.items()} == {
        "plain": ["deal"],
        "by": ["company", "deal"],
        "only": ["company", "deal"],
    }
    assert all(one["error"] is None for one in found.values())


async def test_tiles_become_stale_by_events(client):
    await companies(client, 2)
    tiles = [
        tile("a", await report(client)),
        {"key": "b", "kind": "metric", "metric": "new_deals"},
    ]
    id = await dashboard(client, tiles)
    mark = (await client.read(f"dashboards/{id}/data"))["cursor"]
    # While others write, what is new is told a little later, and what was before once more.
    mark = await calm(client, id, mark)
    await companies(client, 1)
    async for _ in patiently():
        found = await client.read(f"dashboards/{id}/stale", after=mark)
        if found["tiles"]:
            break
    assert found["tiles"] == ["a"]
    await calm(client, id, found["cursor"])
    problem(await client.get(f"/v1/dashboards/{id}/stale", params={"after": "x"}), 422)


async def test_what_does_not_fit_is_named(client):
    id = await report(client)
    wrong = {
        "/tiles/0/report_id": [tile("a", "01990000-0000-7000-8000-00000000beef")],
        "/tiles/1/key": [tile("a", id), tile("a", id)],
        "/tiles/0/width": [tile("a", id, x=8, width=6)],
        "/tiles/0/metric": [{"key": "a", "kind": "metric", "metric": "luck"}],
        "/tiles/0/text": [tile("a", id, text="Both.")],
        "/tiles/0/filter": [tile("a", id, filter={"name": {"eq": {"$param": "who"}}})],
    }
    for pointer, tiles in wrong.items():
        answer = await client.post("/v1/dashboards", json={"name": "Wrong", "tiles": tiles})
        assert pointers(problem(answer, 422)) == [pointer]


async def test_graphql_has_the_same(client):
    await companies(client, 4)
    id = await dashboard(client, [tile("a", await report(client))])
    asked = "query($id: UUID!) { dashboardData(id: $id) { cursor tiles { key rows { values } } } }"
    (found,) = (await client.data(asked, id=id))["dashboardData"]["tiles"]
    told = (await shown(client, id))["a"]
    assert [row["values"] for row in found["rows"]] == [row["values"] for row in told["rows"]]


async def test_a_dashboard_and_a_run_are_printed(client, worker):
    await companies(client, 6)
    id = await report(client, name="Отчёт по отраслям")
    page = await dashboard(client, [tile("a", id, title="Отрасли")], name="Продажи")
    printed = await client.get(f"/v1/dashboards/{page}/document")
    assert printed.status_code == 200, printed.text
    assert printed.content.startswith(b"%PDF-")
    begun = (await client.post(f"/v1/reports/{id}/run", json={})).json()
    await client.ended(begun["job_id"])
    path = f"/v1/report-runs/{begun['run']['id']}/document"
    sizes = set()
    for paper in ("a4", "us-letter"):
        answer = await client.get(path, params={"paper": paper})
        assert answer.headers["content-type"] == "application/pdf"
        sizes.add(answer.content)
    assert len(sizes) == 2
