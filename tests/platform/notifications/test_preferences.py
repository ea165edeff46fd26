"""When what happens is told: choices, digests by the user's clock, quiet hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm_api.platform.notifications.kinds import BUILT_IN, CHANNELS, KINDS
from crm_api.platform.notifications.preferences import Preferences, combined, merged

BERLIN = "Europe/Berlin"


def said(choices=None, **times):
    return {"choices": choices or {}, "times": times}


def at(text, zone=BERLIN, fold=0):
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return local.astimezone(UTC)


def test_the_user_goes_before_the_organization_and_a_kind_before_all():
    wishes = combined(
        said({"*": {"email": "daily"}, "mention": {"sms": "hourly"}}),
        said({"changed": {"email": "weekly", "messenger": "instantly"}}),
        "UTC",
    )
    assert wishes.frequency("changed", "email") == "daily"
    assert wishes.frequency("changed", "messenger") == "instantly"
    assert wishes.frequency("mention", "sms") == "hourly"
    assert wishes.frequency("comment", "sms") == "off"
    assert wishes.frequency("comment", "in_app") == "instantly"
    effective = Preferences().effective()
    assert effective.keys() == set(KINDS)
    assert all(effective[kind].keys() == set(CHANNELS) for kind in KINDS)
    assert effective["mention"]["email"] == BUILT_IN["mention"]["email"]


def test_nobody_is_told_what_they_want_by_no_way():
    wishes = combined(said({"*": dict.fromkeys(CHANNELS, "off")}), None, "UTC")
    assert not any(map(wishes.wants, KINDS))
    assert all(map(Preferences().wants, KINDS))


@pytest.mark.parametrize(
    ("frequency", "now", "due"),
    [
        ("instantly", "2026-03-10T12:34:56", "2026-03-10T12:34:56"),
        ("hourly", "2026-03-10T12:34:56", "2026-03-10T13:00"),
        ("hourly", "2026-03-10T12:00", "2026-03-10T13:00"),
        ("daily", "2026-03-10T07:59", "2026-03-10T08:30"),
        ("daily", "2026-03-10T08:30", "2026-03-11T08:30"),
        ("weekly", "2026-03-10T12:00", "2026-03-13T08:30"),
        ("weekly", "2026-03-13T08:30", "2026-03-20T08:30"),
        # The night in which the clock is set forward, and back.
        ("daily", "2026-03-28T12:00", "2026-03-29T08:30"),
        ("daily", "2026-10-24T12:00", "2026-10-25T08:30"),
    ],
)
def test_digests_go_by_the_local_clock(frequency, now, due):
    times = {"digest_at": "08:30", "digest_weekday": "friday"}
    wishes = combined(said(**times), None, BERLIN)
    assert wishes.due(frequency, at(now)) == at(due)


def test_a_time_that_there_is_not_or_twice():
    wishes = combined(said(digest_at="02:30"), None, BERLIN)
    # By the offset before the gap, so at half past three.
    assert wishes.due("daily", at("2026-03-29T00:00")) == at("2026-03-29T03:30")
    assert wishes.due("daily", at("2026-10-25T00:00")) == at("2026-10-25T02:30")
    # The second half past two is told no second digest.
    second = at("2026-10-25T02:30", fold=1)
    assert wishes.due("daily", at("2026-10-25T02:30")) == at("2026-10-26T02:30")
    assert wishes.due("daily", second - timedelta(minutes=1)) == at("2026-10-26T02:30")


def test_hours_of_other_zones():
    wishes = combined(None, None, "Asia/Kolkata")
    assert wishes.due("hourly", at("2026-03-10T12:34", "Asia/Kolkata")) == at(
        "2026-03-10T13:00", "Asia/Kolkata"
    )


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-10T21:59", "2026-03-10T21:59"),
        ("2026-03-10T22:00", "2026-03-11T07:00"),
        ("2026-03-11T06:59", "2026-03-11T07:00"),
        ("2026-03-11T07:00", "2026-03-11T07:00"),
        ("2026-03-28T23:00", "2026-03-29T07:00"),
        ("2026-10-24T23:00", "2026-10-25T07:00"),
    ],
)
def test_nothing_is_sent_in_quiet_hours(now, due):
    wishes = combined(said(quiet_from="22:00", quiet_until="07:00"), None, BERLIN)
    assert wishes.due("instantly", at(now)) == at(due)


def test_quiet_hours_within_a_day_and_none():
    noon = combined(said(quiet_from="12:00", quiet_until="13:00"), None, BERLIN)
    assert noon.due("instantly", at("2026-03-10T12:30")) == at("2026-03-10T13:00")
    assert noon.due("hourly", at("2026-03-10T11:30")) == at("2026-03-10T13:00")
    none = combined(
        said(quiet_from="00:00", quiet_until="00:00"),
        said(quiet_from="22:00", quiet_until="07:00"),
        BERLIN,
    )
    assert none.due("instantly", at("2026-03-10T23:00")) == at("2026-03-10T23:00")


def test_patches_go_as_deep_as_what_they_patch():
    before = {"a": {"x": 1, "y": 2}, "b": {"x": 1}}
    assert merged(before, {"a": {"x": None}, "b": {"x": None}, "c": {"z": 3}}) == {
        "a": {"y": 2},
        "c": {"z": 3},
    }
