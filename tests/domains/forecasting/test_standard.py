"""Standard reports of deals: their numbers are those of plain Python over the records."""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from support.members import custom_role, member
from support.reporting import behind_standard, standard
from support.selling import act, deal, pipeline, reason

SPAN = {"from": "2000-01-01", "to": "2100-01-01"}
MARCH = {"from": "2026-03-01", "to": "2026-04-01"}
TODAY = datetime.now(UTC).date()
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
        one = await deal(client, where, owner_id=owner, closes_on=closes)
        end = rng.choice(["win", "lose", None])
        if end:
            more = {"loss_reason_id": because} if end == "lose" else {}
            await act(client, one["id"], end, **more)
        if closes is None:
            await client.changed(f"deals/{one['id']}", {"closes_on": None})
    for api in (everybody, reader.api):
        rows = [r for r in await all_of(api, "deals") if r["status"] != "open"]
        # Those without a day count by when they were closed, which is today.
        for closes, span in (("2026-03-31", MARCH), (None, LATELY), (..., SPAN)):
            due = [r for r in rows if closes is ... or r["closes_on"] == closes]
            wanted = Counter((r["owner_id"], r["status"]) for r in due)
            answer = (await standard(api, name, **span))["answer"]
            found = Counter()
            for row in answer["rows"]:
                own = row["values"]
                found.update({(own["owner_id"], s): own[s] for s in ("won", "lost") if own[s]})
                behind = await behind_standard(api, name, row["cell"], **span)
                assert len(behind) == own["decided"]
            assert found == wanted
            metric = await api.read("metrics/win_rate_count", **span)
            (total,) = answer["totals"]
            assert total["values"]["rate"] == metric["value"]
