"""Agendas as iCalendar documents, by what RFC 5545 says."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar

from crm_api.domains.work.calendar import calendar_of
from crm_api.kit.work import Item
from support.ics import strict

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2031, 3, 1, tzinfo=UTC)
LONG = "Ängste, Größe; ein \\ Pfad\r\nund\x07 noch 日本語 " * 12
ITEMS = [
    # Before and after the clocks are put forward on 2031-03-30.
    Item(
        "activity",
        UUID(int=1),
        LONG,
        "meeting",
        starts_at=datetime(2031, 3, 29, 9, tzinfo=UTC),
        ends_at=datetime(2031, 3, 29, 10, tzinfo=UTC),
        updated_at=NOW,
        version=3,
        location="Room 1; left, rear",
    ),
    Item(
        "activity",
        UUID(int=2),
        "After",
        "call",
        starts_at=datetime(2031, 3, 31, 8, tzinfo=UTC),
        updated_at=NOW,
        remind_at=datetime(2031, 3, 31, 7, 45, tzinfo=UTC),
    ),
    # In the hour that is there twice.
    Item("task", UUID(int=3), "Twice", "task", due_at=datetime(2031, 10, 26, 1, 30, tzinfo=UTC)),
    Item("task", UUID(int=4), "", "task", day=date(2031, 4, 1), priority="urgent", updated_at=NOW),
]


def document(zone=BERLIN):
    return calendar_of([("examples", one) for one in ITEMS], zone, "Example, Inc.", NOW)


def test_it_is_what_strict_parsers_take():
    raw = document()
    calendar = strict(raw)
    for one in [*calendar.walk("VEVENT"), *calendar.walk("VTODO")]:
        assert not one.errors
        assert {"UID", "DTSTAMP", "SEQUENCE", "LAST-MODIFIED", "SUMMARY"} <= one.keys()
    uids = [str(one["UID"]) for one in calendar.walk() if "UID" in one]
    assert len(set(uids)) == len(ITEMS)
    assert raw == document()


def test_what_one_is_to_be_reminded_of_has_an_alarm():
    alarms = {
        str(one["UID"]): alarm
        for one in Calendar.from_ical(document()).walk("VEVENT")
        for alarm in one.walk("VALARM")
    }
    (uid, alarm), *others = alarms.items()
    assert not others
    assert str(UUID(int=2)) in uid
    assert alarm["TRIGGER"].dt == datetime(2031, 3, 31, 7, 45, tzinfo=UTC)
    assert (alarm["ACTION"], alarm["DESCRIPTION"]) == ("DISPLAY", "After")
    assert b"TRIGGER;VALUE=DATE-TIME:20310331T074500Z\r\n" in document()
    over = replace(ITEMS[1], is_open=False)
    assert b"VALARM" not in calendar_of([("examples", over)], BERLIN, "Example", NOW)


def test_times_are_right_over_changes_of_the_clocks():
    raw = document()
    calendar = Calendar.from_ical(raw)
    (zone,) = calendar.walk("VTIMEZONE")
    assert str(zone["TZID"]) == "Europe/Berlin"
    # By the definition that comes along, not by what the reader knows of the zone.
    told = zone.to_tz(lookup_tzid=False)
    for local, hours in (
        (datetime(2031, 3, 29, 10), 1),
        (datetime(2031, 3, 31, 10), 2),
        (datetime(2031, 10, 27, 10), 1),
    ):
        assert told.utcoffset(local) == timedelta(hours=hours), local
    before, after = calendar.walk("VEVENT")
    assert "DTSTART;TZID=Europe/Berlin:20310329T100000" in raw.decode()
    assert "DTSTART;TZID=Europe/Berlin:20310331T100000" in raw.decode()
    assert before["DTSTART"].dt.astimezone(UTC) == ITEMS[0].starts_at
    assert (before["DTEND"].dt - before["DTSTART"].dt, before["SEQUENCE"]) == (
        timedelta(hours=1),
        2,
    )
    assert "DTEND" not in after
    assert str(before["LOCATION"]) == "Room 1; left, rear"
    assert str(before["SUMMARY"]) == LONG.replace("\r\n", "\n").replace("\x07", " ").strip()
    twice, day = calendar.walk("VTODO")
    assert twice["DUE"].dt.astimezone(UTC) == ITEMS[2].due_at
    assert "DUE;VALUE=DATE:20310401" in raw.decode()
    assert (day["DUE"].dt, day["PRIORITY"], str(day["SUMMARY"])) == (date(2031, 4, 1), 1, "task")


def test_without_a_zone_times_are_utc():
    raw = document(ZoneInfo("UTC")).decode()
    assert "DTSTART:20310329T090000Z" in raw
    assert "VTIMEZONE" not in raw
