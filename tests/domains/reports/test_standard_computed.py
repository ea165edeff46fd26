"""Standard reports that domains compute: as plain Python does, also for who sees but a part."""

import math
import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from statistics import mean
from uuid import UUID, uuid4

import pytest

from support.clients import problem
from support.leads import captured, give_all, pool_of, rule_of, users_of
from support.library import SPAN, all_of, at
from support.members import custom_role, member
from support.reporting import behind_standard, standard
from support.segments import track
from support.selling import act, deal, pipeline

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()


async def reader_of(client):
    levels = {
        "*": {"read": "own"},
        **{area: {"read": "all"} for area in ("segments", "campaigns", "companies", "deals")},
    }
    return await member(client, await custom_role(client, levels=levels))


async def cells(api, name, *by, **parameters):
    """By the groups of each row its values and its cell."""
    told = (await standard(api, name, **parameters))["answer"]
    return {tuple(r["values"][n] for n in by): (r["values"], r["cell"]) for r in told["rows"]}, told


def close(told, wanted):
    if wanted is None:
        return told is None
    return told is not None and abs(float(told) - float(wanted)) < 0.00001


@pytest.mark.parametrize("seed", [1, 2])
async def test_utilisation_of_resources(client, seed):
    rng, reader = random.Random(seed), await reader_of(client)
    first, booked = date(2031, 3, 3), Counter()
    rooms = [
        await client.made(
            "resources",
            {"name": f"R{n}", "kind": "room", "capacity": 3, "owner_id": (reader.id, None)[n % 2]},
        )
        for n in range(4)
    ]
    for turn in range(12):
        room, number = rng.choice(rooms), rng.randrange(1, 4)
        start = datetime.combine(first + timedelta(days=turn), time(10), UTC)
        minutes = rng.randrange(15, 600)
        await client.made(
            "bookings",
            {
                "title": "Visit",
                "starts_at": start.isoformat(),
                "ends_at": (start + timedelta(minutes=minutes)).isoformat(),
                "resources": [{"resource_id": room["id"], "quantity": number}],
            },
        )
        if turn < 10:
            booked[room["id"]] += minutes * number
    span = {"from": first.isoformat(), "to": (first + timedelta(days=9)).isoformat()}
    for api in (client, reader.api):
        seen = {one["id"] for one in await all_of(api, "resources")}
        found, told = await cells(api, "resource_utilisation", "resource_id", **span)
        assert {key for (key,) in found} == seen
        whole = 10 * 24 * 60 * 3
        for (id,), (row, cell) in found.items():
            assert (row["capacity_minutes"], row["booked_minutes"]) == (whole, booked[id])
            assert close(row["utilisation"], booked[id] / whole)
            (one,) = await behind_standard(api, "resource_utilisation", cell, **span)
            assert one["id"] == id
        (total,) = told["totals"]
        assert total["values"]["booked_minutes"] == sum(booked[id] for id in seen)
        metric = await api.read("metrics/resource_utilisation", by="resource_id", **span)
        shares = {one["values"]["resource_id"]: one["values"] for one in metric["rows"]}
        assert shares.keys() == seen
        assert all(close(shares[id]["utilisation"], booked[id] / whole) for id in seen)
        every = sum(booked[id] for id in seen) / whole / len(seen)
        assert close(metric["value"], every)
    long = {"from": "2020-01-01", "to": "2031-01-01"}
    answer = await standard(client, "resource_utilisation", 422, **long)
    assert answer["errors"][0]["pointer"] == "/parameters/to"


def unfairness(values):
    """Half of the mean difference of all pairs, by the mean."""
    whole = sum(abs(a - b) for a, b in product(values, repeat=2))
    return whole / (2 * len(values) ** 2 * mean(values)) if any(values) else 0


