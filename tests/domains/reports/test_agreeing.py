"""Reports agree with plain Python over random rows, and so do the records behind each cell."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from crm_api.domains.reports.buckets import Calendar
from support.members import custom_role, member
from support.reporting import behind, by, measure, values

ZONE = "America/New_York"
BUCKETS = ("day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year")
MEASURES = [
    measure("count"),
    measure("sum", "annual_revenue"),
    measure("avg", "employees"),
    measure("median", "employees"),
    measure("max", "employees"),
    measure("count_distinct", "lifecycle"),
    {"name": "large", "function": "count", "filter": {"employees": {"gte": 50}}},
    {"name": "share", "function": "ratio", "of": ["large", "count"]},
]


def first_of(day, bucket, fiscal):
    """The first day of a bucket, by walking back to it."""

    def begins(one):
        if bucket == "day":
            return True
        if bucket == "week":
            return one.isoweekday() == 1
        start = fiscal if bucket.startswith("fiscal") else 1
        every = {"month": 1, "quarter": 3, "year": 12}[bucket.removeprefix("fiscal_")]
        return one.day == 1 and (one.month - start) % every == 0

    while not begins(day):
        day -= timedelta(days=1)
    return day


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("fiscal", [1, 2, 7, 12])
def test_buckets_in_python(bucket, fiscal):
    calendar = Calendar(ZONE, "EUR", fiscal)
    for turn in range(800):
        day = date(2023, 12, 1) + timedelta(days=turn)
        assert calendar.first(day, bucket) == first_of(day, bucket, fiscal)
    start = calendar.first(date(2024, 2, 29), bucket)
    assert calendar.first(calendar.after(start, bucket) - timedelta(days=1), bucket) == start


async def filled(client, owner, org, seed, number=150):
    """Random companies, as they are in the database; some are somebody's and some in the bin."""
    rng = random.Random(seed)
    await client.changed(
        "organization", {"time_zone": ZONE, "fiscal_year_starts_in": rng.choice([1, 2, 7])}
    )
    reader = await member(client, await custom_role(client, levels={"*": {"read": "own"}}))
    for _ in range(number):
        await client.made("companies", _random(rng, reader.id))
    for row in (await client.read("companies", limit=200))["data"]:
        moment = datetime(2025, 10, 1, tzinfo=UTC) + timedelta(minutes=rng.randrange(400 * 24 * 60))
        await owner.execute("UPDATE companies SET created_at = $2 WHERE id = $1", row["id"], moment)
        if rng.random() < 0.1:
            await client.delete(f"/v1/companies/{row['id']}")
    return reader


def _random(rng, reader):
    body = {
        "name": f"C{rng.randrange(30)}",
        "industry": rng.choice(["bank", "steel", None]),
        "lifecycle": rng.choice(["target", "customer"]),
        "employees": rng.choice([None, rng.randrange(100)]),
        "currency": rng.choice(["EUR", "USD"]),
        "owner_id": reader if rng.random() < 0.4 else None,
    }
    if rng.random() < 0.8:
        body["annual_revenue"] = f"{rng.randrange(10**9) / 100:.2f}"
    return body


def expected(rows):
    """The measures of some companies, in plain Python."""
    sizes = [row["employees"] for row in rows if row["employees"] is not None]
    amounts = [Decimal(row["annual_revenue"]) for row in rows if row["annual_revenue"]]
    large = sum(size >= 50 for size in sizes)
    return {
        "count": len(rows),
        "sum": sum(amounts) if amounts else None,
        "avg": sum(sizes) / len(sizes) if sizes else None,
        "median": median(sizes) if sizes else None,
        "max": max(sizes, default=None),
        "count_distinct": len({row["lifecycle"] for row in rows}),
        "large": large,
        "share": large / len(rows),
    }


def in_one_currency(rows):
    """The same; amounts of several currencies are none."""
    found = expected(rows)
    return {**found, "sum": None} if len({row["currency"] for row in rows}) > 1 else found


