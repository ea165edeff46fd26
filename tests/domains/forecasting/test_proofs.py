"""Reports of pipelines and forecasts: plain Python over the rows of a random company comes to the same."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from statistics import mean
from uuid import UUID, uuid4

import pytest

from support.forecasting import taken
from support.little import ZONE, day_of, little_company
from support.members import custom_role, member
from support.reporting import behind_standard, standard
from support.selling import act, deal, pipeline

SEEDS = (1, 2)
MARCH = {"from": "2025-03-01", "to": "2025-03-31"}
SPANS = (
    MARCH,
    {"from": "2000-01-01", "to": "2009-12-31"},
    {"from": "2020-01-01", "to": "2029-12-31"},
)
QUARTER = (date(2025, 1, 1), date(2025, 3, 31))
HORIZONS = (None, 60, 30, 7)
SOURCES = ("computed", "weighted", "submitted")


@pytest.fixture(scope="module")
async def companies(world):
    """Two, with goals, snapshots and what was said; read alone, so all tests share them."""
    made = {}
    for seed in SEEDS:
        org = await world.org()
        api = await world.client(org)
        little = await little_company(api, world.owner, org, seed)
        await goals(little, api)
        await pipeline(api)
        made[seed] = little, await snapshots(little), await words(little)
    return made


@pytest.fixture(params=SEEDS)
def company(companies, request):
    return companies[request.param]


def people_of(little):
    """Whoever sees their own records, and their mate."""
    (own,) = little.readers["own"][1]
    (mate,) = little.readers["team"][1] - {own}
    return own, mate


def rounded(value, places="0.0001"):
    return None if value is None else Decimal(value).quantize(Decimal(places), ROUND_HALF_UP)


def share(part, whole):
    return rounded(Decimal(part) / Decimal(whole)) if whole else None


def same(told, wanted, *where):
    assert (told is None) == (wanted is None), (*where, told, wanted)
    assert told is None or Decimal(told) == wanted, (*where, told, wanted)


def value_of(row):
    """What a deal is worth in the organization's currency."""
    known = row["base_amount"] is not None and row["base_currency"] == "EUR"
    return Decimal(row["base_amount"]) if known else None


def summed(rows):
    return sum((value_of(row) or Decimal(0) for row in rows), Decimal(0))


def decided_on(row):
    return day_of(row["closes_on"] or row["closed_at"])


def is_within(day, first, last):
    return day is not None and str(first) <= str(day) <= str(last)


async def opened(api, report, row, wanted, asked):
    """Have these be the deals behind the measures of a row."""
    for name, rows in wanted.items():
        there = await behind_standard(api, report, row["cell"], name, **asked)
        assert {one["id"] for one in there} == {one["id"] for one in rows}, (report, name)


# Velocity


def speed(rows, span):
    """The figures of a pipeline within some days, and the deals behind them."""
    qualified = [r for r in rows if r["status"] == "open" and r["forecast_category"] != "omitted"]
    decided = [
        r
        for r in rows
        if r["status"] != "open" and is_within(decided_on(r), span["from"], span["to"])
    ]
    won = [r for r in decided if r["status"] == "won"]
    amounts = [value_of(r) for r in won if value_of(r) is not None]
    average = sum(amounts) / len(amounts) if amounts else None
    days = [max((decided_on(r) - day_of(r["created_at"])).days, 0) for r in won]
    cycle = Decimal(mean(map(Decimal, days))) if days else None
    moves = average is not None and cycle
    velocity = len(qualified) * average * len(won) / len(decided) / cycle if moves else None
    figures = {
        "average_won": rounded(average, "0.01"),
        "win_rate": share(len(won), len(decided)),
        "cycle": rounded(cycle, "0.01"),
        "velocity": rounded(velocity, "0.01"),
    }
    return len(qualified), figures, {"qualified": qualified, "win_rate": decided, "cycle": won}


