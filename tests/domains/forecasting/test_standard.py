"""Standard reports of deals: their numbers are those of plain Python over the records."""

import calendar
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from support.members import custom_role, member
from support.reporting import behind_standard, standard
from support.selling import act, deal, pipeline, reason

MARCH = {"from": "2026-03-01", "to": "2026-04-01"}
TODAY = datetime.now(UTC).date()
SPAN = {"from": str(TODAY - timedelta(days=1500)), "to": str(TODAY + timedelta(days=1500))}
LATELY = {"from": str(TODAY - timedelta(days=2)), "to": str(TODAY + timedelta(days=1))}


async def people(client):
    """Everybody, and somebody who sees their own records alone."""
    role = await custom_role(client, levels={"*": {"read": "own"}})
    return client, await member(client, role)


async def wandering(client, rng, where, because, owner_id=None, **more):
    """A deal that goes some way through its pipeline."""
    one = await deal(client, where, owner_id=owner_id, **more)
    stages = ["Offer", "Terms", "New"]
    at = "New"
    for _ in range(rng.randrange(4)):
        to = rng.choice([stage for stage in stages if stage != at])
        await act(client, one["id"], "move", stage_id=where[to])
        at = to
    end = rng.choice(["win", "lose", None])
    if end:
        more = {"loss_reason_id": because} if end == "lose" else {}
        await act(client, one["id"], end, **more)
    return one


async def all_of(api, path, **params):
    return (await api.read(path, limit=200, **params))["data"]


async def stays_of(api):
    """By deal that is seen: the deal, and the stages that it was in, in their order."""
    found = {}
    for one in await all_of(api, "deals"):
        moves = sorted(await all_of(api, f"deals/{one['id']}/moves"), key=lambda m: m["created_at"])
        found[one["id"]] = one, [*(m["from_stage_id"] for m in moves), one["stage_id"]]
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_stages_convert_as_their_deals_went(client, seed):
    rng = random.Random(seed)
    where, because = await pipeline(client), await reason(client)
    everybody, reader = await people(client)
    for _ in range(16):
        await wandering(client, rng, where, because, rng.choice([reader.id, None]))
    rank = {
        where["New"]: 1,
        where["Offer"]: 2,
        where["Terms"]: 3,
        where["Won"]: 9,
        where["Lost"]: 0,
    }
    for api in (everybody, reader.api):
        wanted = defaultdict(Counter)
        for one, stays in (await stays_of(api)).values():
            for stage in {s for s in stays if rank[s] in {1, 2, 3}}:
                later = stays[stays.index(stage) + 1 :]
                passed = any(rank[s] > rank[stage] for s in later)
                lost = not passed and one["status"] == "lost"
                fate = "passed" if passed else "lost" if lost else "undecided"
                wanted[stage].update(["entered", fate])
        asked = {"pipeline_id": where.id, **SPAN}
        answer = (await standard(api, "stage_conversion", **asked))["answer"]
        assert len(answer["rows"]) == 3
        for row in answer["rows"]:
            own, known = row["values"], wanted[row["values"]["stage_id"]]
            for name in ("entered", "passed", "lost", "undecided"):
                assert own[name] == known[name], (name, own)
                rows = await behind_standard(api, "stage_conversion", row["cell"], name, **asked)
                assert len(rows) == known[name]
            decided = known["passed"] + known["lost"]
            rate = None if not decided else round(known["passed"] / decided, 4)
            assert (own["conversion"] and float(own["conversion"])) == pytest.approx(rate)


@pytest.mark.parametrize("seed", [1, 2])
async def test_outcomes_and_the_records_behind_them(client, seed):
    """Those without a day of closing count by when they were closed, as win rates do."""
    rng = random.Random(seed)
    where, because = await pipeline(client), await reason(client)
    everybody, reader = await people(client)
    name = "deal_outcomes_by_owner"
    for _ in range(20):
        owner = reader.id if rng.random() < 0.5 else None
        closes = rng.choice(["2026-03-31", None])
        amount = f"{rng.randrange(10_000)}.50"
        one = await deal(
            client, where, owner_id=owner, closes_on=closes, amount=amount, currency="EUR"
        )
        end = rng.choice(["win", "lose", None])
        if end:
            more = {"loss_reason_id": because} if end == "lose" else {}
            await act(client, one["id"], end, **more)
        await client.changed(f"deals/{one['id']}", {"closes_on": closes})
    for api in (everybody, reader.api):
        rows = [r for r in await all_of(api, "deals") if r["status"] != "open"]
        for span in (MARCH, LATELY, SPAN):
            days = {r["id"]: r["closes_on"] or r["closed_at"][:10] for r in rows}
            due = [r for r in rows if span["from"] <= days[r["id"]] <= span["to"]]
            wanted = Counter((r["owner_id"], r["status"]) for r in due)
            answer = (await standard(api, name, **span))["answer"]
            found = Counter()
            for row in answer["rows"]:
                own = row["values"]
                found.update({(own["owner_id"], s): own[s] for s in ("won", "lost") if own[s]})
                behind = await behind_standard(api, name, row["cell"], **span)
                assert len(behind) == own["decided"]
                await _amounts_agree(api, name, row, due, span)
            assert found == wanted
            metric = await api.read("metrics/win_rate_count", **span)
            # Of nothing there are no totals.
            (rate,) = [one["values"]["rate"] for one in answer["totals"]] or [None]
            assert rate == metric["value"]


