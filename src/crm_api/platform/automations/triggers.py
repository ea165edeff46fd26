"""What begins runs: events, changes of fields, dates, schedules, calls from outside, and people."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from crm_api.kit.automation import Checking, FeedTrigger, Trigger
from crm_api.kit.crud.collections import area_of, service_of
from crm_api.kit.custom.catalogue import Catalogue
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.schema import Short, Unique
from crm_api.platform.automations.timing import (
    Clock,
    Every,
    Span,
    Weekday,
    last_day,
    later,
    next_day,
    next_hour,
    span_of,
)

Topic = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}\.([a-z_]{1,40}|\*)$")]
FieldPath = Annotated[str, StringConstraints(pattern=r"^(custom\.)?[a-z][a-z0-9_]{0,62}$")]
Knows = Callable[[str, Catalogue], bool]
OWN = "automation"
"""Of themselves rules are told nothing: their own troubles would trouble them further."""
_LOOK = timedelta(minutes=1)


def need_readable(about: Checking, entity: str | None, at: str) -> bool:
    """Whether there are such records, and the actor may read them."""
    if entity is None:
        return False
    try:
        service = service_of(about.tx, entity)
    except NotFound:
        about.fault(at, "not_a_choice", f"There are no records of the kind {entity[:60]!r}.")
        return False
    about.tx.actor.require(f"{service.area}:read")
    return True


class EventTrigger(FeedTrigger):
    """An event of one kind of record."""

    type: Literal["event"]
    events: Annotated[list[Topic], Field(min_length=1, max_length=20), Unique] = Field(
        description="`contact.created` or `contact.*`; `GET /v1/event-types` lists them."
    )
    knows: ClassVar[Knows]
    """Whether there are such events; set by the registry."""

    @property
    def about(self) -> str | None:
        """What the first of the events is about."""
        return self.events[0].partition(".")[0]

    @property
    def topics(self) -> Sequence[str]:
        """As they are named."""
        return self.events

    async def check(self, about: Checking) -> None:
        """Known events of one kind of record, which the actor may read."""
        about.tx.actor.require("events:read")
        for place, topic in enumerate(self.events):
            if topic.partition(".")[0] != self.about:
                about.fault(f"/events/{place}", "mixed_kinds", "One kind of record, please.")
            elif self.about == OWN or not type(self).knows(topic, about.tx.catalogue):
                about.fault(f"/events/{place}", "unknown_type", f"There are no events {topic}.")
        if self.about != OWN and not about.faults:
            about.tx.actor.require(f"{area_of(str(self.about))}:read")


class FieldTrigger(FeedTrigger):
    """A change of a field; entering a stage is one, too."""

    type: Literal["field_changed"]
    entity: Short = Field(examples=["contact"])
    fields: Annotated[list[FieldPath], Field(min_length=1, max_length=20), Unique]
    before: Annotated[list[Any], Field(max_length=50)] = Field(
        default_factory=list, description="Only from one of these values."
    )
    after: Annotated[list[Any], Field(max_length=50)] = Field(
        default_factory=list, description="Only to one of these values."
    )
    on_create: bool = Field(False, description="Whether a new record with a value counts.")

    @property
    def about(self) -> str | None:
        """What has the fields."""
        return self.entity

    @property
    def topics(self) -> Sequence[str]:
        """Whatever happens to such records."""
        return [f"{self.entity}.*"]

    async def check(self, about: Checking) -> None:
        """Fields that there are, which the actor may read."""
        about.tx.actor.require("events:read")
        if need_readable(about, self.entity, "/entity"):
            for place, path in enumerate(self.fields):
                about.field(path, f"/fields/{place}")

    def fits(self, event: Mapping[str, Any]) -> bool:
        """Whether one of the fields has changed, from and to what is asked for."""
        if event["is_new"] and not self.on_create:
            return False
        return any(self._changed(path, event) for path in self.fields)

    def _changed(self, path: str, event: Mapping[str, Any]) -> bool:
        # Many events name a field without changing it, such as the stage in which a deal rots:
        # those of changes say what was before.
        name = path.partition(".")[0]
        if name not in event["data"] or not (event["is_new"] or name in event["previous"]):
            return False
        new, old = _value(event["data"], path), _value(event["previous"], path)
        wanted = (not self.before or old in self.before) and (not self.after or new in self.after)
        return new != old and wanted


def _value(values: Mapping[str, Any], path: str) -> Any:
    name, _, inner = path.partition(".")
    value = values.get(name)
    return (value or {}).get(inner) if inner else value


class TimedTrigger(Trigger):
    """Begins runs when a time comes."""

    def next_after(self, moment: datetime, zone: ZoneInfo, *, by_day: bool = False) -> datetime:
        """When its time comes next; `by_day` where the date of a record decides, not a time."""
        raise NotImplementedError

    def passing(
        self, since: datetime, moment: datetime, zone: ZoneInfo, *, by_day: bool = False
    ) -> dict[str, Any]:
        """The filter that records pass whose time came between two moments."""
        del since, moment, zone, by_day
        return {}

    def is_by_day(self, tx: Tx) -> bool:
        """Whether the date of a record decides."""
        del tx
        return False


class DateTrigger(TimedTrigger):
    """A date or a time of each record, or so long before or after it."""

    type: Literal["date"]
    entity: Short = Field(examples=["contact"])
    field: FieldPath = Field(description="A date or a time.", examples=["custom.renewal"])
    offset: Span = Field("0d", description="So much later, such as `2h`, or earlier, `-30d`.")
    at: Clock = Field("09:00", description="Of dates: when, by the organization's clock.")

    @property
    def about(self) -> str | None:
        """What has the date."""
        return self.entity

    async def check(self, about: Checking) -> None:
        """A field that is a date or a time."""
        if not need_readable(about, self.entity, "/entity"):
            return
        about.field(self.field, "/field")
        kind = kind_of_field(about.tx, self.entity, self.field)
        if kind is not None and kind not in {"day", "instant"}:
            about.fault("/field", "not_a_date", f"{self.field} is no date and no time.")
        if kind == "day" and self.offset[-1] in "mh":
            about.fault("/offset", "not_in_days", "From a date one counts days or weeks.")

    def is_by_day(self, tx: Tx) -> bool:
        """Whether its field is a date."""
        return kind_of_field(tx, self.entity, self.field) == "day"

    def next_after(self, moment: datetime, zone: ZoneInfo, *, by_day: bool = False) -> datetime:
        """Once a day, or each minute."""
        if by_day:
            return next_day(moment, self.at, zone)
        return moment.replace(second=0, microsecond=0) + _LOOK

    def passing(
        self, since: datetime, moment: datetime, zone: ZoneInfo, *, by_day: bool = False
    ) -> dict[str, Any]:
        """The field lies so far before or after the time between."""
        if by_day:
            days = timedelta(days=span_of(self.offset).days)
            after, until = (last_day(at, self.at, zone) - days for at in (since, moment))
            test = {"gt": after.isoformat(), "lte": until.isoformat()}
        else:
            back = self.offset[1:] if self.offset[0] == "-" else f"-{self.offset.lstrip('+')}"
            start, end = (later(at, back, zone) for at in (since, moment))
            test = {"gt": start.isoformat(), "lte": end.isoformat()}
        name, _, inner = self.field.partition(".")
        return {name: {inner: test}} if inner else {name: test}


class ScheduleTrigger(TimedTrigger):
    """Again and again, by the organization's clock; about each record that passes, or about none."""

    type: Literal["schedule"]
    every: Every
    at: Clock = Field("09:00", description="Of `hour` only the minutes count.")
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7), Unique] | None = Field(
        None, description="Of `week`: on these days."
    )
    day_of_month: Annotated[int, Field(ge=1, le=31)] | None = Field(
        None, description="Of `month`; of a shorter month its last day."
    )
    entity: Short | None = Field(None, description="A run for each of these that passes.")

    @property
    def about(self) -> str | None:
        """What it begins a run for each of."""
        return self.entity

    async def check(self, about: Checking) -> None:
        """Days where there are days to choose, and nowhere else."""
        for name, value, every in (
            ("weekdays", self.weekdays, "week"),
            ("day_of_month", self.day_of_month, "month"),
        ):
            if value is None and self.every == every:
                about.fault(f"/{name}", "required", f"Say when in the {every}.")
            if value is not None and self.every != every:
                about.fault(f"/{name}", "unknown_field", f"Not for every {self.every}.")
        need_readable(about, self.entity, "/entity")

    def next_after(self, moment: datetime, zone: ZoneInfo, *, by_day: bool = False) -> datetime:
        """The next such hour or day."""
        del by_day
        if self.every == "hour":
            return next_hour(moment, int(self.at[3:]))
        weekdays = None if self.weekdays is None else frozenset(self.weekdays)
        return next_day(moment, self.at, zone, weekdays=weekdays, day_of_month=self.day_of_month)


class HookTrigger(Trigger):
    """A call from outside, at an address of the rule's own; what it sends is the run's `input`."""

    type: Literal["webhook"]


class ManualTrigger(Trigger):
    """Somebody who asks for it."""

    type: Literal["manual"]
    entity: Short | None = Field(None, description="What kind of records it is asked for.")

    @property
    def about(self) -> str | None:
        """What it may be asked for."""
        return self.entity

    async def check(self, about: Checking) -> None:
        """Records that there are."""
        need_readable(about, self.entity, "/entity")


TRIGGERS = (EventTrigger, FieldTrigger, DateTrigger, ScheduleTrigger, HookTrigger, ManualTrigger)


def kind_of_field(tx: Tx, entity: str, path: str) -> str | None:
    """Whether a field is a `day`, an `instant` or something else; None where there is no such."""
    name, _, inner = path.partition(".")
    if inner:
        field = tx.catalogue.of(entity).get(inner)
        return None if field is None else field.kind
    known = service_of(tx, entity).records.listing.fields.get(name)
    return None if known is None else known.kind
