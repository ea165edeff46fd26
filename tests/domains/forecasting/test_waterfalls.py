"""Waterfalls: whatever became of deals, start and all parts add up to end."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from support.clients import pointers, problem
from support.forecasting import taken, total, waterfall
from support.members import custom_role, member
from support.selling import act, deal, pipeline, reason

FIRST, LAST = date(2026, 3, 1), date(2026, 4, 1)
DUE = {"closes_from": "2026-04-01", "closes_to": "2026-06-30"}
IN, OUT = date(2026, 5, 5), date(2026, 9, 9)
PARTS = [
    "new",
    "reopened",
    "increased",
    "decreased",
    "fx_effect",
    "pulled_in",
    "pushed_out",
    "won",
    "lost",
    "removed",
]
ADDED = {"new", "reopened", "increased", "fx_effect", "pulled_in"}


async def test_every_way_into_a_pipeline_and_out_of_it(client, owner, org):
    where = await pipeline(client)

    def one(amount, *, closes=IN, status="open", **more):
        return {"amount": amount, "closes_on": closes, "status": status, **more}

    ways = {
        "new": (None, one("1")),
        "reopened": (one("9", status="lost"), one("2")),
        "increased": (one("10"), one("14")),
        "decreased": (one("10"), one("2")),
        "pulled_in": (one("15", closes=OUT), one("16")),
        "pushed_out": (one("32"), one("40", closes=OUT)),
        "won": (one("64"), one("64", status="won")),
        "lost": (one("128"), one("128", status="lost")),
        "removed": (one("256"), None),
        # In none of them.
        "out": (one("512", closes=OUT), one("513", closes=OUT)),
        "closed": (one("512", status="won"), one("512", status="won")),
        "before": (None, one("512", status="won", closes=date(2026, 1, 1))),
    }
    ids = {name: uuid4() for name in ways}
    for day, place in ((FIRST, 0), (LAST, 1)):
        rows = [
            {"deal_id": ids[name], "pipeline_id": where.id, **states[place]}
            for name, states in ways.items()
            if states[place] is not None
        ]
        await taken(owner, org, day, rows)
    found, parts = await waterfall(client, where.id, FIRST, LAST, **DUE)
    assert {name: str(amount) for name, amount in parts.items()} == {
        "new": "1.00",
        "reopened": "2.00",
        "increased": "4.00",
        "decreased": "8.00",
        "fx_effect": "0.00",
        "pulled_in": "16.00",
        "pushed_out": "32.00",
        "won": "64.00",
        "lost": "128.00",
        "removed": "256.00",
    }
    assert (found["start"], found["end"], found["end_count"]) == ("500.00", "35.00", 5)
    assert total(found) == Decimal(35)
    for name in ("new", "increased", "pushed_out", "removed"):
        params = {"from": str(FIRST), "to": str(LAST), "part": name, **DUE}
        (row,) = (await client.read(f"pipelines/{where.id}/waterfall/deals", **params))["data"]
        assert (row["deal_id"], Decimal(row["amount"])) == (str(ids[name]), parts[name])


async def test_what_a_rate_does_is_no_growth(client, owner, org):
    where = await pipeline(client)
    ids = [uuid4(), uuid4()]

    def rows(*amounts):
        same = {"pipeline_id": where.id, "currency": "USD"}
        return [
            {"deal_id": id, "amount": amount, "base_amount": base, **same}
            for id, (amount, base) in zip(ids, amounts, strict=True)
        ]

    await taken(owner, org, FIRST, rows(("100", "90"), ("100", "90")))
    await taken(owner, org, LAST, rows(("100", "95"), ("150", "142.50")))
    found, parts = await waterfall(client, where.id, FIRST, LAST)
    told = [str(parts[name]) for name in ("increased", "decreased", "fx_effect")]
    assert (told, total(found)) == (["47.50", "0.00", "10.00"], Decimal("237.50"))
    params = {"from": str(FIRST), "to": str(LAST), "part": "fx_effect"}
    page = await client.read(f"pipelines/{where.id}/waterfall/deals", **params)
    assert [row["amount"] for row in page["data"]] == ["5.00", "5.00"]


def after(first, last):
    """In plain Python what each deal adds to which part: the reference."""

    def due(one):
        return one["closes_on"] is not None and date(2026, 4, 1) <= one["closes_on"] <= date(
            2026, 6, 30
        )

    found = dict.fromkeys((*PARTS, "start", "end"), Decimal(0))
    v0 = Decimal(0) if first is None else first["base_amount"] or Decimal(0)
    v1 = Decimal(0) if last is None else last["base_amount"] or Decimal(0)
    was = first is not None and first["status"] == "open" and due(first)
    now = last is not None and last["status"] == "open" and due(last)
    found["start"], found["end"] = v0 * was, v1 * now
    closed = last is not None and last["status"] != "open"
    if was and (now or closed):
        found["grown"] = v1 - v0
    if was:
        if closed:
            found[last["status"]] = v1
        elif last is None:
            found["removed"] = v0
        elif not now:
            found["pushed_out"] = v0
        return found
    if last is None or not due(last):
        return found
    if first is None:
        if closed and last["closes_on"] < FIRST:
            return found
        found["new"] = v1
    elif first["status"] == "open":
        found["pulled_in"] = v1
    elif first["status"] != last["status"]:
        found["reopened"] = v1
    else:
        return found
    if closed:
        found[last["status"]] = v1
    return found


money = st.one_of(st.none(), st.decimals(min_value=0, max_value=10**6, places=2, allow_nan=False))
state = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["open", "open", "won", "lost"]),
        "closes_on": st.sampled_from([None, date(2026, 2, 1), IN, IN, OUT]),
        "amount": money,
        "base_amount": money,
        "currency": st.sampled_from(["EUR", "USD"]),
    }
)
pairs = st.lists(st.tuples(st.one_of(st.none(), state), st.one_of(st.none(), state)), max_size=12)


@settings(max_examples=25)
@given(pairs=pairs)
async def test_the_parts_add_up_to_the_cent(client, owner, org, pairs):
    made = str(uuid4())
    await owner.execute(
        "INSERT INTO pipelines (organization_id, id, name, sort_name, graph, is_default, "
        "is_archived, next_step_policy, win_needs, reopen_needs_reason, wanted_roles, version, "
        "created_at, updated_at) VALUES ($1, $2, 'Any', 'any', 'free', false, false, 'off', "
        "'nothing', false, '[]', 1, now(), now())",
        org.id,
        made,
    )
    for pair in pairs:
        for one in pair:
            if one is not None and (one["amount"] is None or one["currency"] == "EUR"):
                one["base_amount"] = one["amount"]
    ids = [uuid4() for _ in pairs]
    for day, place in ((FIRST, 0), (LAST, 1)):
        rows = [
            {"deal_id": id, "pipeline_id": made, **pair[place]}
            for id, pair in zip(ids, pairs, strict=True)
            if pair[place] is not None
        ]
        await taken(owner, org, day, rows)
    found, parts = await waterfall(client, made, FIRST, LAST, **DUE)
    wanted = [after(*pair) for pair in pairs]

    def summed(name):
        return sum((one.get(name, Decimal(0)) for one in wanted), Decimal(0))

    for name in set(PARTS) - {"increased", "decreased", "fx_effect"}:
        assert parts[name] == summed(name), name
    grown = parts["increased"] - parts["decreased"] + parts["fx_effect"]
    assert grown == summed("grown")
    assert (Decimal(found["start"]), Decimal(found["end"])) == (summed("start"), summed("end"))
    assert total(found) == Decimal(found["end"])
    for part in found["parts"]:
        params = {"from": str(FIRST), "to": str(LAST), "part": part["part"], "limit": 200, **DUE}
        page = await client.read(f"pipelines/{made}/waterfall/deals", **params)
        assert len(page["data"]) == part["count"]
        assert sum(Decimal(row["amount"]) for row in page["data"]) == Decimal(part["amount"])


async def test_deals_that_move_by_themselves(client, owner, org):
    """The whole way: snapshots are of deals, and what is done to them shows."""
    where, why = await pipeline(client), await reason(client)
    made = {n: await deal(client, where, name=n, amount="10") for n in ("up", "win", "lose", "bin")}
    await client.post("/v1/deal-snapshots")
    before = datetime.now(UTC).date() - timedelta(days=30)
    for table in ("deal_snapshots", "deal_snapshot_days"):
        await owner.execute(
            f"UPDATE {table} SET day = $2 WHERE organization_id = $1", org.id, before
        )
    await client.changed(f"deals/{made['up']['id']}", {"amount": "13"})
    await act(client, made["win"]["id"], "win")
    await act(client, made["lose"]["id"], "lose", loss_reason_id=why)
    await client.delete(f"/v1/deals/{made['bin']['id']}")
    await deal(client, where, amount="5")
    await client.post("/v1/deal-snapshots")
    found, parts = await waterfall(client, where.id, before, before + timedelta(days=31))
    some = {name: str(amount) for name, amount in parts.items() if amount}
    assert some == {
        "new": "5.00",
        "increased": "3.00",
        "won": "10.00",
        "lost": "10.00",
        "removed": "10.00",
    }
    assert (found["start"], found["end"], str(total(found))) == ("40.00", "18.00", "18.00")
    levels = {"deals": {"read": "own"}}
    nobody = await member(client, await custom_role(client, levels=levels))
    unseen, _ = await waterfall(nobody.api, where.id, before, before + timedelta(days=31))
    assert (unseen["start"], unseen["start_count"], unseen["end_count"]) == ("0.00", 0, 0)
    masks = {"deal": {"hidden": ["amount"], "read_only": []}}
    masked = await member(
        client, await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    )
    params = {"from": str(before), "to": str(before + timedelta(days=31))}
    blind = await masked.api.read(f"pipelines/{where.id}/waterfall", **params)
    assert (blind["start"], blind["start_count"], blind["parts"][0]["amount"]) == (None, 4, None)
    path = f"/v1/pipelines/{where.id}/waterfall/deals"
    answer = await masked.api.get(path, params={**params, "part": "increased"})
    problem(answer, 403, "hidden_field")


async def test_bad_spans_are_refused(client, owner, org):
    where = await pipeline(client)
    path = f"/v1/pipelines/{where.id}/waterfall"
    params = {"from": "2026-03-02", "to": "2026-03-01"}
    assert pointers(problem(await client.get(path, params=params), 422)) == ["to"]
    params = {"from": "2025-01-01", "to": "2026-03-01"}
    assert pointers(problem(await client.get(path, params=params), 422)) == ["to"]
    params = {"from": "2026-03-01", "to": "2026-03-01"}
    problem(await client.get(path, params=params), 409, "no_snapshots")
    await taken(owner, org, date(2026, 3, 2), [])
    found = problem(await client.get(path, params=params), 409, "no_snapshots")
    assert found["first_day"] == "2026-03-02"
    problem(await client.get(f"/v1/pipelines/{uuid4()}/waterfall", params=params), 404)


async def test_the_same_over_graphql(client, owner, org):
    where = await pipeline(client)
    id = uuid4()
    await taken(owner, org, FIRST, [])
    await taken(owner, org, LAST, [{"deal_id": id, "pipeline_id": where.id, "amount": "5"}])
    document = """query($id: UUID!) {
        pipelineWaterfall(pipelineId: $id, from: "2026-03-01", to: "2026-04-01") {
            start end definitionId parts { part amount count } }
        pipelineWaterfallDeals(pipelineId: $id, part: "new", from: "2026-03-01", to: "2026-04-01") {
            data { dealId amount } nextCursor }
    }"""
    found = await client.data(document, id=where.id)
    assert found["pipelineWaterfall"]["parts"][0] == {"part": "new", "amount": "5.00", "count": 1}
    assert found["pipelineWaterfallDeals"]["data"] == [{"dealId": str(id), "amount": "5.00"}]
