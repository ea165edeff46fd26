"""How deals went through their stages is what plain Python makes of their stays, at random."""

import random
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from support.members import custom_role, member
from support.reporting import behind_standard, standard
from support.selling import deal, pipeline, reason

NOW = datetime.now(UTC)
FIRST, LAST = (NOW.date() - timedelta(days=back) for back in (40, 5))
SINCE, UNTIL = (
    datetime.combine(day, time(), tzinfo=UTC) for day in (FIRST, LAST + timedelta(days=1))
)
ROTTEN = timedelta(days=20)
PLACES = {"New": 1, "Offer": 2, "Terms": 3, "Won": 1_000, "Lost": -1}
DEAL = """
    UPDATE deals SET stage_id = $2, status = $3, stage_entered_at = $4, created_at = $5,
        closed_at = CASE WHEN $3 = 'open' THEN NULL ELSE $4::timestamptz END,
        loss_reason_id = CASE $3 WHEN 'lost' THEN $6::uuid END,
        forecast_category = CASE $3 WHEN 'open' THEN forecast_category WHEN 'won' THEN 'closed'
            ELSE 'omitted' END
    WHERE id = $1
"""
MOVE = """
    INSERT INTO deal_moves (organization_id, id, deal_id, verb, from_stage_id, to_stage_id,
        entered_at, seconds, version, created_at, updated_at)
    VALUES ($1, $2, $3, 'moved', $4, $5, $6, 0, 1, $7, $7)
"""


async def wander(rng, owner, org, where, id, why):
    """Have a deal gone through stages at random, back and again, too; its stays."""
    names = [rng.choice(["New", "Offer", "Terms"]) for _ in range(rng.randrange(1, 7))]
    if rng.random() < 0.5:
        names.append(rng.choice(["Won", "Lost"]))
    hours = sorted(rng.sample(range(1, 70 * 24), len(names)), reverse=True)
    begun = [NOW - timedelta(hours=hour, microseconds=rng.randrange(10**6)) for hour in hours]
    stays = list(zip(names, begun, [*begun[1:], None], strict=True))
    for (name, entered, left), (following, _, _) in pairwise(stays):
        ends = [UUID(where[name]), UUID(where[following])]
        await owner.execute(MOVE, org.id, uuid4(), id, *ends, entered, left)
    name, entered, _ = stays[-1]
    status = name.lower() if name in {"Won", "Lost"} else "open"
    await owner.execute(DEAL, id, UUID(where[name]), status, entered, begun[0], UUID(why))
    return {"status": status, "created": begun[0], "stays": stays}


def conversion(deals, stage):
    """Which deals entered a stage within the days, and which of them went further since."""
    entered, passed = set(), set()
    for id, one in deals.items():
        for name, at, _ in one["stays"]:
            if name != stage or not SINCE <= at < UNTIL:
                continue
            entered.add(id)
            if any(PLACES[n] > PLACES[stage] and then >= at for n, then, _ in one["stays"]):
                passed.add(id)
    lost = {id for id in entered - passed if deals[id]["status"] == "lost"}
    return {
        "entered": entered,
        "passed": passed,
        "lost": lost,
        "undecided": entered - passed - lost,
    }


def percentile(values, share):
    """Linear between the two values around it, as PostgreSQL's `percentile_cont`."""
    if not values:
        return None
    ordered, place = sorted(values), share * (len(values) - 1)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(values) - 1)]
    return low + (high - low) * (place - int(place))


def times(deals, stage):
    """How many days deals were in a stage, and those that are there now."""
    stayed, within, there = {}, set(), set()
    for id, one in deals.items():
        own = [(at, left or NOW) for name, at, left in one["stays"] if name == stage]
        if not own:
            continue
        stayed[id] = sum((left - at).total_seconds() for at, left in own) / 86_400
        if any(at < UNTIL and left >= SINCE for at, left in own):
            within.add(id)
        if one["status"] == "open" and one["stays"][-1][0] == stage:
            there.add(id)
    rotting = {id for id in there if stage == "Offer" and deals[id]["stays"][-1][1] < NOW - ROTTEN}
    won = percentile([stayed[id] for id in stayed if deals[id]["status"] == "won"], 0.75)
    stalled = {id for id in there if won is not None and stayed[id] > won}
    figures = {
        "time_median": percentile([stayed[id] for id in within], 0.5),
        "time_p90": percentile([stayed[id] for id in within], 0.9),
        "age_median": percentile(
            [(NOW - deals[id]["created"]).total_seconds() / 86_400 for id in there], 0.5
        ),
    }
    behind = {"timed": within, "open_deals": there, "stalled": stalled, "rotting": rotting}
    return behind, figures, won


async def agree(api, deals, where):
    """All figures, and the deals behind them."""
    asked = {"pipeline_id": where.id, "from": str(FIRST), "to": str(LAST)}
    for row in (await standard(api, "stage_conversion", **asked))["answer"]["rows"]:
        wanted = conversion(deals, row["values"]["stage"])
        await _agree(api, "stage_conversion", row, wanted, asked)
    for row in (await standard(api, "time_in_stage", **asked))["answer"]["rows"]:
        wanted, figures, won = times(deals, row["values"]["stage"])
        if won is None:
            assert row["values"]["stalled"] is None
            del wanted["stalled"]
        await _agree(api, "time_in_stage", row, wanted, asked)
        for name, value in figures.items():
            told = row["values"][name]
            assert (told is None) == (value is None)
            # Shown by hundredths, and up to a moment that is a little later.
            assert told is None or abs(float(Decimal(told)) - value) < 0.02
    created = {id: one for id, one in deals.items() if SINCE <= one["created"] < UNTIL}
    before = None
    for row in (await standard(api, "sales_funnel", **asked))["answer"]["rows"]:
        place = PLACES[row["values"]["stage"]]
        reached = {
            id
            for id, one in created.items()
            if any(PLACES[name] >= place for name, _, _ in one["stays"])
        }
        await _agree(api, "sales_funnel", row, {"reached": reached}, asked)
        share = row["values"]["of_previous"]
        before = len(reached) if before is None else before
        assert (share and float(share)) == (round(len(reached) / before, 4) if before else None)
        before = len(reached)


async def _agree(api, report, row, wanted, asked):
    for name, ids in wanted.items():
        assert row["values"][name] == len(ids), (row["values"], name)
        found = await behind_standard(api, report, row["cell"], name, **asked)
        assert {UUID(one["id"]) for one in found} == ids


@pytest.mark.parametrize("seed", [1, 2])
async def test_stages_of_wandering_deals(client, owner, org, seed):
    rng, why = random.Random(seed), await reason(client)
    where = await pipeline(client, Offer={"rotting_days": ROTTEN.days})
    role = await custom_role(client, levels={"*": {"read": "all"}, "deals": {"read": "own"}})
    reader = await member(client, role)
    deals, own = {}, set()
    for _ in range(30):
        is_own = rng.random() < 0.5
        made = await deal(client, where, owner_id=reader.id if is_own else None)
        id = UUID(made["id"])
        deals[id] = await wander(rng, owner, org, where, id, why)
        if is_own:
            own.add(id)
    await agree(client, deals, where)
    await agree(reader.api, {id: one for id, one in deals.items() if id in own}, where)
