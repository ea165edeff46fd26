"""How things recur: by the rules of RFC 5545, by wall time, one at a time."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given
from hypothesis import strategies as st

from crm_api.kit.recurrence import BadRule, instant, read

BERLIN = ZoneInfo("Europe/Berlin")


def walk(text, start, times, *, timed=True, zone=BERLIN):
    rule, at = read(text, timed=timed), datetime.fromisoformat(start)
    found = []
    while len(found) < times and (one := rule.following(at, at, zone)) is not None:
        found.append(one.at.isoformat(timespec="minutes"))
        rule, at = one.rule, one.at
    return found


def test_the_examples_of_the_standard():
    # RFC 5545, 3.8.5.3, each from its first occurrence on.
    assert walk("FREQ=MONTHLY;BYDAY=-2MO;COUNT=6", "1997-09-22T09:00", 9) == [
        f"{day}T09:00"
        for day in ("1997-10-20", "1997-11-17", "1997-12-22", "1998-01-19", "1998-02-16")
    ]
    assert walk("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28T09:00", 3) == [
        f"{day}T09:00" for day in ("1997-10-29", "1997-11-28", "1997-12-29")
    ]
    text = "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR"
    found = walk(text, "1997-09-01T09:00", 99, zone=ZoneInfo("America/New_York"))
    assert found[:4] == [f"1997-09-{day:02}T09:00" for day in (3, 5, 15, 17)]
    assert found[-1] == "1997-12-22T09:00"
    assert walk("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "1997-09-29T09:00", 3) == [
        f"{day}T09:00" for day in ("1997-10-30", "1997-11-27", "1997-12-30")
    ]
    assert walk("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1997-05-12T09:00", 2) == [
        "1998-05-11T09:00",
        "1999-05-17T09:00",
    ]


def test_wall_time_stays_when_clocks_change():
    days = walk("FREQ=DAILY", "2026-03-27T02:30", 4)
    moments = [instant(datetime.fromisoformat(day), BERLIN) for day in days]
    # On the 29th there is no half past two: it is that of the offset before, half past three.
    assert [m.strftime("%d %H:%M") for m in moments] == [
        "28 01:30",
        "29 01:30",
        "30 00:30",
        "31 00:30",
    ]
    # On 25 October it comes twice, and is the first.
    twice = instant(datetime.fromisoformat("2026-10-25T02:30"), BERLIN)
    assert twice == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_what_is_missed_is_passed_over_and_counted():
    rule = read("FREQ=DAILY;COUNT=5", timed=False)
    start = datetime(2026, 3, 1)
    found = rule.following(start, datetime(2026, 3, 4), BERLIN)
    assert found is not None
    assert (found.at.day, found.rule.count) == (4, 2)
    assert rule.following(start, datetime(2026, 3, 6), BERLIN) is None
    # The clock is asked of no rule that never comes again.
    assert (
        read("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", timed=False).following(start, start, BERLIN)
        is None
    )


def test_the_last_day_of_all_ends_nothing():
    start = "2026-03-01T09:00"
    assert walk("FREQ=DAILY;UNTIL=99991231T235959Z", start, 1) == ["2026-03-02T09:00"]
    zone = ZoneInfo("America/New_York")
    assert walk("FREQ=DAILY;UNTIL=00010101T000000Z", start, 1, zone=zone) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "often",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;BYHOUR=9",
        "FREQ=DAILY;COUNT=10000000",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=000730999",
        "FREQ=DAILY;COUNT=٣",
        "FREQ=DAILY;INTERVAL=1000",
        "FREQ=DAILY;COUNT=2;UNTIL=20270101T000000Z",
        "FREQ=DAILY;UNTIL=20270101",
        "FREQ=DAILY;UNTIL=20270231T000000Z",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=MO,MO",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYWEEKNO=1",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=YEARLY;BYMONTH=-1",
        "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=DAILY;X-NAME=1",
    ],
)
def test_nonsense_is_refused(text):
    with pytest.raises(BadRule):
        read(text, timed=True)


def days(text, start, count, zone="America/New_York"):
    rule, first = read(text, timed=True), datetime.fromisoformat(start)
    found = islice(rule.occurrences(first, ZoneInfo(zone)), count)
    return [f"{one:%Y-%m-%d}" for one in found]


# RFC 5545, 3.8.5.3: the rule, its DTSTART, and what the standard lists, or begins to.
STANDARD = [
    ("FREQ=DAILY;COUNT=10", "1997-09-02", [f"1997-09-{d:02}" for d in range(2, 12)]),
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-09-02", "09-02 09-12 09-22 10-02 10-12"),
    ("FREQ=WEEKLY;COUNT=5", "1997-09-02", "09-02 09-09 09-16 09-23 09-30"),
    ("FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH", "1997-09-02",
     "09-02 09-04 09-09 09-11 09-16 09-18 09-23 09-25 09-30 10-02"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", "1997-09-02",
     "09-02 09-04 09-16 09-18 09-30 10-02 10-14 10-16"),
    ("FREQ=MONTHLY;COUNT=4;BYDAY=1FR", "1997-09-05", "09-05 10-03 11-07 12-05"),
    ("FREQ=MONTHLY;INTERVAL=2;COUNT=4;BYDAY=1SU,-1SU", "1997-09-07", "09-07 09-28 11-02 11-30"),
    ("FREQ=MONTHLY;COUNT=4;BYMONTHDAY=2,15", "1997-09-02", "09-02 09-15 10-02 10-15"),
    ("FREQ=MONTHLY;COUNT=4;BYMONTHDAY=1,-1", "1997-09-30", "09-30 10-01 10-31 11-01"),
    ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04", "09-04 10-07 11-06"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-05", "08-05 08-10 08-19 08-24"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-05", "08-05 08-17 08-19 08-31"),
    ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1997-09-02",
     ["1998-02-13", "1998-03-13", "1998-11-13", "1999-08-13", "2000-10-13"]),
    ("FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", "1997-01-01",
     ["1997-01-01", "1997-04-10", "1997-07-19", "2000-01-01", "2000-04-09", "2000-07-18",
      "2003-01-01", "2003-04-10", "2003-07-19", "2006-01-01"]),
    ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", ["1997-05-19", "1998-05-18", "1999-05-17"]),
    ("FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", "1996-11-05",
     ["1996-11-05", "2000-11-07", "2004-11-02"]),
    ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007-01-15",
     ["2007-01-15", "2007-01-30", "2007-02-15", "2007-03-15", "2007-03-30"]),
    # Days that a month does not have are passed over, never moved.
    ("FREQ=MONTHLY;COUNT=4", "2026-01-31", ["2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31"]),
    ("FREQ=YEARLY;COUNT=3", "2024-02-29", ["2024-02-29", "2028-02-29", "2032-02-29"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "start", "listed"), STANDARD)
def test_what_the_standard_lists(text, start, listed):
    if isinstance(listed, str):
        listed = [f"1997-{day}" for day in listed.split()]
    more = "COUNT" not in text and "UNTIL" not in text
    assert days(text, f"{start}T09:00", len(listed) + (not more)) == listed


def test_what_never_comes_is_soon_known():
    for text in ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"):
        assert days(text, "2026-01-01T09:00", 1) == []
    for text in ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2", "FREQ=DAILY;INTERVAL=7;BYDAY=MO"):
        assert days(text, "2026-01-01T09:00", 1) == []
    assert days("FREQ=DAILY", "9999-12-30T09:00", 9) == ["9999-12-30", "9999-12-31"]


@pytest.mark.parametrize(
    ("zone", "start", "moments"),
    [
        # Clocks skip 02:30, midnight and 02:15; the offset before counts.
        ("Europe/Berlin", "2026-03-28T02:30", ["28 01:30", "29 01:30", "30 00:30"]),
        ("America/New_York", "2026-03-07T02:30", ["07 07:30", "08 07:30", "09 06:30"]),
        ("America/Sao_Paulo", "2018-11-03T00:00", ["03 03:00", "04 03:00", "05 02:00"]),
        ("Australia/Lord_Howe", "2026-10-03T02:15", ["02 15:45", "03 15:45", "04 15:15"]),
        # And they show these twice: the first one counts.
        ("Europe/Berlin", "2026-10-24T02:30", ["24 00:30", "25 00:30", "26 01:30"]),
        ("America/New_York", "2026-10-31T01:30", ["31 05:30", "01 05:30", "02 06:30"]),
        ("America/Sao_Paulo", "2018-02-16T23:30", ["17 01:30", "18 01:30", "19 02:30"]),
        ("Australia/Lord_Howe", "2026-04-04T01:45", ["03 14:45", "04 14:45", "05 15:15"]),
    ],
)
def test_the_weeks_in_which_clocks_change(zone, start, moments):
    rule, first = read("FREQ=DAILY;COUNT=3", timed=True), datetime.fromisoformat(start)
    found = list(rule.occurrences(first, ZoneInfo(zone)))
    assert [instant(one, ZoneInfo(zone)).strftime("%d %H:%M") for one in found] == moments
    # Ended with an occurrence, it has this one still and none after it.
    for count, last in enumerate(found, start=1):
        ended = rule.up_to(last, ZoneInfo(zone))
        assert list(ended.occurrences(first, ZoneInfo(zone))) == found[:count]


def listed(numbers, most=3):
    found = st.lists(numbers, min_size=1, max_size=most, unique=True)
    return found.map(lambda items: ",".join(map(str, items)))


def signed(most):
    return st.integers(1, most) | st.integers(-most, -1)


WEEK = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WEEKDAYS = st.sampled_from(WEEK)
PARTS = {
    "INTERVAL": st.integers(1, 5).map(str),
    "BYMONTH": listed(st.integers(1, 12)),
    "BYMONTHDAY": listed(signed(31)),
    "BYYEARDAY": listed(signed(366)),
    # Of a week that two years share the library knows only the first and the last by name.
    "BYWEEKNO": listed(st.integers(1, 53) | st.integers(-30, -1)),
    # Monday and every first Monday are every Monday, for the library only the first ones.
    "BYDAY": listed(WEEKDAYS) | listed(st.tuples(signed(5), WEEKDAYS).map("{0[0]}{0[1]}".format)),
    "BYSETPOS": listed(signed(4), 2),
    "WKST": WEEKDAYS,
}


@given(
    st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")),
    st.fixed_dictionaries({}, optional=PARTS),
    st.dates(date(1996, 1, 1), date(2030, 12, 31)),
)
@example("WEEKLY", {"BYDAY": "MO,SA", "BYSETPOS": "1"}, date(2000, 1, 1))
@example("WEEKLY", {"BYDAY": "MO,SA", "BYSETPOS": "2"}, date(2000, 1, 1))
def test_days_are_those_of_the_library(frequency, parts, day):
    text = ";".join(f"{name}={value}" for name, value in {"FREQ": frequency, **parts}.items())
    start = datetime.combine(day, datetime.min.time())
    try:
        rule = read(text, timed=True)
    except BadRule:
        return
    horizon = timedelta(days=1500)
    found = list(rule.occurrences(start, BERLIN, horizon))
    first = start
    if frequency == "WEEKLY" and {"BYDAY", "BYSETPOS"} <= parts.keys():
        # The library chooses in what is left of the first week, the standard in the whole of it.
        first -= timedelta(days=(day.weekday() - WEEK.index(parts.get("WKST", "MO"))) % 7)
    # After the last one, the library looks on to the end of all time.
    if found:
        ones = (one for one in rrulestr(text, dtstart=first) if one >= start)
        assert list(islice(ones, len(found))) == found
