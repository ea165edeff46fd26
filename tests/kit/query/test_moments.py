"""Relative moments in the organization's time zone, also over changes of the clock."""

from datetime import UTC, date, datetime

import pytest

from crm_api.kit.query.moments import day_of, instant_of

BERLIN, PAULO, UTC_ZONE = "Europe/Berlin", "America/Sao_Paulo", "UTC"


def at(text):
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "now", "zone", "wanted"),
    [
        ("@now", "2026-05-05T10:11:12Z", BERLIN, "2026-05-05T10:11:12Z"),
        ("@now-7d", "2026-05-05T10:11:12Z", BERLIN, "2026-04-28T10:11:12Z"),
        ("@now+3h", "2026-05-05T10:11:12Z", BERLIN, "2026-05-05T13:11:12Z"),
        ("@now-90m", "2026-05-05T10:11:12Z", BERLIN, "2026-05-05T08:41:12Z"),
        # Late in the evening in UTC, it is tomorrow in Berlin.
        ("@today", "2026-05-05T22:30:00Z", BERLIN, "2026-05-05T22:00:00Z"),
        ("@today", "2026-05-05T21:30:00Z", BERLIN, "2026-05-04T22:00:00Z"),
        ("@today", "2026-05-05T02:30:00Z", PAULO, "2026-05-04T03:00:00Z"),
        # The week of the change to summer time: Monday is in winter time.
        ("@start_of_week", "2026-03-29T12:00:00Z", BERLIN, "2026-03-22T23:00:00Z"),
        ("@start_of_week", "2026-03-30T12:00:00Z", BERLIN, "2026-03-29T22:00:00Z"),
        ("@start_of_day", "2026-03-29T12:00:00Z", BERLIN, "2026-03-28T23:00:00Z"),
        ("@start_of_day", "2026-10-25T12:00:00Z", BERLIN, "2026-10-24T22:00:00Z"),
        ("@today-1d", "2026-03-30T12:00:00Z", BERLIN, "2026-03-28T23:00:00Z"),
        ("@today+1d", "2026-10-25T12:00:00Z", BERLIN, "2026-10-25T23:00:00Z"),
        ("@start_of_month", "2026-04-15T12:00:00Z", BERLIN, "2026-03-31T22:00:00Z"),
        ("@start_of_quarter", "2026-05-15T12:00:00Z", BERLIN, "2026-03-31T22:00:00Z"),
        ("@start_of_quarter", "2026-12-31T12:00:00Z", UTC_ZONE, "2026-10-01T00:00:00Z"),
        ("@start_of_year", "2026-05-15T12:00:00Z", BERLIN, "2025-12-31T23:00:00Z"),
        # In 2018 the clocks of São Paulo went forward at midnight: that day began at one.
        ("@start_of_day", "2018-11-04T12:00:00Z", PAULO, "2018-11-04T03:00:00Z"),
        ("@start_of_week", "2018-11-04T12:00:00Z", PAULO, "2018-10-29T03:00:00Z"),
        ("@start_of_week", "2018-11-07T12:00:00Z", PAULO, "2018-11-05T02:00:00Z"),
        ("@start_of_year", "2026-05-15T12:00:00Z", PAULO, "2026-01-01T03:00:00Z"),
        ("2026-05-05", "2026-01-01T00:00:00Z", BERLIN, "2026-05-04T22:00:00Z"),
        ("2026-05-05T10:00:00+02:00", "2026-01-01T00:00:00Z", PAULO, "2026-05-05T08:00:00Z"),
        # A plus sign that was not escaped in the query string.
        ("2026-05-05T10:00:00 02:00", "2026-01-01T00:00:00Z", PAULO, "2026-05-05T08:00:00Z"),
    ],
)
def test_instants(text, now, zone, wanted):
    assert instant_of(text, at(now), zone) == at(wanted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "@now-",
        "@now-7",
        "@now-7w",
        "@now--7d",
        "@now-7d ",
        "@now-7d-7d",
        "@now-1234567d",
        "@now-999999d",
        "@now+999999d",
        "@tomorrow",
        "@start_of_decade",
        "@start_of_week-1d",
        "@start_of_",
        "2026-05-05T10:00:00",
        "2026-02-30",
        "0001-01-01",
        "9999-12-31",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "yesterday",
        "20260505T1000",
    ],
)
def test_what_is_no_moment(text):
    now = datetime(2026, 5, 5, tzinfo=UTC)
    for zone in (BERLIN, PAULO, "Pacific/Kiritimati"):
        with pytest.raises((ValueError, ArithmeticError)):
            instant_of(text, now, zone)


def test_the_forms_that_there_are_are_named():
    now = datetime(2026, 5, 5, tzinfo=UTC)
    form = r"^Say @now or @today, with -7d, \+3h or -5m if need be, or @start_of_month\.$"
    with pytest.raises(ValueError, match=form):
        instant_of("@start_of_week-1d", now, BERLIN)


def test_days():
    now = at("2026-05-05T22:30:00Z")
    assert day_of("@today", now, BERLIN) == date(2026, 5, 6)
    assert day_of("@today", now, PAULO) == date(2026, 5, 5)
    assert day_of("@now-7d", now, BERLIN) == date(2026, 4, 29)
    assert day_of("@start_of_month", now, BERLIN) == date(2026, 5, 1)
    assert day_of("2024-02-29", now, BERLIN) == date(2024, 2, 29)
    with pytest.raises(ValueError, match="Not a date"):
        day_of("2023-02-29", now, BERLIN)


async def test_filters_follow_the_zone_of_the_organization(world):
    for zone in (BERLIN, PAULO):
        api = await world.client(await world.org(time_zone=zone))
        await api.made("contacts", {"last_name": "Person"})
        for text, found in (("@today", 1), ("@now-1h", 1), ("@now+1h", 0), ("@start_of_year", 1)):
            page = await api.read("contacts", **{"filter[created_at][gte]": text})
            assert len(page["data"]) == found, (zone, text)