@pytest.mark.parametrize("span", SPANS, ids=lambda span: span["from"])
async def test_velocity(company, span):
    little, *_ = company
    for api, whose in little.readers.values():
        deals, told = await little.rows("deals", whose), defaultdict(list)
        for row in deals:
            told[row["pipeline_id"]].append(row)
        answer = (await standard(api, "pipeline_velocity", **span))["answer"]
        assert len(answer["rows"]) == 3, "One of them has no deals."
        total = []
        for row in answer["rows"]:
            own = row["values"]
            number, figures, behind = speed(told[own["pipeline_id"]], span)
            assert own["qualified"] == number
            for name, value in figures.items():
                same(own[name], value, name)
            await opened(api, "pipeline_velocity", row, behind, span)
            total += [] if figures["velocity"] is None else [figures["velocity"]]
        (line,) = answer["totals"]
        same(line["values"]["velocity"], sum(total) if total else None, "total")
        metric = await api.read("metrics/velocity", by="pipeline_id", **span)
        assert metric["value"] == line["values"]["velocity"]
        assert {r["values"]["pipeline_id"]: r["values"]["velocity"] for r in metric["rows"]} == {
            r["values"]["pipeline_id"]: r["values"]["velocity"] for r in answer["rows"]
        }


# Quotas and what covers them


async def goals(little, api):
    """Of users, of the team or of all, for the first quarter; and some that are no quotas of it."""
    rng, (own, mate) = little.rng, people_of(little)
    days = {"starts_on": "2025-01-01", "ends_on": "2025-03-31"}
    body = {"name": "G", "metric": "won_amount", "target": "1", "user_id": own, **days}
    made = await api.made("goals", body)
    rows = [
        {"user_id": rng.choice([own, mate]), "target": 10_000 * rng.randrange(1, 90_000)}
        for _ in range(4)
    ]
    nobody = {"user_id": None, "target": 10_000 * rng.randrange(1, 900_000)}
    rows += [{**nobody, "team_id": little.team}] if rng.random() < 0.5 else []
    rows += [nobody] if rng.random() < 0.5 else []
    # Of another metric, and of other days.
    rows += [{**nobody, "metric": "new_deals"}, {**nobody, "ends_on": "2025-02-28"}]
    await little.copies("goals", made["id"], *rows)


async def quotas_of(little):
    """By node the quota that it has, or that those below it have together."""
    own = defaultdict(Decimal)
    for row in await little.rows("goals"):
        days = (row["starts_on"], row["ends_on"]) == tuple(map(str, QUARTER))
        if row["metric"] == "won_amount" and days:
            own[row["user_id"] or row["team_id"] or "all"] += Decimal(row["target"]) / 10_000
    people = sum(own[one] for one in people_of(little))
    of_team = own[little.team] or people
    return {
        **{one: own[one] for one in people_of(little)},
        little.team: of_team,
        "all": own["all"] or of_team,
    }


def due(rows, whose):
    """What is won of them within the quarter, and what is open for it."""
    own = [row for row in rows if whose is None or row["owner_id"] in whose]
    won = [r for r in own if r["status"] == "won" and is_within(decided_on(r), *QUARTER)]
    ahead = [
        r
        for r in own
        if r["status"] == "open"
        and r["forecast_category"] != "omitted"
        and is_within(r["closes_on"], *QUARTER)
    ]
    return won, ahead


