"""What is read from tallies is what the records come to, whoever wrote what meanwhile."""

import asyncio
import random

import pytest

from crm_api.domains.reports import choosing, keeping
from support.clients import problem
from support.members import custom_role, member
from support.reporting import behind, by, measure, reported, values
from support.selling import act, deal, pipeline, reason
from support.tallies import follow, keep
from support.waiting import patiently, settled

COUNT, SUM = measure("count"), measure("sum", "base_amount")
# No tally has it: with this measure a report reads the records.
BY_RECORDS = {"name": "by_records", "function": "count_distinct", "field": "id"}
OPEN = {"status": {"eq": "open"}}
REPORTS = [
    {"groupings": [by("stage.name"), by("closes_on", "month")], "measures": [COUNT, SUM]},
    {
        "kind": "matrix",
        "groupings": [by("status"), by("currency")],
        "measures": [COUNT, measure("sum", "amount"), measure("avg", "amount")],
        "totals": True,
    },
    {
        "groupings": [by("owner_id"), by("closes_on", "fiscal_quarter")],
        "measures": [
            COUNT,
            measure("sum", "base_amount", filter=OPEN, name="open"),
            {"name": "open_count", "function": "count", "filter": OPEN},
            {"name": "each", "function": "ratio", "of": ["open", "open_count"]},
        ],
        "totals": True,
        "sort": ["-open"],
    },
    {
        "measures": [
            COUNT,
            SUM,
            measure("avg", "base_amount"),
            {"name": "won", "function": "count", "filter": {"status": "won"}},
        ]
    },
    {
        "filter": {
            "closes_on": {"gte": "2026-02-10", "lt": "2026-04-03"},
            "not": {"stage": {"name": "Terms"}},
        },
        "groupings": [by("closes_on", "week")],
        "measures": [SUM],
        "having": {"sum": {"gt": 100}},
    },
    {
        "kind": "time_series",
        "groupings": [by("closes_on", "month"), by("forecast_category")],
        "measures": [COUNT, {"name": "so_far", "function": "running", "of": ["count"]}],
        "filter": {"or": [{"owner_id": {"is_null": True}}, {"pipeline": {"name": "Partners"}}]},
    },
]


@pytest.fixture
async def where(client):
    rates = [{"base": "USD", "quote": "EUR", "day": "2020-01-01", "rate": "0.5"}]
    await client.put("/v1/exchange-rates", json={"rates": rates})
    return await pipeline(client)


async def agrees(api, report, *, tallied=True):
    """The rows and totals of a report from the tally, which are those of the records."""
    found = await reported(api, "deal", **report)
    assert (found["tally"] is not None) == tallied, (report, found["tally"])
    wanted = await reported(
        api, "deal", **{**report, "measures": [*report["measures"], BY_RECORDS]}
    )
    assert wanted["tally"] is None
    for kind in ("rows", "totals"):
        for row in wanted[kind]:
            del row["values"]["by_records"]
        assert found[kind] == wanted[kind], report
    return found


async def write(client, rng, where, deals, bin_, people):
    """One random write."""
    verb = rng.choice(["make", "change", "change", "move", "close", "bin", "restore", "stage"])
    if verb == "make" or len(deals) < 10:
        deals.append((await deal(client, where, **_values(rng, people)))["id"])
    elif verb == "change":
        await client.changed(f"deals/{rng.choice(deals)}", _values(rng, people))
    elif verb == "bin":
        bin_.append(deals.pop(rng.randrange(len(deals))))
        await client.delete(f"/v1/deals/{bin_[-1]}")
    elif verb == "restore" and bin_:
        deals.append(bin_.pop())
        assert (await client.post(f"/v1/deals/{deals[-1]}/restore")).status_code == 200
    elif verb == "stage":
        # Deals follow their stage.
        body = {"probability": rng.randrange(1, 99), "name": "Offer"}
        body["forecast_category"] = rng.choice(["commit", "best_case"])
        await client.changed(f"stages/{where['Offer']}", body)
    else:
        await _walk(client, rng, where, rng.choice(deals), verb)


def _values(rng, people):
    return {
        "amount": rng.choice([None, f"{rng.randrange(10**6) / 100:.2f}"]),
        "currency": rng.choice(["EUR", "USD"]),
        "closes_on": rng.choice([None, f"2026-0{rng.randrange(1, 7)}-{rng.randrange(10, 29)}"]),
        "owner_id": rng.choice(people),
    }