async def _amounts_agree(api, name, row, due, span):
    """Have what was won and lost be the sums of these deals, and of those behind the numbers."""
    for status in ("won", "lost"):
        wanted = (row["values"]["owner_id"], status)
        own = [one for one in due if (one["owner_id"], one["status"]) == wanted]
        amounts = [Decimal(one["base_amount"]) for one in own]
        told, measure = row["values"][f"{status}_amount"], f"{status}_amount"
        assert (told and Decimal(told)) == (sum(amounts) if amounts else None)
        behind = await behind_standard(api, name, row["cell"], measure, **span)
        assert {one["id"] for one in behind} == {one["id"] for one in own}


@pytest.mark.parametrize("seed", [1, 2])
async def test_how_far_deals_came_and_how_many_stand_where(client, seed):
    rng = random.Random(seed)
    where, because = await pipeline(client), await reason(client)
    everybody, reader = await people(client)
    for _ in range(14):
        await wandering(client, rng, where, because, rng.choice([reader.id, None]))
    rank = {
        where["New"]: 1,
        where["Offer"]: 2,
        where["Terms"]: 3,
        where["Won"]: 9,
        where["Lost"]: 0,
    }
    asked = {"pipeline_id": where.id, **SPAN}
    for api in (everybody, reader.api):
        known = list((await stays_of(api)).values())
        rows = (await standard(api, "sales_funnel", **asked))["answer"]["rows"]
        assert [row["values"]["stage"] for row in rows] == ["New", "Offer", "Terms", "Won"]
        first = len(known)
        for row in rows:
            own = row["values"]
            came = {
                one["id"]
                for one, stays in known
                if max(map(rank.get, stays)) >= rank[own["stage_id"]]
            }
            assert own["reached"] == len(came)
            share = own["of_first"]
            assert (share and float(share)) == (round(len(came) / first, 4) if first else None)
            behind = await behind_standard(api, "sales_funnel", row["cell"], **asked)
            assert {one["id"] for one in behind} == came
        for row in (await standard(api, "time_in_stage", **asked))["answer"]["rows"]:
            own = row["values"]
            timed = {one["id"] for one, stays in known if own["stage_id"] in stays}
            opened = {
                one["id"]
                for one, _ in known
                if one["stage_id"] == own["stage_id"] and one["status"] == "open"
            }
            assert (own["timed"], own["open_deals"]) == (len(timed), len(opened))
            for name, ids in (("timed", timed), ("open_deals", opened)):
                found = await behind_standard(api, "time_in_stage", row["cell"], name, **asked)
                assert {one["id"] for one in found} == ids


