"""Credits of random journeys are those of plain Python, for every model, and add up to the cent."""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations, pairwise
from math import factorial
from typing import Any, get_args

import pytest

from crm_api.domains.attribution.gathering import Days
from crm_api.domains.attribution.results import Results
from crm_api.domains.attribution.weighing import Model
from crm_api.kit.db.beside import beside
from crm_api.kit.db.tx import at_one_moment
from support.clients import Api, tx_of
from support.members import custom_role, member
from support.reporting import behind_standard, standard
from support.waiting import patiently

KINDS = ("email", "ads", "event", "social")
BUYERS, LOST = 24, 8
LOOKBACK, HALF_LIFE = timedelta(days=90), timedelta(days=7)
SESSION = timedelta(minutes=30)
EVER = timedelta(days=10_000)
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Touch:
    """A touch as the test has sent it."""

    campaign: str | None
    channel: str
    at: datetime
    variant: str | None


@dataclass
class Journey:
    """Somebody, by what they came, and what they bought: when, and for how much."""

    touches: list[Touch]
    owner: str | None
    deals: list[tuple[str, datetime, Decimal]] = field(default_factory=list)


def path_of(journey, until, reach=LOOKBACK):
    """The touches that count before a conversion: within reach, once in a session."""
    last: dict[Any, datetime] = {}
    found = []
    for one in sorted(journey.touches, key=lambda t: t.at):
        if until - reach < one.at <= until:
            key = (one.campaign, one.channel)
            if key not in last or one.at - last[key] > SESSION:
                found.append(one)
            last[key] = one.at
    return found


def chance(paths, without="nothing"):
    """The chance of a conversion from the start of a chain, by walking it until it has ended."""
    moves = defaultdict(Counter)
    for path, won, number in paths:
        for here, there in pairwise(["start", *path, "won" if won else "lost"]):
            moves[here][there] += number
    at, won = {"start": 1.0}, 0.0
    # However long those go round who come and go.
    while sum(at.values()) > 1e-9:
        after = Counter()
        for here, share in at.items():
            whole = sum(moves[here].values())
            for there, number in moves[here].items():
                if there == "won":
                    won += share * number / whole
                elif there not in {"lost", without}:
                    after[there] += share * number / whole
        at = after
    return won


def removal(paths):
    """What share of the conversions is lost without each key."""
    whole = chance(paths)
    return {
        key: 1 - chance(paths, key) / whole for key in {key for path, *_ in paths for key in path}
    }


def shapley(keys):
    """Of a single conversion: what each key adds to coalitions, by the definition."""
    players = sorted(set(keys), key=str)
    found = {}
    for one in players:
        others = [other for other in players if other != one]
        found[one] = 0.0
        for size in range(len(others) + 1):
            for coalition in combinations(others, size):
                ways = factorial(size) * factorial(len(others) - size) / factorial(len(players))
                before, after = set(coalition), {*coalition, one}
                found[one] += ways * ((set(keys) <= after) - (set(keys) <= before))
    return found


def weights(model, path, keys, until, effects):
    """What each touch is worth, as the documentation of each model says."""
    number = len(path)
    if model in {"markov", "shapley"}:
        worth = shapley(keys) if model == "shapley" else effects
        raw = [worth[key] / keys.count(key) for key in keys]
    elif model == "time_decay":
        raw = [0.5 ** ((until - one.at) / HALF_LIFE) for one in path]
    elif model == "position" and number > 2:
        raw = [0.4, *[0.2 / (number - 2)] * (number - 2), 0.4]
    elif model in {"position", "linear"}:
        raw = [1.0] * number
    else:
        told = [n for n, one in enumerate(path) if one.channel != "direct"]
        place = {"first": 0, "last": number - 1}.get(model, told[-1] if told else number - 1)
        raw = [float(n == place) for n in range(number)]
    if not sum(raw):
        raw = [1.0] * number
    return [one / sum(raw) for one in raw]


def reckoned(model, journeys, key_of):
    """By key the credited conversions, their value, and how many it touched."""
    paths = [
        (path_of(journey, at), at, amount)
        for journey in journeys
        for _, at, amount in journey.deals
    ]
    chain = [([key_of(one) for one in path], True, 1) for path, *_ in paths]
    # Those of whom nothing came are told of as long as is asked for: ever.
    chain += [
        ([key_of(one) for one in path_of(journey, NOW + timedelta(days=1), EVER)], False, 1)
        for journey in journeys
        if not journey.deals
    ]
    effects = removal(chain) if model == "markov" else {}
    found = defaultdict(lambda: [0.0, 0.0, 0])
    for path, at, amount in paths:
        keys = [key_of(one) for one in path]
        for key, weight in zip(keys, weights(model, path, keys, at, effects), strict=True):
            found[key][0] += weight
            found[key][1] += weight * float(amount)
        for key in set(keys):
            found[key][2] += 1
    return found