async def _walk(client, rng, where, id, verb):
    status = (await client.read(f"deals/{id}"))["status"]
    if status != "open":
        await act(client, id, "reopen", stage_id=where["New"])
    elif verb == "close" and rng.random() < 0.5:
        await act(client, id, "win")
    elif verb == "close":
        await act(client, id, "lose", loss_reason_id=await reason(client))
    else:
        await client.post(
            f"/v1/deals/{id}/move", json={"stage_id": where[rng.choice(["New", "Offer", "Terms"])]}
        )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_tally_comes_to_what_the_records_do(client, database, org, where, seed):
    rng = random.Random(seed)
    everybody = await custom_role(client, levels={"*": {"read": "all"}})
    people = [None, *[(await member(client, everybody)).id for _ in range(2)]]
    deals, bin_ = [], []
    for turn in range(80):
        await write(client, rng, where, deals, bin_, people)
        if turn == 12:
            await keep(database, org.id)
        if turn > 12 and rng.random() < 0.3:
            await follow(database)
        if turn > 12 and turn % 6 == 0:
            for report in REPORTS:
                await agrees(client, report)
    ids = [deals.pop() for _ in range(3)]
    for id in ids:
        await client.delete(f"/v1/deals/{id}")
        assert (await client.delete(f"/v1/deals/{id}?purge=true")).status_code < 300
    for _ in range(2):
        for report in REPORTS:
            await agrees(client, report)
        await follow(database)


async def test_at_each_moment_it_agrees_while_others_write(
    client, database, org, where, statements
):
    mine = [[await deal(client, where, amount=f"{n}", currency="EUR")] for n in range(4)]
    await keep(database, org.id)
    tiles = []
    for key, measures in (("tally", [COUNT, SUM]), ("records", [COUNT, SUM, BY_RECORDS])):
        definition = {"source": "deal", **REPORTS[0], "measures": measures}
        made = await client.made("reports", {"name": key, "definition": definition})
        tiles.append({"key": key, "kind": "report", "report_id": made["id"]})
    page = (await client.made("dashboards", {"name": "Both", "tiles": tiles}))["id"]
    written = asyncio.Event()

    async def writes(seed, deals):
        rng, gone = random.Random(seed), []
        ids = [one["id"] for one in deals]
        for _ in range(30):
            await write(client, rng, where, ids, gone, [None])

    async def follows():
        while not written.is_set():
            await follow(database)
            await asyncio.sleep(0.01)

    async def reads():
        while not written.is_set():
            # One snapshot is behind all tiles.
            by_tally, by_records = (await client.read(f"dashboards/{page}/data"))["tiles"]
            for row in by_records["rows"]:
                del row["values"]["by_records"]
            assert by_tally["error"] is None
            assert by_tally["rows"] == by_records["rows"]

    async with statements() as seen, asyncio.TaskGroup() as beside:
        for work in (follows, follows, reads, reads):
            beside.create_task(work())
        await asyncio.gather(*[writes(seed, deals) for seed, deals in enumerate(mine)])
        written.set()
    assert sum("FROM tally_cells" in sql for sql in seen.all) > 5


async def test_each_cell_opens_to_its_records(client, database, org, where):
    for turn in range(12):
        more = {"amount": f"{turn}", "closes_on": f"2026-0{1 + turn % 3}-10", "currency": "EUR"}
        await deal(client, where, ["New", "Offer"][turn % 2], **more)
    await keep(database, org.id)
    report = {"source": "deal", **REPORTS[0]}
    found = await agrees(client, REPORTS[0])
    assert len(found["rows"]) == 6
    for row in found["rows"]:
        rows = await behind(client, report, row["cell"])
        assert len(rows) == row["values"]["count"] == 2
        total = sum(float(one["base_amount"]) for one in rows)
        assert total == float(row["values"]["sum"])


async def test_what_is_compared_is_read_from_it_too(client, database, org, where, statements):
    for day in ("2026-01-10", "2026-02-10", "2026-02-11"):
        await deal(client, where, closes_on=day, currency="EUR")
    await keep(database, org.id)
    change = {"name": "growth", "function": "change", "of": ["count"]}
    report = {
        "kind": "time_series",
        "groupings": [by("closes_on", "month")],
        "filter": {"closes_on": {"gte": "2026-02-11"}},
        "measures": [COUNT, change],
    }
    async with statements() as seen:
        found = await reported(client, "deal", **report)
    assert values(found) == [{"closes_on": "2026-02-01", "count": 1, "growth": "0"}]
    assert sum("FROM tally_cells" in sql for sql in seen.all) == 2
    await agrees(client, report)


