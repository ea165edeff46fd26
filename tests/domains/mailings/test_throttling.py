"""Moments of a domain are given out one after the other."""

from datetime import UTC, datetime, timedelta

from crm_api.domains.mailings.throttling import BURST, slots

NOW = datetime(2027, 2, 8, 10, tzinfo=UTC)


def test_some_leave_at_once_and_the_others_one_by_one():
    moments, free = slots(NOW - timedelta(hours=1), NOW, 120, 60)
    assert moments == [NOW - BURST + timedelta(seconds=n + 1) for n in range(120)]
    assert sum(one <= NOW for one in moments) == 1
    assert free == moments[-1]


def test_who_comes_later_comes_after():
    _, free = slots(NOW, NOW, 60, 60)
    moments, _ = slots(free, NOW, 2, 60)
    assert moments == [NOW + timedelta(seconds=61), NOW + timedelta(seconds=62)]


def test_of_a_minute_there_are_so_many():
    moments, _ = slots(NOW, NOW, 1_000, 600)
    within = [one for one in moments if one < NOW + timedelta(minutes=1)]
    assert 590 <= len(within) <= 610


def test_nothing_takes_no_room():
    assert slots(NOW, NOW, 0, 60) == ([], NOW)
