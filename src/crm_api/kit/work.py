"""What somebody has to do, as each part of the product tells it: for agendas and the ranked queue.

A part declares its own in its module (`work`); `domains/work` puts all of it together.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden
from crm_api.kit.query.filters import parse
from crm_api.kit.query.selection import PageQuery, Selection

Kind = Literal[
    "meeting",
    "call",
    "callback",
    "activity",
    "task",
    "sla",
    "case",
    "answer",
    "approval",
    "commitment",
    "lead",
    "next_step",
    "overdue_deal",
    "stale_deal",
    "quote_expiring",
    "quote_waiting",
    "deliverable",
    "milestone",
    "project_task",
    "renewal",
]
Priority = Literal["low", "normal", "high", "urgent"]
MOST = 200
"""So many items of one workload are looked at; those that are due first."""
LOOKED_AT = MOST + 1


@dataclass(frozen=True)
class Asked:
    """Whose work is asked for, and of what time."""

    user_id: UUID
    zone: ZoneInfo
    """The user's: what is due on a day is due by the end of it there."""
    now: datetime
    until: datetime
    """What is due or begins later is not asked for."""
    since: datetime | None = None
    """What was due or ended earlier is not asked for; without it everything that is open is."""

    @property
    def today(self) -> date:
        """The day that it is there."""
        return self.now.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        """The day of `until`."""
        return self.until.astimezone(self.zone).date()

    @property
    def first_day(self) -> date | None:
        """The day of `since`."""
        return None if self.since is None else self.since.astimezone(self.zone).date()


@dataclass(frozen=True)
class Fact:
    """Why something matters beyond when it is due, and how many points that gives it."""

    code: str
    points: int
    text: str


@dataclass(frozen=True)
class Item:
    """Something to be done; the actor sees the record that it is about.

    One that is planned for a time has `starts_at`, perhaps with `ends_at`; one that is due by an
    instant has `due_at`, and one that is due on a day, or lasts it, has `day`.
    """

    entity: str
    """The word for the record, such as `deal`."""
    id: UUID
    title: str
    kind: Kind
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    due_at: datetime | None = None
    day: date | None = None
    priority: Priority = "normal"
    facts: Sequence[Fact] = ()
    zone: str | None = None
    """The IANA time zone that its times were said in, if one was."""
    location: str | None = None
    remind_at: datetime | None = None
    """When the user is to be reminded of it; calendars do that by themselves."""
    version: int = 1
    updated_at: datetime | None = None
    links: Mapping[str, UUID | None] = field(default_factory=dict[str, UUID | None])
    """The customer of it, by `company_id`, `contact_id`, `deal_id`."""
    is_open: bool = True
    """False for what is over: agendas show it, the queue does not."""

    @property
    def at(self) -> datetime | date | None:
        """When it is on an agenda."""
        return self.starts_at or self.due_at or self.day


@dataclass(frozen=True)
class Workload:
    """What of one collection somebody has to do."""

    name: str
    """Such as `deals.next_steps`: no two have the same."""
    area: str
    """The scope without which it is empty, such as `deals`; with its module off it is as well."""
    load: Callable[[Tx, Asked], Awaitable[Sequence[Item]]]
    """The same number of statements each time, of what the actor sees; at most `LOOKED_AT` items, of
    which the last only tells that there are more than `MOST`."""
    agenda: bool = True
    """Whether it belongs on agendas."""
    queue: bool = True
    """Whether it belongs in the ranked queue."""


def between(
    asked: Asked, field: str, *, by_day: bool = False, undated: bool = False
) -> dict[str, Any]:
    """A filter for the time that is asked for, over a column of instants or of days.

    With `undated` also what has no such time, where everything that is open is asked for.
    """
    since, until = (asked.first_day, asked.last_day) if by_day else (asked.since, asked.until)
    found: dict[str, Any] = {"lte": until.isoformat()}
    if since is not None:
        found["gte"] = since.isoformat()
    elif undated:
        return {"or": [{field: found}, {field: {"is_null": True}}]}
    return {field: found}


def due(asked: Asked) -> dict[str, Any]:
    """A filter for the time that is asked for, over what is due by an instant or on a day.

    On an agenda a day is that of whoever reads it, wherever it ends; in the queue that counts.
    """
    if asked.since is None:
        return between(asked, "overdue_at", undated=True)
    return {"or": [between(asked, "due_at"), between(asked, "due_on", by_day=True)]}


def listed(
    service: type[CrudService[Any]],
    where: Callable[[Asked], Mapping[str, Any]],
    item: Callable[[Asked, Any], Item],
    *,
    sort: str,
    fields: Sequence[str],
) -> Callable[[Tx, Asked], Awaitable[Sequence[Item]]]:
    """A workload of the records of a collection that pass a filter, as the actor sees them.

    Nothing where a field of the filter or the order is hidden: neither may be guessed. A hidden
    field of `fields` is None.
    """

    async def load(tx: Tx, asked: Asked) -> Sequence[Item]:
        own = service(tx)
        names = ("id", "version", "updated_at", *fields)
        try:
            filter = parse(dict(where(asked)), own.records.listing, tx)
            query = PageQuery(selection=Selection(names), filter=filter, sort=sort, limit=LOOKED_AT)
            page = await own.page(query)
        except Forbidden:
            return ()
        return [item(asked, row) for row in page.data]

    return load