async def test_whoever_sees_a_part_reads_the_records(client, database, org, where):
    role = await custom_role(client, levels={"*": {"read": "own"}})
    reader = await member(client, role)
    for owner in (None, reader.id):
        await deal(client, where, amount="10", owner_id=owner)
    await keep(database, org.id)
    assert values(await agrees(client, {"measures": [COUNT]})) == [{"count": 2}]
    found = await agrees(reader.api, {"measures": [COUNT]}, tallied=False)
    assert values(found) == [{"count": 1}]
    # Nor by a way to records that are seen in part.
    pipelines = {"*": {"read": "all"}, "companies": {"read": "own"}}
    reader = await member(client, await custom_role(client, levels=pipelines))
    await agrees(reader.api, REPORTS[0])
    by_company = {"groupings": [by("company.name")], "measures": [COUNT]}
    await agrees(reader.api, by_company, tallied=False)


async def test_what_is_hidden_stays_hidden(client, database, org, where):
    await deal(client, where, amount="10")
    await keep(database, org.id)
    role = await custom_role(
        client, levels={"*": {"read": "all"}}, masks={"deal": {"hidden": ["amount"]}}
    )
    reader = await member(client, role)
    assert (await reported(reader.api, "deal", measures=[COUNT]))["tally"]
    problem(
        await reader.api.post("/v1/reports/run", json={"source": "deal", "measures": [SUM]}), 403
    )


@pytest.mark.parametrize(
    "report",
    [
        {"measures": [measure("max", "amount")], "groupings": [by("currency")]},
        {"measures": [COUNT], "groupings": [by("created_at", "month")]},
        {"measures": [COUNT], "filter": {"company": {"name": "A"}}},
        {"measures": [COUNT], "filter": {"stage": {"deals": {"some": {"status": "open"}}}}},
        {"measures": [COUNT], "filter": {"name": "Office"}},
        {"measures": [{**COUNT, "filter": {"probability": {"gt": 10}}}]},
        {"measures": [COUNT], "groupings": [by("owner_id"), by("closes_on", "day")]},
        {"measures": [measure("sum", "base_amount", weighted_by="probability")]},
        {"measures": [measure("sum", through="contacts", each="count")]},
        {"measures": [measure("sum", "amount")], "currency": "at_date"},
    ],
)
async def test_what_a_tally_does_not_know_is_read_from_the_records(
    client, database, org, where, report
):
    await deal(client, where, amount="10", currency="EUR", closes_on="2026-01-31")
    await keep(database, org.id)
    await agrees(client, report, tallied=False)


async def test_one_that_is_far_behind_is_not_read(client, database, owner, org, where, monkeypatch):
    monkeypatch.setattr(choosing, "MOST_PENDING", 2)
    await keep(database, org.id)
    for _ in range(3):
        await deal(client, where)
    assert values(await agrees(client, {"measures": [COUNT]}, tallied=False)) == [{"count": 3}]
    monkeypatch.setattr(keeping, "STRETCH", 2)
    async for _ in patiently():
        await follow(database)
        if (await reported(client, "deal"))["tally"]:
            break
    assert values(await agrees(client, {"measures": [COUNT]})) == [{"count": 3}]


async def test_the_night_mends_what_no_event_has_told(client, database, owner, org, where):
    for _ in range(3):
        await deal(client, where, amount="10")
    await keep(database, org.id, least=4)
    await agrees(client, {"measures": [COUNT]}, tallied=False)
    # Else what is behind the tally's place is mended as it is followed.
    await settled(owner)
    await keep(database, org.id, least=3)
    await agrees(client, {"measures": [COUNT, SUM]})
    assert await _drift(owner, org) is None
    await owner.execute(
        "UPDATE deals SET closes_on = '2026-05-05' WHERE organization_id = $1", org.id
    )
    await owner.execute(
        "DELETE FROM tally_records WHERE organization_id = $1 AND record_id = "
        "(SELECT min(id::text)::uuid FROM deals WHERE organization_id = $1)",
        org.id,
    )
    await deal(client, where, amount="20", closes_on="2026-06-06")
    await keep(database, org.id)
    assert await _drift(owner, org) == 3
    for report in REPORTS:
        await agrees(client, report)
    await keep(database, org.id)
    assert await _drift(owner, org) == 0


async def _drift(owner, org):
    return await owner.fetchval("SELECT drift FROM tally_states WHERE organization_id = $1", org.id)


async def test_graphql_says_so_as_well(client, database, org, where):
    await deal(client, where)
    await keep(database, org.id)
    document = """{ reportAnswer(input: {source: "deal"}) { tally rows { values } } }"""
    answer = (await client.post("/graphql", json={"query": document})).json()
    found = answer["data"]["reportAnswer"]
    assert found["tally"]
    assert found["rows"] == [{"values": {"count": 1}}]
