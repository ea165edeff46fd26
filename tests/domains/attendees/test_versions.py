"""What is told next, and what calendars answer: by the rules of RFC 5546, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.attendees.replies import LONGEST, BadReply, read_reply
from crm_api.domains.attendees.versions import Standing, next_version

NOW = datetime(2031, 3, 1, tzinfo=UTC)
START = datetime(2031, 3, 3, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
STANDING = Standing("confirmed", False, 0, START, START + HOUR, "Visit", None)


def told(standing, last=None, *, is_invited=True):
    return next_version(standing, last, NOW, is_invited=is_invited)


def test_the_same_is_told_once():
    first = told(STANDING)
    assert (first.method, first.sequence) == ("REQUEST", 0)
    assert told(STANDING, first) is None


def test_a_new_time_counts_up_and_a_new_title_does_not():
    first = told(STANDING)
    renamed = told(replace(STANDING, title="Inspection"), first)
    assert (renamed.method, renamed.sequence, renamed.title) == ("REQUEST", 0, "Inspection")
    moved = replace(STANDING, starts_at=START + HOUR, ends_at=START + 2 * HOUR, sequence=1)
    assert (told(moved, first).method, told(moved, first).sequence) == ("REQUEST", 1)


def test_what_is_off_is_cancelled_once_and_comes_back_higher():
    first = told(STANDING)
    off = replace(STANDING, status="cancelled", is_off=True)
    gone = told(off, first)
    assert (gone.method, gone.sequence, gone.uninvites) == ("CANCEL", 1, False)
    assert told(off, gone) is None
    assert told(off) is None
    back = told(STANDING, gone)
    assert (back.method, back.sequence) == ("REQUEST", 2)


def test_who_is_uninvited_alone_is_told_so():
    gone = told(STANDING, told(STANDING), is_invited=False)
    assert (gone.method, gone.uninvites) == ("CANCEL", True)


def test_of_what_is_held_or_over_nothing_is_told():
    assert told(replace(STANDING, status="held")) is None
    over = replace(STANDING, starts_at=NOW - HOUR, ends_at=NOW)
    assert told(over) is None
    assert told(replace(over, is_off=True), told(STANDING)) is None


@given(st.lists(st.sampled_from(["move", "rename", "cancel", "restore", "uninvite", "invite"])))
def test_sequences_never_fall_and_each_new_time_has_a_new_one(course):
    standing, last, is_invited, seen = STANDING, None, True, []
    for step in course:
        match step:
            case "move":
                later = standing.starts_at + HOUR
                times = {"starts_at": later, "ends_at": later + HOUR}
                standing = replace(standing, sequence=standing.sequence + 1, **times)
            case "rename":
                standing = replace(standing, title=standing.title + "!")
            case "cancel" | "restore":
                off = step == "cancel"
                status = "cancelled" if off else "confirmed"
                standing = replace(standing, is_off=off, status=status)
            case _:
                is_invited = step == "invite"
        new = told(standing, last, is_invited=is_invited)
        if new is not None:
            seen.append(new)
            last = new
        assert told(standing, last, is_invited=is_invited) is None
    for before, after in pairwise(seen):
        same = (before.method, before.starts_at) == (after.method, after.starts_at)
        assert after.sequence >= before.sequence + (not same)


ID = UUID("0190a000-0000-7000-8000-000000000001")
REPLY = f"""BEGIN:VCALENDAR
PRODID:-//Example//EN
VERSION:2.0
METHOD:REPLY
BEGIN:VEVENT
UID:{ID}@crm-api
DTSTAMP:20310301T100000Z
SEQUENCE:2
ORGANIZER:mailto:support@example.com
ATTENDEE;PARTSTAT=ACCEPTED;CN=Sample:mailto:Guest@Example.ORG
COMMENT:With two
  of us
END:VEVENT
END:VCALENDAR
"""


def document(**changed):
    text = REPLY
    for before, after in changed.values():
        assert before in text
        text = text.replace(before, after)
    return text.replace("\n", "\r\n").encode()


def test_a_reply_is_read():
    found = read_reply(document())
    assert (found.booking_id, found.attendee, found.reply) == (ID, "guest@example.org", "accepted")
    assert (found.sequence, found.comment) == (2, "With two of us")
    assert found.at == datetime(2031, 3, 1, 10, tzinfo=UTC)


def test_what_is_no_reply_is_none():
    assert read_reply(b"") is None
    assert read_reply(document(a=("METHOD:REPLY", "METHOD:REQUEST"))) is None
    assert read_reply(document(a=("METHOD:REPLY\n", ""))) is None


def test_an_event_of_others_has_no_booking():
    assert read_reply(document(a=("@crm-api", "@example.com"))).booking_id is None
    assert read_reply(document(a=(str(ID), "something"))).booking_id is None


@pytest.mark.parametrize(
    "broken",
    [
        {"a": ("END:VCALENDAR\n", "")},
        {"a": ("BEGIN:VEVENT\n", "")},
        {"a": ("DTSTAMP:20310301T100000Z\n", "")},
        {"a": ("DTSTAMP:20310301T100000Z", "DTSTAMP:20311399T999999Z")},
        {"a": ("SEQUENCE:2", "SEQUENCE:two")},
        {"a": ("PARTSTAT=ACCEPTED", "PARTSTAT=DELEGATED")},
        {"a": ("PARTSTAT=ACCEPTED;", "")},
        {"a": ("mailto:Guest@Example.ORG", "mailto:nobody")},
        {"a": ("SEQUENCE:2", "RECURRENCE-ID:20310303T090000Z")},
        {"a": ("COMMENT:With", "ATTENDEE;PARTSTAT=DECLINED:mailto:b@example.org\nCOMMENT:With")},
        {"a": ("COMMENT:With", "COMMENT:" + "x" * LONGEST)},
        {
            "a": (
                "END:VEVENT\n",
                "END:VEVENT\nBEGIN:VEVENT\nUID:other\nEND:VEVENT\n",
            )
        },
    ],
)
def test_what_is_broken_is_told(broken):
    with pytest.raises(BadReply):
        read_reply(document(**broken))


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_told(raw):
    for one in (raw, b"METHOD:REPLY\r\n" + raw, document()[:80] + raw + document()[80:]):
        try:
            read_reply(one)
        except BadReply:
            continue
