"""The order of the queue: points that anybody can add up. Needs no database and no clock.

The score of an item is the sum of the points of its reasons, each of which is told:

| reason | points |
|---|---|
| `kind` | what it is: SLA clock 40, approval, callback and answer 30, case, commitment, call and meeting 25, task, quote, deliverable and milestone 20, activity and task of a plan 15, next step, renewal and overdue deal 15, stale deal 10 |
| `priority` | urgent 30, high 15, low -10 |
| `overdue` | 50, and 1 for each whole day, 20 at the most |
| `due_now` | 45: due or beginning within the hour, or begun and not over |
| `due_today` | 35 |
| `due_tomorrow` | 20 |
| `due_this_week` | 10: within seven days |
| facts | what the part of the product says, such as -10 for what is the customer's to do |
| `also` | 5 for each further item about the same record, which is told with the first |

Of equal scores what is due first comes first, then by kind, then by the id of the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm_api.kit.work import Fact, Item, Kind, Priority

KINDS: Mapping[Kind, tuple[int, str]] = {
    "sla": (40, "A promised time of response or resolution runs."),
    "approval": (30, "A decision is asked for."),
    "callback": (30, "A call back was promised."),
    "answer": (30, "A customer waits for an answer."),
    "lead": (30, "Somebody who may become a customer waits for a response."),
    "case": (25, "A customer asks for help."),
    "commitment": (25, "It was promised."),
    "call": (25, "A call is planned."),
    "meeting": (25, "A meeting is planned."),
    "task": (20, "It is a task."),
    "quote_expiring": (20, "A quote expires."),
    "quote_waiting": (20, "A quote is not answered."),
    "deliverable": (20, "It is to be delivered."),
    "milestone": (20, "It is a milestone."),
    "project_task": (15, "It is a task of a plan."),
    "activity": (15, "It is planned."),
    "next_step": (15, "It is the next step of a deal."),
    "renewal": (15, "A contract ends."),
    "overdue_deal": (15, "A deal is to be decided."),
    "stale_deal": (10, "A deal does not move on."),
}
PRIORITIES: Mapping[Priority, int] = {"urgent": 30, "high": 15, "normal": 0, "low": -10}
OVERDUE, MOST_DAYS = 50, 20
DUE_NOW, DUE_TODAY, DUE_TOMORROW, DUE_THIS_WEEK = 45, 35, 20, 10
ALSO = 5
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Ranked:
    """An item with its place, which begins at 1."""

    workload: str
    item: Item
    reasons: Sequence[Fact]

    @property
    def score(self) -> int:
        """What its reasons come to."""
        return sum(reason.points for reason in self.reasons)


def ranked(items: Iterable[tuple[str, Item]], now: datetime, zone: ZoneInfo) -> list[Ranked]:
    """Items with the names of their workloads, the most urgent first, each record once."""
    grouped: dict[tuple[str, object], list[Ranked]] = {}
    for workload, item in items:
        one = Ranked(workload, item, reasons_of(item, now, zone))
        grouped.setdefault((item.entity, item.id), []).append(one)

    def place(one: Ranked) -> tuple[int, datetime, str, str, str]:
        ends = ends_of(one.item, zone) or _NEVER
        return -one.score, ends, one.item.kind, one.item.entity, str(one.item.id)

    return sorted((_together(sorted(group, key=place)) for group in grouped.values()), key=place)


def _together(group: Sequence[Ranked]) -> Ranked:
    first, *others = group
    also = [Fact("also", ALSO, KINDS[one.item.kind][1]) for one in others]
    return Ranked(first.workload, first.item, [*first.reasons, *also])


def reasons_of(item: Item, now: datetime, zone: ZoneInfo) -> list[Fact]:
    """Why an item matters, in the order of the table."""
    points, text = KINDS[item.kind]
    found = [Fact("kind", points, text)]
    if item.priority != "normal":
        found.append(
            Fact("priority", PRIORITIES[item.priority], f"Its priority is {item.priority}.")
        )
    if (due := _due(item, now, zone)) is not None:
        found.append(due)
    return [*found, *item.facts]


def _due(item: Item, now: datetime, zone: ZoneInfo) -> Fact | None:
    ends = ends_of(item, zone)
    if ends is None:
        return None
    if ends <= now:
        days = (now - ends) // _DAY
        since = f" for {days} day{'' if days == 1 else 's'}" if days else ""
        return Fact("overdue", OVERDUE + min(days, MOST_DAYS), f"It is overdue{since}.")
    begins = item.starts_at or item.due_at
    if begins is not None and begins <= now + _HOUR:
        return Fact("due_now", DUE_NOW, "It is due within the hour.")
    days = (_day_of(item, zone) - now.astimezone(zone).date()).days
    if days <= 0:
        return Fact("due_today", DUE_TODAY, "It is due today.")
    if days == 1:
        return Fact("due_tomorrow", DUE_TOMORROW, "It is due tomorrow.")
    if days <= 7:
        return Fact("due_this_week", DUE_THIS_WEEK, f"It is due in {days} days.")
    return None


def ends_of(item: Item, zone: ZoneInfo) -> datetime | None:
    """From when on an item is late: of a day, the end of it where the user is."""
    if item.due_at is not None:
        return item.due_at
    if item.starts_at is not None:
        return item.ends_at or item.starts_at
    return None if item.day is None else midnight(item.day + _DAY, zone)


def _day_of(item: Item, zone: ZoneInfo) -> date:
    moment = item.starts_at or item.due_at
    if moment is not None:
        return moment.astimezone(zone).date()
    assert item.day is not None
    return item.day


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a day begins somewhere."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
