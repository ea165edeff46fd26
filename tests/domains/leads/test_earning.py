"""Shares of leads that members of a pool earn by what they made of those that they had."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import numpy as np
import pytest
from scipy import stats

from crm_api.domains.leads.earning import WHOLE, chances, shared
from support.clients import problem
from support.leads import captured, give_all, owner_of, pool_of, rule_of, users_of


@pytest.mark.parametrize(
    "outcomes", [((8, 10), (1, 10)), ((0, 0), (3, 10)), ((40, 100), (30, 100)), ((0, 0), (0, 0))]
)
def test_chances_are_those_of_the_distributions(outcomes):
    """By the integral over one density and the other's distribution, for two."""
    won, ended = (sum(column) for column in zip(*outcomes, strict=True))
    rate = (won + 1) / (ended + 2)
    ours, theirs = (stats.beta(20 * rate + w, 20 * (1 - rate) + e - w) for w, e in outcomes)
    grid = np.linspace(0, 1, 20_001)
    first = np.trapezoid(ours.pdf(grid[1:-1]) * theirs.cdf(grid[1:-1]), grid[1:-1])
    found = chances(outcomes, 7)
    assert found[0] == pytest.approx(first, abs=4 * 0.008)
    assert sum(found) == pytest.approx(1)


def test_weights_are_earned_but_for_what_is_even():
    outcomes = [(30, 40), (10, 40), (0, 40), (0, 0)]
    first = shared(outcomes, 10, 7)
    assert first == shared(outcomes, 10, 7)
    assert max(first) == first[0]
    # A quarter of a tenth is everybody's.
    assert min(first) >= 25
    assert abs(sum(first) - WHOLE) <= len(first)
    assert shared(outcomes, 100, 7) == [250] * 4
    assert shared([(5, 9)], 1, 7) == [WHOLE]
    assert shared([], 10, 7) == []
    # However many there are, and however little is even, nobody is left out.
    assert min(shared([(9, 10)] * 400 + [(0, 900)], 1, 7)) >= 1


async def ended(client, user_id, *, won, lost):
    """Leads that somebody had, and what they made of them."""
    leads = await captured(client, won + lost)
    for number, lead in enumerate(leads):
        path = f"/v1/leads/{lead['id']}"
        answer = await client.post(f"{path}/assign", json={"user_id": user_id})
        assert answer.status_code == 200, answer.text
        verb, body = ("convert", {}) if number < won else ("disqualify", {"reason": "No budget"})
        answer = await client.post(f"{path}/{verb}", json=body)
        assert answer.status_code == 200, answer.text


async def weights_of(client, lead):
    told = await client.read(f"leads/{lead['id']}/explain")
    assert told["reason"] == "highest_credit"
    return {one["user_id"]: one["weight"] for one in told["candidates"]}


async def test_leads_go_to_whom_they_convert_with(client, database, org):
    good, poor = await users_of(client, 2)
    await ended(client, good, won=8, lost=2)
    await ended(client, poor, won=1, lost=9)
    # What is said of weights by hand does not count.
    pool = await pool_of(client, {good: 1, poor: 100}, strategy="performance", exploration=20)
    await rule_of(client, pool)
    leads = await captured(client, 60)
    assert await give_all(database, org) == 60
    weights = await weights_of(client, leads[0])
    assert list(weights.values()) == shared([(8, 10), (1, 10)], 20, UUID(pool["id"]).int)
    assert weights[good] > 5 * weights[poor]
    had = Counter([await owner_of(client, lead) for lead in leads])
    for user, weight in weights.items():
        assert abs(had[user] - Fraction(60 * weight, sum(weights.values()))) < 1
    assert had[poor] >= 5


async def test_they_are_learned_anew_each_day(client, database, org, owner):
    first, second = await users_of(client, 2)
    pool = await pool_of(client, {first: 1, second: 1}, strategy="performance")
    await rule_of(client, pool)

    async def weights():
        (lead,) = await captured(client, 1)
        assert await give_all(database, org, [lead["id"]]) == 1
        return await weights_of(client, lead)

    before = await weights()
    assert abs(before[first] - before[second]) < 4 * 16
    await ended(client, second, won=9, lost=1)
    assert await weights() == before
    aged = (datetime.now(UTC) - timedelta(hours=25)).timestamp()
    await owner.execute(
        "UPDATE lead_pools SET turns = jsonb_set(turns, '{learned,at}', to_jsonb($2::float8)) "
        "WHERE id = $1",
        pool["id"],
        aged,
    )
    after = await weights()
    assert list(after.values()) == shared([(0, 0), (9, 10)], 10, UUID(pool["id"]).int)
    assert after[second] > 1.2 * after[first]
    # Whoever is said to be tried more often is, from then on.
    await client.changed(f"lead-pools/{pool['id']}", {"exploration": 100})
    assert set((await weights()).values()) == {WHOLE // 2}


async def test_a_simulation_and_the_real_thing_agree(client, database, org):
    users = await users_of(client, 3)
    await ended(client, users[1], won=4, lost=1)
    pool = await pool_of(client, dict.fromkeys(users, 1), name="Before")
    await rule_of(client, pool)
    leads = await captured(client, 30)
    now = datetime.now(UTC)
    around = {
        "since": (now - timedelta(days=1)).isoformat(),
        "until": (now + timedelta(hours=1)).isoformat(),
        "filter": {"status": "new"},
    }
    draft = {"pool_id": pool["id"], "strategy": "performance", "exploration": 30}
    body = {**around, "pools": [draft]}
    answer = await client.post("/v1/lead-rules/simulate", json=body)
    assert answer.status_code == 200, answer.text
    told = {one["lead_id"]: one["user_id"] for one in answer.json()["leads"]}
    await client.changed(f"lead-pools/{pool['id']}", {k: draft[k] for k in draft if k != "pool_id"})
    assert await give_all(database, org) == 30
    assert told == {lead["id"]: await owner_of(client, lead) for lead in leads}
    assert len(set((await weights_of(client, leads[0])).values())) > 1


async def test_over_graphql_and_within_bounds(client):
    document = """mutation($input: LeadPoolCreateInput!) {
        createLeadPool(input: $input) { strategy exploration } }"""
    given = {"name": "Best", "strategy": "performance", "exploration": 25}
    made = (await client.data(document, input=given))["createLeadPool"]
    assert made == {"strategy": "performance", "exploration": 25}
    for wrong in (0, 101, "many"):
        answer = await client.post("/v1/lead-pools", json={**given, "exploration": wrong})
        assert problem(answer, 422)["errors"][0]["pointer"] == "/exploration"