async def test_quotas(company):
    little, *_ = company
    quotas, asked = await quotas_of(little), {"period": "2025-Q1"}
    own, mate = people_of(little)
    reach = {"all": {own, mate, little.team, "all"}, "own": {own}, "team": {own, mate, little.team}}
    nodes = {own: {own}, mate: {mate}, little.team: {own, mate}, "all": None}
    for name, (api, whose) in little.readers.items():
        deals = await little.rows("deals", whose)
        for report in ("quota_attainment", "pipeline_coverage"):
            rows = (await standard(api, report, **asked))["answer"]["rows"]
            org = str(little.org.id)
            told = {
                "all" if r["values"]["node_id"] == org else r["values"]["node_id"]: r for r in rows
            }
            assert told.keys() == {node for node in reach[name] if quotas[node]}
            for node, row in told.items():
                won, ahead = due(deals, nodes[node])
                quota, closed, ahead_of = quotas[node], summed(won), summed(ahead)
                gap = max(quota - closed, Decimal(0))
                wanted = {
                    "quota": quota,
                    "won": closed,
                    "gap": gap,
                    "attainment": share(closed, quota),
                    "open_pipeline": ahead_of,
                    "coverage": share(ahead_of, gap),
                }
                values = row["values"]
                for measure in wanted.keys() & values.keys():
                    same(values[measure], wanted[measure], node, measure)
                behind = {"won": won, "open_pipeline": ahead, "coverage": ahead}
                here = {one: rows for one, rows in behind.items() if one in values}
                await opened(api, report, row, here, asked)


@pytest.mark.parametrize("seed", SEEDS)
async def test_coverage_of_the_present_quarter(client, org, seed):
    """The metric is of that quarter alone, of all and by who has a quota."""
    rng, where = Random(seed), await pipeline(client)
    role = await custom_role(client, levels={"*": {"read": "own"}})
    users = [await member(client, role) for _ in range(2)]
    today = datetime.now(UTC).date()
    first = today.replace(month=today.month - (today.month - 1) % 3, day=1)
    last = (first + timedelta(days=95)).replace(day=1) - timedelta(days=1)
    days = {"starts_on": str(first), "ends_on": str(last), "metric": "won_amount"}
    quotas = {one.id: Decimal(rng.randrange(1, 5_000)) for one in users}
    for id, target in quotas.items():
        await client.made("goals", {"name": "Q", "user_id": id, "target": str(target), **days})
    quotas[str(org.id)] = sum(quotas.values())
    for _ in range(14):
        body = {"owner_id": rng.choice([*(one.id for one in users), None]), "currency": "EUR"}
        closes = rng.choice(
            [first, last, first - timedelta(days=1), last + timedelta(days=1), None]
        )
        body["amount"] = rng.choice([None, str(rng.randrange(3_000))])
        made = await deal(client, where, closes_on=closes and str(closes), **body)
        if rng.random() < 0.3:
            await act(client, made["id"], "win", closed_on=str(min(closes or today, today)))
    for api, reach in ((client, quotas), (users[0].api, {users[0].id: None})):
        rows, wanted = (await api.read("deals", limit=200))["data"], {}
        for id in reach:
            own = [row for row in rows if id in {row["owner_id"], str(org.id)}]
            within = [row for row in own if is_within(row["closes_on"], first, last)]
            open_ = summed(row for row in within if row["status"] == "open")
            gap = quotas[id] - summed(row for row in within if row["status"] == "won")
            wanted[id] = share(open_, max(gap, Decimal(0)))
        told = await api.read("metrics/coverage", by="node_id")
        found = {row["values"]["node_id"]: row["values"]["coverage"] for row in told["rows"]}
        assert found.keys() == wanted.keys()
        for id, value in wanted.items():
            same(found[id], value, id)
        same(told["value"], wanted.get(str(org.id)), "all")


# Forecasts and what came of them

PERIODS = [
    (f"2025-{month:02}", date(2025, month, 1), date(2025, month + 1, 1) - timedelta(days=1))
    for month in range(1, 11)
]


def day_before(first, last, horizon):
    """The day as of which a forecast is looked at; None where the period had not begun."""
    if horizon is None:
        return first
    return last - timedelta(days=horizon) if horizon < (last - first).days else None