@pytest.mark.parametrize("by_weight", [(3, 1, 2), (1, 2, 7)])
async def test_fairness_of_assignments(client, database, org, by_weight):
    reader = await reader_of(client)
    weights = dict(zip([*await users_of(client, 2), reader.id], by_weight, strict=True))
    pool = await pool_of(client, weights)
    await rule_of(client, pool)
    leads = await captured(client, 10)
    await give_all(database, org)
    back = leads[3]["id"]
    answer = await client.post(f"/v1/leads/{back}/return", json={"reason": "No time"})
    assert answer.status_code == 200, answer.text
    for api in (client, reader.api):
        rows = [r for r in await all_of(api, "leads") if r["owner_id"]]
        had = Counter(r["owner_id"] for r in rows)
        found, told = await cells(api, "lead_fairness", "pool_id", "user_id", **SPAN)
        assert set(found) == {(pool["id"], id) for id in weights}
        for (_, id), (row, cell) in found.items():
            assert (row["assigned"], row["weight"]) == (had[id], weights[id])
            there = await behind_standard(api, "lead_fairness", cell, **SPAN)
            assert {r["id"] for r in there} == {r["id"] for r in rows if r["owner_id"] == id}
        (total,) = told["totals"]
        shares = [had[id] / weight for id, weight in weights.items()]
        assert close(total["values"]["gini"], unfairness(shares))
        squares = sum(share * share for share in shares)
        assert close(total["values"]["jain"], sum(shares) ** 2 / (len(shares) * squares))
        assert len(await behind_standard(api, "lead_fairness", total["cell"], **SPAN)) == len(rows)
    assert 0 < len(rows) < 9


def month_of(moment):
    return date(moment.year, moment.month, 1)


def months(first, later):
    return (later.year - first.year) * 12 + later.month - first.month


@pytest.mark.parametrize(("event", "seed"), [(None, 3), ("page.viewed", 3), ("page.viewed", 4)])
async def test_retention_of_cohorts(client, owner, event, seed):
    rng, reader = random.Random(seed), await reader_of(client)
    for turn in range(24):
        body = {"last_name": f"P{turn}", "owner_id": rng.choice([reader.id, None])}
        made = (await client.made("contacts", body))["id"]
        begun = NOW - timedelta(days=rng.randrange(150))
        await owner.execute("UPDATE contacts SET created_at = $2 WHERE id = $1", UUID(made), begun)
        deeds = [
            {
                "contact_id": made,
                "name": rng.choice(["page.viewed", "signed_up"]),
                "occurred_at": (begun + (NOW - begun) * rng.random()).isoformat(),
            }
            for _ in range(rng.randrange(4))
        ]
        if deeds:
            await track(client, *deeds)
    asked = {"months": 12, "event": event}
    sizes = []
    for api in (client, reader.api):
        begun = {r["id"]: at(r, "created_at") for r in await all_of(api, "contacts")}
        events = [r for r in await all_of(api, "behaviour-events") if event in {None, r["name"]}]
        size = Counter(month_of(one) for one in begun.values())
        active = {
            (r["contact_id"], months(begun[r["contact_id"]], at(r, "occurred_at"))) for r in events
        }
        found, _ = await cells(api, "cohort_retention", "month", "months_later", **asked)
        wanted = {
            (month.isoformat(), later) for month in size for later in range(months(month, NOW))
        }
        assert set(found) == wanted
        for (month, later), (row, cell) in found.items():
            own = {id for id, one in begun.items() if month_of(one).isoformat() == month}
            did = {id for id, distance in active if id in own and distance == later}
            assert (row["contacts"], row["active"]) == (len(own), len(did))
            assert close(row["retention"], len(did) / len(own))
            there = await behind_standard(api, "cohort_retention", cell, "active", **asked)
            assert {r["id"] for r in there} == did
            there = await behind_standard(api, "cohort_retention", cell, "contacts", **asked)
            assert {r["id"] for r in there} == own
        sizes.append(len(begun))
    assert sizes[0] > sizes[1] > 0
    answer = await standard(client, "cohort_retention", 422, months=0)
    assert answer["errors"][0]["pointer"] == "/parameters/months"


def scored(values):
    ordered = sorted(values)
    found = []
    for value in values:
        ranks = [rank for rank, one in enumerate(ordered, 1) if one == value]
        share = (Fraction(sum(ranks), len(ranks)) - Fraction(1, 2)) / len(ordered)
        found.append(1 + math.floor(5 * share))
    return found


