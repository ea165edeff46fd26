"""How tasks recur: by the rules of RFC 5545, by wall time, one at a time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from crm_api.domains.activities.recurrence import BadRule, instant, read

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