async def snapshots(little):
    """By day what deals were like then, on some of the days that are looked at and near others."""
    rng, deals, found = little.rng, await little.rows("deals"), {}
    for _, first, last in PERIODS:
        for horizon in HORIZONS:
            day = day_before(first, last, horizon)
            if day is None or rng.random() < 0.3:
                continue
            found[day - timedelta(days=rng.randrange(6))] = [
                {
                    "deal_id": one["id"],
                    "pipeline_id": one["pipeline_id"],
                    "owner_id": one["owner_id"] if rng.random() < 0.8 else little.whose(),
                    "amount": rng.choice([None, str(rng.randrange(1_000))]),
                    "closes_on": rng.choice([None, last, first, last + timedelta(days=1)]),
                    "probability": rng.choice([0, 33, 100]),
                    "status": (status := rng.choice(["open", "open", "won", "lost"])),
                    "category": {"won": "closed", "lost": "omitted"}.get(
                        status, rng.choice(["pipeline", "commit", "omitted"])
                    ),
                }
                for one in deals
                if rng.random() < 0.5
            ]
    for day, rows in found.items():
        await taken(little.owner, little.org, day, rows)
    return found


_SAID = """
    WITH made AS (INSERT INTO forecasts (organization_id, id, kind, starts_on, ends_on, node_kind,
        node_id, status, version, updated_at) VALUES ($1, $2, 'month', $3, $4, $5, $6, 'submitted', 1, now()))
    INSERT INTO forecast_entries (organization_id, id, forecast_id, layer, commit_amount, currency,
        made_at) SELECT $1, e.id, $2, e.layer, e.amount, e.currency, e.made_at
    FROM unnest($7::uuid[], $8::text[], $9::bigint[], $10::text[], $11::timestamptz[])
        AS e (id, layer, amount, currency, made_at)
"""


async def words(little):
    """By period and node what was said of it, when, by whom and in which currency."""
    rng, found = little.rng, {}
    for key, first, last in PERIODS:
        for node in (*people_of(little), little.team):
            if rng.random() < (0.7 if node == little.team else 0.4):
                continue
            said = [
                (
                    rng.choice(["owner", "owner", "manager"]),
                    rng.randrange(2_000),
                    rng.choice(["EUR", "EUR", "USD"]),
                    datetime.combine(first, time(), UTC) + timedelta(hours=rng.randrange(-48, 700)),
                )
                for _ in range(rng.randrange(1, 4))
            ]
            said.sort(key=lambda one: one[3])
            kind = "team" if node == little.team else "user"
            layers, amounts, currencies, times = zip(*said, strict=True)
            columns = (
                [uuid4() for _ in said],
                layers,
                [10_000 * one for one in amounts],
                currencies,
                times,
            )
            await little.owner.execute(
                _SAID, little.org.id, uuid4(), first, last, kind, UUID(node), *map(list, columns)
            )
            found[key, node] = said
    return found


def word_of(said, day):
    """What counts of a node at the end of a day: the manager's last word, else the owner's."""
    until = datetime.combine(day + timedelta(days=1), time(), ZONE)
    known = [one for one in said if one[3] < until and one[2] == "EUR"]
    own = [one for one in known if one[0] == "manager"] or known
    return Decimal(own[-1][1]) if own else None


def forecasts(company, whose, me, period, day):
    """What was computed, weighted and said of a period by a day: of a user, or of all."""
    little, past, said = company
    key, first, last = period
    near = max((one for one in past if one <= day), default=None)
    near = near if near is not None and day - near <= timedelta(days=3) else None
    rows = [
        row
        for row in past.get(near, [])
        if is_within(row["closes_on"], first, last)
        and row["status"] != "lost"
        and (whose is None or row["deal_id"] in whose)
        and me in {None, row["owner_id"]}
    ]
    commit, weighted = defaultdict(Decimal), Decimal(0)
    for row in rows:
        amount, category = Decimal(row["amount"] or 0), row["category"]
        if category in {"commit", "closed"}:
            commit[row["owner_id"]] += amount
        if category != "omitted":
            weighted += amount * (100 if category == "closed" else row["probability"]) / 100
    own = {
        node: word_of(said.get((key, node), []), day) for node in (*people_of(little), little.team)
    }
    if me is not None:
        submitted = own[me]
    elif not any(word is not None for word in own.values()):
        submitted = None
    else:
        left = commit.keys() | {one for one in people_of(little) if own[one] is not None}
        submitted = own[little.team] or Decimal(0)
        left -= set(people_of(little)) if own[little.team] is not None else set()
        submitted += sum(commit[o] if own.get(o) is None else own[o] for o in left)
    none = near is None
    computed = sum(commit.values(), Decimal(0))
    return dict(
        zip(
            SOURCES,
            (None if none else computed, None if none else weighted, submitted),
            strict=True,
        )
    )