@pytest.mark.parametrize("seed", [4, 5])
async def test_the_rfm_grid(client, owner, seed):
    rng = random.Random(seed)
    levels = {"*": {"read": "all"}, "deals": {"read": "own"}}
    reader = await member(client, await custom_role(client, levels=levels))
    where = await pipeline(client)
    companies = [(await client.made("companies", {"name": f"C{n}"}))["id"] for n in range(7)]
    for turn in range(24):
        more = {
            "company_id": rng.choice(companies),
            "amount": f"{rng.randrange(100_000) / 100:.2f}",
            "currency": "EUR",
            "owner_id": rng.choice([reader.id, None]),
        }
        made = (await deal(client, where, **more))["id"]
        if turn % 4:
            await act(client, made, "win")
            moment = NOW - timedelta(minutes=rng.randrange(300_000))
            await owner.execute("UPDATE deals SET closed_at = $2 WHERE id = $1", UUID(made), moment)
    for api in (client, reader.api):
        bought = {}
        for row in await all_of(api, "deals"):
            if row["status"] == "won":
                bought.setdefault(row["company_id"], []).append(row)
        names = list(bought)
        last = scored([max(at(r, "closed_at") for r in bought[id]).date() for id in names])
        often = scored([len(bought[id]) for id in names])
        grid = {}
        for id, r, f in zip(names, last, often, strict=True):
            grid.setdefault((r, f), set()).add(id)
        found, _ = await cells(api, "rfm_grid", "recency", "frequency")
        assert set(found) == set(grid)
        for key, (row, cell) in found.items():
            amounts = [Decimal(d["base_amount"]) for id in grid[key] for d in bought[id]]
            assert (row["customers"], Decimal(row["monetary"])) == (len(grid[key]), sum(amounts))
            assert {r["id"] for r in await behind_standard(api, "rfm_grid", cell)} == grid[key]
    masks = {"deal": {"hidden": ["base_amount"]}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    answer = await standard((await member(client, role)).api, "rfm_grid", 403)
    assert answer["code"] == "hidden_field"


@pytest.mark.parametrize("seed", [5, 6])
async def test_results_of_projects(client, owner, seed):
    rng, reader = random.Random(seed), await reader_of(client)
    for turn in range(8):
        body = {
            "name": f"P{turn}",
            "revenue": rng.choice([None, f"{rng.randrange(1, 90_000)}.00"]),
            "currency": rng.choice(["EUR", "USD"]),
            "owner_id": rng.choice([reader.id, None]),
        }
        made = (await client.made("projects", body))["id"]
        for _ in range(rng.randrange(4)):
            entry = {
                "project_id": made,
                "day": "2026-03-02",
                "minutes": rng.randrange(1, 600),
                "is_billable": rng.random() < 0.5,
                "cost_rate": rng.choice([None, "60.00"]),
            }
            time_id = (await client.made("time-entries", entry))["id"]
            for verb in ("submit", "approve")[: rng.choice([1, 2, 2])]:
                assert (await client.post(f"/v1/time-entries/{time_id}/{verb}")).status_code == 200
        ended = NOW - timedelta(days=rng.randrange(100))
        planned = rng.choice([None, ended + timedelta(days=rng.randrange(-9, 9), hours=1)])
        await owner.execute(
            "UPDATE projects SET status = $2, closed_at = $3, baseline_finishes_at = $4 "
            "WHERE id = $1",
            UUID(made),
            rng.choice(["completed", "accepted", "cancelled"]),
            ended,
            planned,
        )
    entries = [r for r in await all_of(client, "time-entries") if r["status"] == "approved"]
    for api in (client, reader.api):
        rows = {
            r["id"]: r
            for r in await all_of(api, "projects")
            if r["status"] in {"completed", "accepted"}
        }
        found, told = await cells(api, "project_results", "project_id", **SPAN)
        assert {id for (id,) in found} == set(rows)
        for (id,), (row, cell) in found.items():
            own = [r for r in entries if r["project_id"] == id]
            cost = sum((Decimal(r["cost_rate"] or 0) * r["minutes"] / 60 for r in own), Decimal())
            revenue = Decimal(rows[id]["revenue"] or 0)
            assert abs(Decimal(row["cost"]) - cost) <= Decimal("0.0001")
            assert abs(Decimal(row["margin"]) - revenue + cost) <= Decimal("0.0001")
            assert close(row["margin_share"], (revenue - cost) / revenue if revenue else None)
            plan = rows[id]["baseline_finishes_at"]
            in_time = plan is not None and at(rows[id], "closed_at") <= datetime.fromisoformat(plan)
            assert (row["with_baseline"], row["on_time"]) == (int(plan is not None), int(in_time))
            worked = sum(r["minutes"] for r in own)
            billed = sum(r["minutes"] for r in own if r["is_billable"])
            assert (row["worked_minutes"], row["billable_minutes"]) == (worked, billed)
            assert close(row["utilisation"], billed / worked if worked else None)
            (one,) = await behind_standard(api, "project_results", cell, **SPAN)
            assert one["id"] == id
        for total in told["totals"]:
            inside = {id for id, r in rows.items() if r["currency"] == total["values"]["currency"]}
            there = await behind_standard(api, "project_results", total["cell"], **SPAN)
            assert {r["id"] for r in there} == inside
            assert total["values"]["projects"] == len(inside)
            late = [found[(id,)][0]["on_time"] for id in inside]
            assert total["values"]["on_time"] == sum(late)
    masks = {"project": {"hidden": ["revenue"]}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    answer = await standard((await member(client, role)).api, "project_results", 403)
    assert answer["code"] == "hidden_field"


_MEMBER = """
    INSERT INTO campaign_members (organization_id, campaign_id, contact_id, variant, is_holdout,
        excluded_reason, frozen_at)
    SELECT organization_id, id, $2, NULL, $3, $4, launched_at FROM campaigns WHERE id = $1
"""


_PAIR = """
    INSERT INTO duplicates (organization_id, id, version, created_at, updated_at, created_by,
        custom, external_ids, target, first_id, second_id, status, band, score, weight, reasons,
        seen_at)
    SELECT organization_id, $3, 1, now(), now(), created_by, '{}', '{}', 'contact', id, $2, $4,
        'probable', 90, 10, '[]', now()
    FROM contacts WHERE id = $1
"""


@pytest.mark.parametrize("seed", [7, 8])
async def test_suspected_duplicates(client, owner, seed):
    rng = random.Random(seed)
    levels = {"contacts": {"read": "own"}, "reports": {"read": "all"}}
    reader = await member(client, await custom_role(client, levels=levels))
    people = {}
    for turn in range(8):
        mine = rng.choice([reader.id, reader.id, None])
        body = {"last_name": f"Person {turn}", "owner_id": mine}
        people[(await client.made("contacts", body))["id"]] = mine
    pairs = []
    for first, second in product(sorted(people), repeat=2):
        if first < second and rng.random() < 0.5:
            status = rng.choice(["open", "open", "not_duplicate"])
            await owner.execute(_PAIR, UUID(first), UUID(second), uuid4(), status)
            pairs += [(first, second)] if status == "open" else []
    for api, sees in ((client, set(people)), (reader.api, {i for i, o in people.items() if o})):
        own = [pair for pair in pairs if set(pair) <= sees]
        found, _ = await cells(api, "suspected_duplicates", "target")
        (row, cell) = found[("contact",)]
        assert (row["pairs"], row["records"]) == (len(own), len({id for p in own for id in p}))
        there = await behind_standard(api, "suspected_duplicates", cell)
        assert {r["id"] for r in there} == {id for pair in own for id in pair}
    assert own != pairs


async def test_who_may_not_read_what_it_takes_gets_none(client):
    levels = {"reports": {"read": "all"}, "contacts": {"read": "all"}}
    api = (await member(client, await custom_role(client, levels=levels))).api
    names = {one["name"] for one in (await api.read("standard-reports"))["data"]}
    assert "contact_completeness" in names
    for name in ("cohort_retention", "lead_fairness"):
        assert name not in names
        problem(await api.post(f"/v1/standard-reports/{name}/run", json={}), 403)
