"""The order of the queue, which anybody can add up."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.work.ranking import KINDS, ends_of, ranked
from crm_api.kit.work import Fact, Item, Kind

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2031, 3, 28, 9, 0, tzinfo=UTC)


def item(number, kind="task", **more):
    return Item("task", UUID(int=number), "Example", kind, **more)


def order(*items):
    return ranked([("examples", one) for one in items], NOW, BERLIN)


def test_the_score_is_the_sum_of_its_reasons_and_the_order_is_total():
    items = [
        item(1, due_at=NOW - timedelta(days=3, hours=1), priority="high"),
        item(2, due_at=NOW - timedelta(days=100)),
        item(3, day=date(2031, 3, 28)),
        item(4, day=date(2031, 3, 29), priority="urgent"),
        item(5, day=date(2031, 4, 4)),
        item(6, day=date(2031, 4, 5)),
        item(7, starts_at=NOW - timedelta(minutes=5), ends_at=NOW + timedelta(hours=1)),
        item(8, facts=(Fact("waits", 7, "Somebody waits."),)),
        item(9, day=date(2031, 4, 5), priority="low"),
        item(10, day=date(2031, 3, 27)),
    ]
    found = order(*items)
    scores = {one.item.id.int: one.score for one in found}
    assert scores == {
        1: 20 + 15 + 53,
        2: 20 + 70,
        3: 20 + 35,
        4: 20 + 30 + 20,
        5: 20 + 10,
        6: 20,
        7: 20 + 45,
        8: 27,
        9: 10,
        10: 20 + 50,
    }
    assert [one.item.id.int for one in found] == [2, 1, 10, 4, 7, 3, 5, 8, 6, 9]
    assert order(*reversed(items)) == found
    for one in found:
        assert one.score == sum(reason.points for reason in one.reasons)
        assert all(reason.text.endswith(".") for reason in one.reasons)


def test_of_a_record_with_several_items_the_most_urgent_stands_for_all():
    late, stale = item(1, "overdue_deal", day=date(2031, 3, 20)), item(1, "stale_deal")
    (one,) = order(stale, late)
    assert (one.item, [reason.code for reason in one.reasons]) == (
        late,
        ["kind", "overdue", "also"],
    )
    assert one.score == 15 + 57 + 5


def test_a_day_ends_where_the_user_is():
    assert ends_of(item(1, day=date(2031, 3, 30)), BERLIN) == datetime(2031, 3, 30, 22, tzinfo=UTC)
    assert set(KINDS) == set(Kind.__args__)