def errors(pairs):
    """How far forecasts were from what came: weighted, in which direction, and on average."""
    whole = sum(actual for actual, _ in pairs)
    shares = [abs(actual - told) / actual for actual, told in pairs if actual]
    return {
        "periods": len(pairs),
        "wape": share(sum(abs(actual - told) for actual, told in pairs), whole),
        "bias": share(sum(told - actual for actual, told in pairs), whole),
        "mape": rounded(mean(shares)) if shares else None,
    }


async def test_forecasts_and_what_came(company):
    little, *_ = company
    own, mate = people_of(little)
    asked = {"periods": "month", "from": "2025-01-01", "to": "2025-10-31"}
    for (api, whose), me in zip(little.readers.values(), (None, own, mate), strict=True):
        deals = await little.rows("deals", whose)
        living = {row["id"] for row in deals}
        rows = (await standard(api, "forecast_against_actual", **asked))["answer"]["rows"]
        told = {(r["values"]["period"], r["values"]["days_before_end"]): r for r in rows}
        pairs, won, count = defaultdict(list), [], 0
        for period in PERIODS:
            key, first, last = period
            closed = [
                row
                for row in deals
                if row["status"] == "won"
                and is_within(decided_on(row), first, last)
                and me in {None, row["owner_id"]}
            ]
            won += closed
            for horizon in HORIZONS:
                day = day_before(first, last, horizon)
                assert (day is None) == ((key, horizon) not in told)
                if day is None:
                    continue
                row, count = told[key, horizon], count + 1
                actual = summed(closed)
                same(row["values"]["actual"], actual, key)
                found = forecasts(company, None if whose is None else living, me, period, day)
                for source, value in found.items():
                    same(row["values"][source], rounded(value, "0.01"), key, horizon, source)
                    pairs[horizon, source] += [] if value is None else [(actual, value)]
                await opened(api, "forecast_against_actual", row, {"actual": closed}, asked)
        assert count == len(rows)
        for row in (await standard(api, "forecast_accuracy", **asked))["answer"]["rows"]:
            values = row["values"]
            wanted = errors(pairs[values["days_before_end"], values["source"]])
            assert values["periods"] == wanted.pop("periods")
            for name, value in wanted.items():
                same(values[name], value, values, name)
            await opened(api, "forecast_accuracy", row, {"wape": won}, asked)
        # There is something to compare of each kind.
        assert me is not None or all(pairs[None, source] for source in SOURCES)


# Waterfalls

START, END = date(2025, 3, 3), date(2025, 4, 7)
DUE = {"closes_from": "2025-04-01", "closes_to": "2025-06-30"}
LESS = {"decreased", "pushed_out", "won", "lost", "removed"}
PARTS = {"start", "end", "new", "reopened", "increased", "fx_effect", "pulled_in"} | LESS


def state(rng):
    """What a deal may be like on a day; of some the rate is not known."""
    currency, amount = rng.choice(["EUR", "USD"]), Decimal(rng.randrange(90_000)) / 100
    rate = Decimal(1) if currency == "EUR" else rng.choice([Decimal("0.9"), Decimal("0.97")])
    base = rng.choice([rounded(amount * rate, "0.01")] * 5 + [None])
    return {
        "amount": amount,
        "base_amount": base,
        "currency": currency,
        "status": rng.choice(["open", "open", "open", "won", "lost"]),
        "closes_on": rng.choice([date(2025, 5, 1), date(2025, 9, 1), date(2025, 2, 1), None]),
    }