@pytest.mark.parametrize("seed", [1, 2])
async def test_velocity_and_quotas_are_those_of_the_deals(client, seed):
    rng = random.Random(seed)
    where, because = await pipeline(client), await reason(client)
    everybody, reader = await people(client)
    year = TODAY.year
    month = f"{year}-{TODAY.month:02}"
    ends = calendar.monthrange(year, TODAY.month)[1]
    goal = {
        "name": "Sales",
        "metric": "won_amount",
        "starts_on": f"{month}-01",
        "ends_on": f"{month}-{ends}",
    }
    await client.made("goals", {**goal, "user_id": reader.id, "target": "1000"})
    for _ in range(14):
        amount = rng.choice([None, "100", "250.50", "1000"])
        closes = rng.choice([str(TODAY), f"{year + 2}-01-31", None])
        more = {"amount": amount, "closes_on": closes, "currency": "EUR"}
        one = await deal(client, where, owner_id=rng.choice([reader.id, None]), **more)
        end = rng.choice(["win", "lose", None])
        if end:
            said = {"loss_reason_id": because} if end == "lose" else {}
            await act(client, one["id"], end, **said)
    for api in (everybody, reader.api):
        deals = await all_of(api, "deals")
        won = [d for d in deals if d["status"] == "won"]
        lost = [d for d in deals if d["status"] == "lost"]
        valued = [Decimal(d["base_amount"]) for d in won if d["base_amount"]]
        asked = {"pipeline_id": where.id, **SPAN}
        (row,) = (await standard(api, "pipeline_velocity", **asked))["answer"]["rows"]
        own = row["values"]
        qualified = [d for d in deals if d["status"] == "open"]
        assert own["qualified"] == len(qualified)
        decided = len(won) + len(lost)
        rate = round(len(won) / decided, 4) if decided else None
        assert (own["win_rate"] and float(own["win_rate"])) == rate
        average = sum(valued) / len(valued) if valued else None
        found = own["average_won"]
        assert (found and Decimal(found)) == (average and round(average, 2))
        for name, ids in (("qualified", qualified), ("win_rate", won + lost), ("cycle", won)):
            rows = await behind_standard(api, "pipeline_velocity", row["cell"], name, **asked)
            assert {d["id"] for d in rows} == {d["id"] for d in ids}
        within = {"period": month}
        (row,) = [
            row
            for row in (await standard(api, "quota_attainment", **within))["answer"]["rows"]
            if row["values"]["node_id"] == reader.id
        ]
        mine = [
            d
            for d in won
            if d["owner_id"] == reader.id and (d["closes_on"] or str(TODAY)) == str(TODAY)
        ]
        total = sum(Decimal(d["base_amount"] or 0) for d in mine)
        own = row["values"]
        assert Decimal(own["won"]) == total
        assert Decimal(own["quota"]) == 1000
        assert float(own["attainment"]) == pytest.approx(float(total / 1000), abs=1e-4)
        rows = await behind_standard(api, "quota_attainment", row["cell"], "won", **within)
        assert {d["id"] for d in rows} == {d["id"] for d in mine}
        ahead = [
            d
            for d in deals
            if d["owner_id"] == reader.id and d["status"] == "open" and d["closes_on"] == str(TODAY)
        ]
        (row,) = [
            row
            for row in (await standard(api, "pipeline_coverage", **within))["answer"]["rows"]
            if row["values"]["node_id"] == reader.id
        ]
        amount = sum(Decimal(d["base_amount"] or 0) for d in ahead)
        assert Decimal(row["values"]["open_pipeline"]) == amount
        rows = await behind_standard(api, "pipeline_coverage", row["cell"], "coverage", **within)
        assert {d["id"] for d in rows} == {d["id"] for d in ahead}


async def test_coverage_is_that_of_the_present_quarter(client, org):
    where, (everybody, reader) = await pipeline(client), await people(client)
    days = {"starts_on": str(TODAY), "ends_on": str(TODAY), "metric": "won_amount"}
    first = 3 * ((TODAY.month - 1) // 3) + 1
    days["starts_on"] = f"{TODAY.year}-{first:02}-01"
    end = calendar.monthrange(TODAY.year, first + 2)[1]
    days["ends_on"] = f"{TODAY.year}-{first + 2:02}-{end}"
    none = await everybody.read("metrics/coverage")
    assert (none["value"], none["rows"]) == (None, [])
    await client.made("goals", {"name": "Q", "user_id": reader.id, "target": "1000", **days})
    more = {"owner_id": reader.id, "amount": "2500", "currency": "EUR"}
    await deal(client, where, closes_on=days["ends_on"], **more)
    found = await everybody.read("metrics/coverage", by="node_id")
    told = {row["values"]["node_id"]: row["values"]["coverage"] for row in found["rows"]}
    assert found["value"] == told[str(org.id)] == told[reader.id] == "2.5"


async def test_who_reaches_no_more_looks_back_on_their_own(client):
    where = await pipeline(client)
    everybody, reader = await people(client)
    over = TODAY.replace(day=1) - timedelta(days=1)
    for owner_id in (reader.id, None):
        more = {"amount": "100", "currency": "EUR", "closes_on": str(over)}
        one = await deal(client, where, owner_id=owner_id, **more)
        await act(client, one["id"], "win")
        await client.changed(f"deals/{one['id']}", {"closes_on": str(over)})
    asked = {"periods": "month", "from": str(over.replace(day=1)), "to": str(over)}
    for api, wanted in ((everybody, 200), (reader.api, 100)):
        rows = (await standard(api, "forecast_against_actual", **asked))["answer"]["rows"]
        assert rows
        for row in rows:
            assert Decimal(row["values"]["actual"]) == wanted
            name = "forecast_against_actual"
            found = await behind_standard(api, name, row["cell"], "actual", **asked)
            assert sum(Decimal(d["base_amount"]) for d in found) == wanted
        rows = (await standard(api, "forecast_accuracy", **asked))["answer"]["rows"]
        for row in rows:
            found = await behind_standard(api, "forecast_accuracy", row["cell"], **asked)
            assert sum(Decimal(d["base_amount"]) for d in found) == wanted