def agree(found, wanted):
    for name, value in wanted.items():
        told = found[name]
        assert (told is None) == (value is None), (name, found, wanted)
        if value is None:
            continue
        if isinstance(value, Decimal):
            assert Decimal(told) == value
        else:
            assert abs(float(told) - value) < 0.000002, (name, found, wanted)


@pytest.mark.parametrize("seed", [1, 2])
async def test_groups_and_the_records_behind_them(client, owner, org, seed):
    reader = await filled(client, owner, org, seed)
    fiscal = (await client.read("organization"))["fiscal_year_starts_in"]
    for api in (client, reader.api):
        rows = (await api.read("companies", limit=200))["data"]
        assert 10 < len(rows) < 200
        for bucket in BUCKETS:
            await _agree(api, rows, bucket, fiscal)
    assert len(rows) < 100


async def _agree(api, rows, bucket, fiscal):
    def day_of(row):
        moment = datetime.fromisoformat(row["created_at"]).astimezone(ZoneInfo(ZONE))
        return first_of(moment.date(), bucket, fiscal).isoformat()

    groups = {}
    for row in rows:
        groups.setdefault((day_of(row), row["industry"], row["currency"]), []).append(row)
    report = {
        "source": "company",
        "kind": "matrix" if bucket == "quarter" else "summary",
        "groupings": [by("created_at", bucket), by("industry"), by("currency")],
        "measures": MEASURES,
        "totals": bucket in {"quarter", "year"},
    }
    answer = (await api.post("/v1/reports/run", json=report)).json()
    found = {(r["created_at"], r["industry"], r["currency"]): r for r in values(answer)}
    assert found.keys() == groups.keys()
    for key, wanted in groups.items():
        agree(found[key], expected(wanted))
    names = ["created_at", "industry", "currency"]
    for total in answer["totals"]:
        places = [names.index(name) for name in total["by"]]
        kept = tuple(total["values"][name] for name in total["by"])
        inside = [
            row
            for key, own in groups.items()
            for row in own
            if tuple(key[place] for place in places) == kept
        ]
        agree(total["values"], in_one_currency(inside))
    picked = [*answer["rows"][::7], *answer["totals"][::5]]
    for one in picked:
        agree(one["values"], in_one_currency(await behind(api, report, one["cell"])))
        large = await behind(api, report, one["cell"], measure="large")
        assert len(large) == one["values"]["large"]


@pytest.mark.parametrize("totals", [True, False])
async def test_values_that_are_counted_once(client, owner, org, totals):
    """Of groups and of what is left of them in totals, whoever asks."""
    reader = await filled(client, owner, org, 3)
    large = {"employees": {"gte": 50}}
    report = {
        "source": "company",
        "groupings": [by("industry"), by("lifecycle")],
        "measures": [
            measure("count"),
            measure("avg", "employees"),
            {"name": "sizes", "function": "count_distinct", "field": "employees"},
            {"name": "names", "function": "count_distinct", "field": "currency", "filter": large},
            {"name": "share", "function": "ratio", "of": ["names", "sizes"]},
        ],
        "having": {"sizes": {"gte": 1}},
        "totals": totals,
    }

    def wanted_of(rows):
        sizes = [row["employees"] for row in rows if row["employees"] is not None]
        names = {row["currency"] for row in rows if (row["employees"] or 0) >= 50}
        return {
            "count": len(rows),
            "avg": sum(sizes) / len(sizes) if sizes else None,
            "sizes": len(set(sizes)),
            "names": len(names),
            "share": len(names) / len(set(sizes)) if sizes else None,
        }

    for api in (client, reader.api):
        rows = (await api.read("companies", limit=200))["data"]
        answer = (await api.post("/v1/reports/run", json=report)).json()
        assert len(answer["rows"]) > 3
        assert bool(answer["totals"]) == totals
        for one in (*answer["rows"], *answer["totals"]):
            kept = {k: v for k, v in one["values"].items() if k in {"industry", "lifecycle"}}
            inside = [row for row in rows if all(row[k] == v for k, v in kept.items())]
            agree(one["values"], wanted_of(inside))