def worth(one):
    return Decimal(0) if one is None else one["base_amount"] or Decimal(0)


def growth(before, after):
    """How much more a deal is worth but for the rate: the amount's growth at the present rate."""
    moved = before["currency"] == after["currency"] != "EUR" and after["amount"]
    if not moved or before["base_amount"] is None or after["base_amount"] is None:
        return worth(after) - worth(before)
    rate = after["base_amount"] / after["amount"]
    return rounded((after["amount"] - before["amount"]) * rate, "0.01")


def ways(before, after, is_due):
    """In which parts of a waterfall a deal is, and with how much."""
    was = before is not None and before["status"] == "open" and is_due(before)
    now = after is not None and after["status"] == "open" and is_due(after)
    found = {"start": worth(before)} if was else {}
    found |= {"end": worth(after)} if now else {}
    came = None
    if not was and after is not None and is_due(after):
        if before is None:
            closed = after["status"] != "open" and after["closes_on"]
            came = None if closed and after["closes_on"] < START else "new"
        elif before["status"] == "open":
            came = "pulled_in"
        elif before["status"] != after["status"]:
            came = "reopened"
    if came:
        found[came] = worth(after)
    if (was or came) and not now:
        went = "removed" if after is None else after["status"].replace("open", "pushed_out")
        found[went] = worth(after) if went in {"won", "lost"} else worth(before)
    if was and (now or (after is not None and after["status"] != "open")):
        grown = growth(before, after)
        fx = worth(after) - worth(before) - grown
        changed = {"increased": max(grown, 0), "decreased": max(-grown, 0), "fx_effect": fx}
        found |= {part: amount for part, amount in changed.items() if amount}
    return found


@pytest.mark.parametrize("seed", SEEDS)
async def test_waterfall(client, owner, org, seed):
    rng, where = Random(seed), await pipeline(client)
    role = await custom_role(client, levels={"*": {"read": "own"}})
    reader = await member(client, role)
    then, now, owned = {}, {}, {}
    for _ in range(50):
        owned_by = rng.choice([reader.id, None])
        id = (await deal(client, where, owner_id=owned_by))["id"]
        owned[id], row = owned_by, {"deal_id": id, "pipeline_id": where.id}
        # Most are there on both days, some as they were.
        before = {**row, **state(rng)} if rng.random() < 0.85 else None
        after = rng.choice([before, {**row, **state(rng)}, {**row, **state(rng)}, None])
        then |= {id: before} if before else {}
        now |= {id: after} if after else {}
    await taken(owner, org, START, list(then.values()))
    await taken(owner, org, END, list(now.values()))
    for more in (DUE, {}):
        asked = {"pipeline_id": where.id, "from": str(START), "to": str(END), **more}

        def is_due(one, more=more):
            return not more or is_within(one["closes_on"], *more.values())

        for api, mine in ((client, None), (reader.api, reader.id)):
            wanted = defaultdict(dict)
            for id in then.keys() | now.keys():
                if mine in {None, owned[id]}:
                    for part, amount in ways(then.get(id), now.get(id), is_due).items():
                        wanted[part][id] = amount
            rows = (await standard(api, "pipeline_waterfall", **asked))["answer"]["rows"]
            assert {row["values"]["part"] for row in rows} == PARTS
            for row in rows:
                part, own = row["values"]["part"], wanted[row["values"]["part"]]
                amount = sum(own.values(), Decimal(0)) * (-1 if part in LESS else 1)
                same(row["values"]["amount"], amount, part)
                assert row["values"]["deals"] == len(own), part
                behind = {None: [{"id": id} for id in own]}
                await opened(api, "pipeline_waterfall", row, behind, asked)
            levels = [Decimal(row["values"]["amount"]) for row in rows]
            assert sum(levels[:-1]) == levels[-1]