async def sold(api: Api, contact: str, amount: Decimal, owner: str | None):
    """A deal that was won, with its moment and its amount."""
    body = {"name": "Office", "contact_id": contact, "amount": str(amount), "owner_id": owner}
    deal = await api.made("deals", body)
    answer = await api.post(f"/v1/deals/{deal['id']}/win", json={})
    assert answer.status_code == 200, answer.text
    return deal["id"], datetime.fromisoformat(answer.json()["closed_at"]), amount


def touches_of(rng, campaigns):
    """By what somebody came, some of it long ago, or twice within a session."""
    found = []
    for _ in range(rng.randrange(1, 7)):
        id, channel = rng.choice(campaigns)
        variant = rng.choice(["A", "B", None]) if id else None
        at = NOW - timedelta(minutes=rng.randrange(10, 80 * 24 * 60))
        found.append(Touch(id, channel, at, variant))
        if rng.random() < 0.2:
            found.append(Touch(id, channel, at + timedelta(minutes=5), variant))
    if rng.random() < 0.3:
        id, channel = rng.choice(campaigns)
        found.append(Touch(id, channel, NOW - timedelta(days=200), None))
    return found


async def send(api: Api, contact: str, touches):
    """Tell of what somebody came by."""
    events = [
        {
            "name": "page.viewed",
            "contact_id": contact,
            "occurred_at": one.at.isoformat(),
            "properties": {
                **({"campaign_id": one.campaign} if one.campaign else {"channel": one.channel}),
                **({"variant": one.variant} if one.variant else {}),
            },
        }
        for one in touches
    ]
    answer = await api.post("/v1/events/track", json={"events": events})
    assert answer.status_code == 200, answer.text
    assert answer.json()["refused"] == 0, answer.text


@pytest.fixture
async def some(client):
    """Whoever sees of people, deals and leads what is theirs."""
    own = {area: {"read": "own"} for area in ("contacts", "deals", "leads")}
    return await member(client, await custom_role(client, levels={"*": {"read": "all"}, **own}))


@pytest.fixture
async def journeys(client, worker, some):
    """What random people came by and bought, once all of it is known."""
    rng = random.Random(36)
    campaigns: list[tuple[str | None, str]] = [(None, "direct")]
    for kind in KINDS:
        made = await client.made("campaigns", {"name": f"By {kind}", "kind": kind})
        campaigns.append((made["id"], kind))
    found = []
    for turn in range(BUYERS + LOST):
        owner = some.id if turn % 3 else None
        body = {"last_name": f"P{turn}", "owner_id": owner}
        contact = (await client.made("contacts", body))["id"]
        journey = Journey(touches_of(rng, campaigns), owner)
        await send(client, contact, journey.touches)
        for _ in range(rng.choice([1, 1, 2]) if turn < BUYERS else 0):
            amount = Decimal(rng.randrange(1, 1_000_000)) / 100
            journey.deals.append(await sold(client, contact, amount, owner))
        found.append(journey)
    number = sum(len(path_of(one, at)) for one in found for _, at, _ in one.deals)
    async for _ in patiently(0.5):
        told = [
            len((await client.read(f"attribution/conversions/{id}"))["touches"])
            for one in found
            for id, *_ in one.deals
        ]
        lost = await client.read("attribution", model="markov")
        if sum(told) == number and lost["attributed_conversions"] == len(told):
            break
    return found


def by_campaign(one):
    return one.campaign


def by_channel(one):
    return one.channel


def by_variant(one):
    return one.campaign, one.variant


KEYS = {
    "campaign": (by_campaign, lambda row: row["campaign_id"]),
    "channel": (by_channel, lambda row: row["channel"]),
    "variant": (by_variant, lambda row: (row["campaign_id"], row["variant"])),
}


async def test_every_model_is_that_of_plain_python(client, journeys):
    deals = [deal for one in journeys for deal in one.deals]
    value = sum((amount for *_, amount in deals), Decimal(0))
    for model in get_args(Model):
        for by, (of_touch, of_row) in KEYS.items():
            told = await client.read("attribution", model=model, by=by)
            assert (told["conversions"], Decimal(told["value"])) == (len(deals), value)
            assert sum(Decimal(row["conversions"]) for row in told["data"]) == len(deals)
            assert sum(Decimal(row["value"]) for row in told["data"]) == value
            wanted = reckoned(model, journeys, of_touch)
            assert {of_row(row) for row in told["data"]} == wanted.keys()
            for row in told["data"]:
                weight, amount, touched = wanted[of_row(row)]
                assert float(row["conversions"]) == pytest.approx(weight, abs=1e-4), (model, by)
                # Shared out by weights of six decimals, and rounded to a cent at each conversion.
                margin = 0.02 * len(deals)
                assert float(row["value"]) == pytest.approx(amount, abs=margin), (model, by)
                assert row["touched"] == touched
    await adds_up(client, deals)


