"""Changes against buckets that the filter's first day cuts, or leaves out."""

import pytest

from crm_api.domains.reports import earlier
from support.members import custom_role, member
from support.reporting import by, reported, values
from support.selling import deal, pipeline

SOLD = {
    "2025-02-10": "40.00",
    "2025-12-05": "100.00",
    "2026-01-10": "50.00",
    "2026-01-20": "150.00",
    "2026-02-15": "300.00",
}
MEASURES = [
    {"name": "total", "function": "sum", "field": "base_amount"},
    {"name": "growth", "function": "change", "of": ["total"]},
    {"name": "yearly", "function": "change", "of": ["total"], "over": "year"},
]


async def _sold(api, owner=None):
    where = await pipeline(api)
    for day, amount in SOLD.items():
        body = {"amount": amount, "currency": "EUR", "closes_on": day, "owner_id": owner}
        await deal(api, where, **body)


async def _changes(api, filter, *groups, bucket="month", **more):
    groupings = [by("closes_on", bucket), *groups]
    report = {"kind": "time_series", "filter": filter, "groupings": groupings, **more}
    answer = await reported(api, "deal", measures=MEASURES, **report)
    return {
        row["closes_on"]: tuple(row[name] for name in ("total", "growth", "yearly"))
        for row in values(answer)
    }


@pytest.mark.parametrize(
    "filter",
    [
        {"closes_on": {"gte": "2026-01-15"}},
        {"closes_on": {"gt": "2026-01-14", "lt": "2026-03-01"}},
        {"closes_on": {"between": ["2026-01-15", "2026-12-31"]}},
        {"and": [{"amount": {"gt": "0"}}, {"and": [{"closes_on": {"gte": "2026-01-15"}}]}]},
        {"and": [{"closes_on": {"gte": "2025-01-01"}}, {"closes_on": {"gte": "2026-01-15"}}]},
    ],
)
async def test_what_is_compared_is_whole(client, filter):
    """January begins within itself, and is a whole one for February; December is no row."""
    await _sold(client)
    assert await _changes(client, filter) == {
        "2026-01-01": ("150.00", "0.5", None),
        "2026-02-01": ("300.00", "0.5", "6.5"),
    }


async def test_other_conditions_hold_for_what_is_compared(client):
    await _sold(client)
    filter = {"closes_on": {"gte": "2026-01-01"}, "amount": {"gt": "120"}}
    assert await _changes(client, filter) == {
        "2026-01-01": ("150.00", None, None),
        "2026-02-01": ("300.00", "1", None),
    }
    # By more groups, and however few rows are wanted.
    filter = {"closes_on": {"gte": "2026-02-01"}}
    found = await _changes(client, filter, by("currency"), limit=1)
    assert found == {"2026-02-01": ("300.00", "0.5", "6.5")}
    # However early it begins, or late.
    for first in ("1900-01-01", "2199-12-31"):
        rows = await _changes(client, {"closes_on": {"gte": first}})
        assert ("2026-02-01" in rows) == (first < "2026")
    # Without a first day all of it is there.
    assert (await _changes(client, {"status": "open"}))["2026-02-01"] == ("300.00", "0.5", "6.5")


async def test_a_year_before_is_read_without_the_months_between(client, monkeypatch):
    await _sold(client)
    filter = {"closes_on": {"gte": "2026-01-15", "lt": "2026-02-01"}}
    wanted = {"2026-01-01": ("150.00", "0.5", None)}
    # December and January: of a year before there is none, and February is between.
    monkeypatch.setattr(earlier, "MAX_GROUPS", 2)
    assert await _changes(client, filter) == wanted
    monkeypatch.setattr(earlier, "MAX_GROUPS", 1)
    report = {"kind": "time_series", "groupings": [by("closes_on", "month")]}
    found = await reported(client, "deal", 422, filter=filter, measures=MEASURES, **report)
    assert [one["code"] for one in found["errors"]] == ["too_many_groups"]


async def test_days_around_one_that_there_is_not_each_year(client):
    where = await pipeline(client)
    for day, amount in (("2023-03-01", "10.00"), ("2024-02-29", "5.00"), ("2024-03-01", "20.00")):
        await deal(client, where, amount=amount, currency="EUR", closes_on=day)
    found = await _changes(
        client, {"closes_on": {"gte": "2024-02-29", "lt": "2024-03-02"}}, bucket="day"
    )
    assert found == {
        "2024-02-29": ("5.00", None, None),
        "2024-03-01": ("20.00", "3", "1"),
    }


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
async def test_filters_begin_as_early_and_end_as_late_as_they_may(client, owner, org, zone):
    await client.changed("organization", {"time_zone": zone})
    await _sold(client)
    await owner.execute(
        "UPDATE deals SET created_at = closes_on + time '12:00' WHERE organization_id = $1", org.id
    )
    for first in ("1900-01-01", "1900-01-02", "1900-06-30", "1901-01-31"):
        for bucket in ("month", "year"):
            report = {
                "kind": "time_series",
                "filter": {"created_at": {"gte": f"{first}T12:00:00Z"}},
                "groupings": [by("created_at", bucket)],
            }
            found = values(await reported(client, "deal", measures=MEASURES, **report))
            assert found[-1]["growth"] == {"month": "0.5", "year": "2.571429"}[bucket], first


async def test_instants_and_what_is_seen(client, owner, org):
    role = await custom_role(client, levels={"*": {"read": "own"}, "reports": {"read": "all"}})
    some = await member(client, role)
    await _sold(client, some.id)
    await _sold(client)
    await owner.execute(
        "UPDATE deals SET created_at = closes_on + time '12:00' WHERE organization_id = $1", org.id
    )
    report = {
        "kind": "time_series",
        "filter": {"created_at": {"gte": "2026-01-15T00:00:00Z"}},
        "groupings": [by("created_at", "month")],
        "measures": [
            {"name": "number", "function": "count"},
            {"name": "growth", "function": "change", "of": ["number"]},
        ],
    }
    for api, number in ((client, 2), (some.api, 1)):
        found = values(await reported(api, "deal", **report))
        told = [(row["number"], row["growth"]) for row in found]
        assert told == [(number, "0"), (number, "-0.5")]


async def test_ways_and_custom_fields_begin_too(client):
    await client.made("custom-fields", {"target": "deal", "name": "signed_on", "type": "date"})
    where = await pipeline(client)
    for day in ("2026-01-10", "2026-02-10", "2026-02-11"):
        await deal(client, where, custom={"signed_on": day})
    report = {
        "kind": "time_series",
        "filter": {"custom": {"signed_on": {"gte": "2026-02-01"}}},
        "groupings": [by("custom.signed_on", "month")],
        "measures": [
            {"name": "number", "function": "count"},
            {"name": "growth", "function": "change", "of": ["number"]},
        ],
    }
    (row,) = values(await reported(client, "deal", **report))
    assert (row["number"], row["growth"]) == (2, "1")