async def adds_up(client, deals):
    """Each conversion is shared out whole; so are those of each month, and what was begun."""
    for model in get_args(Model):
        for id, _, amount in deals[:4]:
            one = await client.read(f"attribution/conversions/{id}", model=model)
            assert sum(Decimal(touch["value"]) for touch in one["touches"]) == amount
            assert sum(Decimal(touch["weight"]) for touch in one["touches"]) == 1
    value = sum((amount for *_, amount in deals), Decimal(0))
    for goal in ("won", "opportunity"):
        told = await client.read("attribution", goal=goal, period="week", model="position")
        assert sum(Decimal(row["value"]) for row in told["data"]) == value
    kinds = await client.read("attribution", by="kind")
    assert [row["kind"] for row in kinds["data"]] == ["visited"]


async def test_results_are_what_campaigns_are_credited_with(client, journeys):
    for model in get_args(Model):
        told = await client.read("attribution", model=model)
        for row in told["data"]:
            if row["campaign_id"] is not None:
                path = f"campaigns/{row['campaign_id']}/results"
                total = (await client.read(path, model=model))["total"]
                assert (total["won"], total["revenue"]) == (row["conversions"], row["value"])
                assert total["touched_won"] == row["touched"]


def seen_by(client, some, journeys):
    """Clients, each with the journeys that it sees."""
    return (client, journeys), (some.api, [one for one in journeys if one.owner == some.id])


async def test_the_report_of_attribution_is_that_of_plain_python(client, some, journeys):
    for api, mine in seen_by(client, some, journeys):
        for model in get_args(Model):
            await is_reckoned(api, mine, model)


async def is_reckoned(api, journeys, model):
    """Have the report be that of these journeys alone, with the deals behind its cells."""
    for by, of_touch in (("campaign", by_campaign), ("channel", by_channel)):
        asked = {"model": model, "by": by, **ALWAYS}
        rows = (await standard(api, "attribution", **asked))["answer"]["rows"]
        wanted = reckoned(model, journeys, of_touch)
        assert {row["values"]["key"] for row in rows} == wanted.keys()
        for row in rows:
            own, (weight, amount, touched) = row["values"], wanted[row["values"]["key"]]
            numbers = {"conversions": weight, "revenue": amount, "touched": touched}
            close_to(own, numbers)
            cell = ("attribution", row["cell"])
            there = await behind_standard(api, *cell, "touched", **asked)
            assert len(there) == touched
            # Behind the others stand the deals that it is credited with.
            of_credits = await behind_standard(api, *cell, "conversions", **asked)
            each = model in {"linear", "position", "time_decay", "shapley"}
            ids = {one["id"] for one in of_credits}
            assert len(ids) == touched if each else ids <= {one["id"] for one in there}


@pytest.fixture
async def spent(client, some, journeys):
    """By campaign what it cost, and of each lead that it brought whose it is; some did neither."""
    rng, costs, leads = random.Random(37), defaultdict(Decimal), defaultdict(list)
    known = {one.campaign for journey in journeys for one in journey.touches} - {None}
    currency = (await client.read("organization"))["currency"]
    for turn, id in enumerate(sorted(known)):
        for _ in range(turn):
            amount = Decimal(rng.randrange(1, 90_000)) / 100
            body = {"campaign_id": id, "channel": "ads", "spent_on": str(NOW.date())}
            await client.made(
                "campaign-costs", {**body, "currency": currency, "amount": str(amount)}
            )
            costs[id] += amount
        for n in range(3 - turn):
            came = {"last_name": f"Lead {n}", "campaign": id}
            owner = some.id if n else None
            lead = await client.made("leads", {**came, "owner_id": owner})
            leads[id].append(owner)
    # Two more of the campaign of the last one: of these one is merged into it, and one goes.
    twice, gone = [(await client.made("leads", came))["id"] for _ in range(2)]
    async for _ in patiently(0.5):
        (total,) = (await standard(client, "campaign_results", **ALWAYS))["answer"]["totals"]
        if total["values"]["leads"] == sum(map(len, leads.values())) + 2:
            break
    merge = {"winner_id": lead["id"], "loser_ids": [twice]}
    assert (await client.post("/v1/leads/merge", json=merge)).status_code == 201
    assert (await client.delete(f"/v1/leads/{gone}")).is_success
    return costs, leads


ALWAYS = {"from": "2020-01-01", "to": "2100-01-01"}


def figures(costs, leads, won, begun, revenue):
    """What campaigns come to: each by plain division, null where it would be by nothing."""

    def by(part, whole):
        return part / whole if whole else None

    return {
        "leads": leads,
        "won": won,
        "opportunities": begun,
        "revenue": revenue,
        "cost": costs,
        "profit": revenue - costs,
        "roi": by(revenue - costs, costs),
        "roas": by(revenue, costs),
        "cost_per_lead": by(costs, leads),
        "cost_per_opportunity": by(costs, begun),
        "cost_per_sale": by(costs, won),
    }


def begun_of(journeys):
    """By campaign the credits of deals that were begun: by the touches before that, alike."""
    found = defaultdict(float)
    for journey in journeys:
        for _, at, _ in journey.deals:
            # They were won within a moment of their creation, after all touches.
            own = path_of(journey, at)
            for one in own:
                found[one.campaign] += 1 / len(own)
    return found


async def test_the_report_of_campaigns_is_plain_division(client, some, journeys, spent):
    costs, owners = spent
    for api, mine in seen_by(client, some, journeys):
        seen = {None, some.id} if api is client else {some.id}
        leads = Counter({id: sum(one in seen for one in of) for id, of in owners.items()})
        await is_division(api, mine, costs, leads)


async def is_division(api, journeys, costs, leads):
    """Have the report be of these journeys, costs and leads alone, with the records behind it."""
    credits, begun = reckoned("linear", journeys, by_campaign), begun_of(journeys)
    answer = (await standard(api, "campaign_results", **ALWAYS))["answer"]
    told = {row["values"]["campaign_id"]: row for row in answer["rows"]}
    assert told.keys() >= credits.keys() - {None}
    whole = Counter()
    for id, row in told.items():
        won, revenue, _ = credits.get(id, (0.0, 0.0, 0))
        own = (float(costs[id]), leads[id], won, begun[id], revenue)
        whole.update(dict(enumerate(own)))
        close_to(row["values"], figures(*own))
        of_it = {
            deal[0]
            for journey in journeys
            for deal in journey.deals
            if id in {one.campaign for one in path_of(journey, deal[1])}
        }
        for name in ("won", "opportunities"):
            there = await behind_standard(api, "campaign_results", row["cell"], name, **ALWAYS)
            assert {one["id"] for one in there} == of_it
        there = await behind_standard(api, "campaign_results", row["cell"], "cost", **ALWAYS)
        assert sum(Decimal(one["amount"]) for one in there) == costs[id]
        there = await behind_standard(api, "campaign_results", row["cell"], "leads", **ALWAYS)
        assert len(there) == leads[id]
    (total,) = answer["totals"]
    wanted = figures(*(whole[place] for place in range(5)))
    close_to(total["values"], wanted)
    for name, measure in (
        *(("campaign_roi", "roi"), ("campaign_roas", "roas"), ("cost_per_lead", "cost_per_lead")),
        *(("cost_per_opportunity", "cost_per_opportunity"), ("cost_per_sale", "cost_per_sale")),
    ):
        metric = await api.read(f"metrics/{name}", by="campaign_id")
        assert metric["value"] == total["values"][measure], name
        parts = {row["values"]["campaign_id"]: row["values"][measure] for row in metric["rows"]}
        assert parts == {id: row["values"][measure] for id, row in told.items()}


def close_to(told, wanted):
    """Have numbers be these, but for the cents by which conversions are rounded."""
    for name, value in wanted.items():
        assert (told[name] is None) == (value is None), (name, told, wanted)
        if value is not None:
            assert float(told[name]) == pytest.approx(value, rel=2e-4, abs=0.005), name


async def test_two_connections_find_what_one_finds(journeys, database, org):
    for model in get_args(Model):
        async with at_one_moment(tx_of(database, org)) as tx:
            both, _ = await Results(tx).gathered(None, model, Days(), in_parts=True)
            async with beside(tx) as other:
                assert (other is tx) == tx.source.pooler
            async with tx.atomic(), tx.atomic(), beside(tx) as other:
                assert other is tx
                alone, _ = await Results(tx).gathered(None, model, Days(), in_parts=True)
        assert both.won
        assert both.begun
        assert (both.won, both.begun) == (alone.won, alone.begun)
        assert (both.did, both.leads, both.months) == (alone.did, alone.leads, alone.months)
