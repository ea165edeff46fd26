"""What rules are made of: triggers and steps, which parts of the product add to one another.

A part declares its own in its module (`triggers`, `actions`); `platform/automations` carries them
out.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.sight import EventSight
from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Fault, Forbidden, Invalid, NotFound, WrongState
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.page import passing
from crm_api.kit.references import references, resolved, value_at
from crm_api.kit.schema import Schema

StepName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_PLACEHOLDER = re.compile(
    r"\{\{\s*([a-z][A-Za-z0-9_.]{0,199})(?:\s+or\s+\"([^\"{}\n]{0,200})\")?\s*\}\}"
)
_EVENT = """
    SELECT type, entity, record_id, occurred_at, data, previous FROM events
    WHERE organization_id = $1 AND id = $2
"""
_ZONE = "SELECT time_zone FROM organizations WHERE id = $1"
LONGEST_TEXT = 65_536
ROOTS = frozenset({"record", "event", "previous", "input", "steps", "now", "today"})
"""What references and placeholders begin with."""


@dataclass(frozen=True)
class Outcome:
    """What came of a step."""

    result: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the log keeps of it, and later steps may refer to."""
    preview: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What only a test run shows, because it is not kept."""
    skipped: bool = False
    """Whether something stood against it, so that the run goes on without it."""
    until: datetime | None = None
    """When the run goes on, if not at once."""
    arm: str | None = None
    """Which of the step's arms is gone into."""
    ends: bool = False
    """Whether the run is over."""


@dataclass(frozen=True)
class Run:
    """What a run is about."""

    id: UUID
    automation_id: UUID
    entity: str | None = None
    record_id: UUID | None = None
    event_id: UUID | None = None
    input: Any = None
    results: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the named steps before have come to."""


class Situation:
    """A step about to be taken: its transaction, and the values that it may refer to."""

    roots: ClassVar[frozenset[str]] = ROOTS

    def __init__(self, tx: Tx, run: Run, turn: Callable[[], Awaitable[int]]) -> None:
        self.tx, self.run = tx, run
        self.turn = turn
        """A number that grows by one with each use by the same rule."""
        self._sources: dict[str, Any] = {"input": run.input or {}, "steps": run.results}

    @property
    def subject(self) -> tuple[CrudService[Any], UUID]:
        """The record that the run is about, and what is in charge of it; raises `WrongState`."""
        if self.run.entity is None or self.run.record_id is None:
            raise WrongState("The run is about no record.", code="no_record")
        return service_of(self.tx, self.run.entity), self.run.record_id

    async def record(self) -> dict[str, Any]:
        """The record that the run is about, as the rule's actor sees it now; raises `NotFound`."""
        service, id = self.subject
        return decode(encode(await service.get(id)))

    async def passes(self, source: Mapping[str, Any]) -> bool:
        """Whether the record passes a filter now, as far as the rule's actor sees."""
        service, id = self.subject
        filter = condition_of(self.tx, service.records.listing.entity, source)
        records = service.records
        return id in await passing(self.tx, records.listing, records.sight, [id], filter)

    async def zone(self) -> ZoneInfo:
        """The organization's time zone."""
        return await zone_of(self.tx)

    async def values(self, given: Any, at: str) -> Any:
        """A value in which every `$ref` is replaced; raises `Invalid` with pointers below `at`."""
        await self._have([value["$ref"] for _, value in references(given)])
        return resolved(given, self._found, at)

    async def text(self, template: str, at: str, *, whole: bool = False) -> str:
        """A text in which every `{{ record.name or "nobody" }}` is replaced; raises `Invalid`.

        What has no value is left empty; of a `whole` text it is a mistake, unless something stands
        in for it.
        """
        await self._have([found[1] for found in _PLACEHOLDER.finditer(template)])

        def filled(found: re.Match[str]) -> str:
            value = _written(self._found(found[1], at if whole else ""))
            if value or found[2] is not None:
                return value or found[2]
            if whole:
                raise Invalid.at(at, "empty_value", f"{found[1]} is empty.")
            return value

        text = _PLACEHOLDER.sub(filled, template)
        if len(text) > LONGEST_TEXT:
            raise Invalid.at(at, "too_long", f"At most {LONGEST_TEXT:,} characters.")
        return text

    def _found(self, path: Any, pointer: str) -> Any:
        root, _, rest = str(path).partition(".")
        try:
            return value_at(self._sources[root], rest) if rest else self._sources[root]
        except KeyError:
            message = f"There is no {str(path)[:60]!r} here."
            raise Invalid.at(pointer, "unknown_reference", message) from None

    async def _have(self, paths: Sequence[Any]) -> None:
        for root in {str(path).partition(".")[0] for path in paths} & self.roots:
            if root not in self._sources:
                self._sources |= await self.load(root)

    async def load(self, root: str) -> dict[str, Any]:
        """What references that begin so lead to, and whatever comes with it."""
        if root == "record":
            return {"record": await self.record()}
        if root in {"now", "today"}:
            local = self.tx.now.astimezone(await self.zone())
            return {"now": self.tx.now.isoformat(), "today": local.date().isoformat()}
        return await self._event()

    async def _event(self) -> dict[str, Any]:
        rows = await self.tx.fetch(_EVENT, self.tx.organization_id, self.run.event_id)
        if not rows:
            return {}
        row, sight = rows[0], EventSight(self.tx, {})
        said: dict[str, Any] = {
            name: decode(encode(sight.values(row["entity"], row[name])))
            for name in ("data", "previous")
        }
        plain = {name: row[name] for name in ("type", "entity", "record_id", "occurred_at")}
        event: dict[str, Any] = {**decode(encode(plain)), "data": said["data"]}
        return {"event": event, "previous": said["previous"] or {}}


@dataclass
class Checking:
    """A step that is about to be published: what it may refer to."""

    tx: Tx
    entity: str | None
    """The kind of record that runs are about."""
    names: frozenset[str] = frozenset()
    """Of the steps before it."""
    faults: list[Fault] = field(default_factory=list[Fault])
    others: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else references begin with, and the kinds of record that these are."""
    roots: frozenset[str] = ROOTS

    def fault(self, at: str, code: str, message: str) -> None:
        """One more mistake; `at` is a pointer into the step."""
        self.faults.append(Fault(code, message, pointer=at))

    def need_record(self, at: str = "/action") -> bool:
        """That there is a record for it to be about."""
        if self.entity is None:
            self.fault(at, "no_record", "The trigger is about no record.")
        return self.entity is not None

    def condition(self, source: Any, at: str) -> None:
        """That a filter fits the record."""
        if self.entity is None:
            self.fault(at, "no_record", "The trigger is about no record.")
            return
        try:
            condition_of(self.tx, self.entity, source)
        except Invalid as error:
            self.faults += moved(error, "/filter", at)
        except Forbidden as error:
            raise error.elsewhere(pointer=at) from None

    def values(self, given: Any, at: str) -> None:
        """That every `$ref` in a value names something."""
        for pointer, value in references(given):
            if len(value) > 1 or not isinstance(value["$ref"], str):
                self.fault(at + pointer, "invalid_ref", 'A reference is {"$ref": "record.name"}.')
            else:
                self.path(value["$ref"], at + pointer)

    def text(self, template: str, at: str) -> None:
        """That every placeholder of a text names something."""
        for found in _PLACEHOLDER.finditer(template):
            self.path(found[1], at)
        rest = _PLACEHOLDER.sub("", template)
        if "{{" in rest or "}}" in rest:
            first = min(self.others, default="record")
            message = f'A placeholder is {{{{ {first}.name }}}} or {{{{ {first}.name or "…" }}}}.'
            self.fault(at, "invalid_placeholder", message)

    def path(self, path: str, at: str) -> None:
        """That a path names something."""
        root, _, rest = path.partition(".")
        if root in self.others:
            self._field(self.others[root], rest or "id", at)
        elif root not in self.roots:
            message = f"References begin with {', '.join(sorted({*self.roots, *self.others}))}."
            self.fault(at, "unknown_reference", message)
        elif root == "steps" and rest.partition(".")[0] not in self.names:
            self.fault(at, "unknown_reference", f"No earlier step is named {rest[:60]!r}.")
        elif root == "record":
            self.field(rest or "id", at)

    def field(self, path: str, at: str) -> None:
        """That the record has such a field, and the actor may see it."""
        if self.entity is None:
            self.fault(at, "no_record", "The trigger is about no record.")
            return
        self._field(self.entity, path, at)

    def _field(self, entity: str, path: str, at: str) -> None:
        listing = service_of(self.tx, entity).records.listing
        name, _, inner = path.partition(".")
        field = self.tx.catalogue.of(entity).get(inner.partition(".")[0])
        if name not in listing.shown or (name == "custom" and inner and field is None):
            self.fault(at, "unknown_field", f"{entity} has no field {path[:60]!r}.")
        elif name in self.tx.actor.hidden(entity):
            raise hidden_field(name, at)
        elif name == "custom" and field is not None:
            try:
                need_sight(field, self.tx.actor)
            except Forbidden as error:
                raise error.elsewhere(pointer=at) from None


class Trigger(Schema):
    """What begins runs of a rule; each kind says so by a `type` of its own."""

    type: Any
    """A `Literal` of its own."""

    @property
    def about(self) -> str | None:
        """The kind of record that its runs are about."""
        return None

    async def check(self, about: Checking) -> None:
        """Say what is wrong with it, by `Checking.fault` or an error."""


class FeedTrigger(Trigger):
    """Begins a run for events, each once."""

    @property
    def topics(self) -> Sequence[str]:
        """The events it is for; `contact.*` names several."""
        raise NotImplementedError

    def fits(self, event: Mapping[str, Any]) -> bool:
        """Whether it is for this one of them, told with its `type`, `data` and `previous`."""
        del event
        return True


class Step(Schema):
    """One thing that a rule does; each kind says so by an `action` of its own.

    It is taken in one transaction with its entry in the log. What it does outside the database
    goes by rows that others send, so it may be taken again after a rollback, and a test run may
    take it and roll back.
    """

    action: Any
    """A `Literal` of its own."""
    name: StepName | None = Field(None, description="For later steps to refer to.")
    arms: ClassVar[tuple[str, ...]] = ()
    """The fields that hold further steps."""

    async def check(self, about: Checking) -> None:
        """Say what is wrong with it, by `Checking.fault` or an error."""

    async def act(self, at: Situation) -> Outcome:
        """Take the step, with the rights of the rule's actor; raises `CrmError`."""
        raise NotImplementedError


def condition_of(tx: Tx, entity: str, source: Any) -> Filter:
    """A filter over one kind of record; raises `Invalid` with the pointer `/filter`."""
    service = service_of(tx, entity)
    tx.actor.require(f"{service.area}:read")
    return parse(source, service.records.listing, tx)


async def zone_of(tx: Tx) -> ZoneInfo:
    """The organization's time zone."""
    rows = await tx.fetch(_ZONE, tx.organization_id)
    if not rows:
        raise NotFound("There is no such organization.")
    return ZoneInfo(rows[0]["time_zone"])


def moved(error: CrmError, before: str, after: str) -> list[Fault]:
    """The mistakes of an error, whose pointers begin otherwise; of one without any, itself."""
    faults = error.faults or (Fault(error.own_code, error.detail),)
    return [
        Fault(f.code, f.message, pointer=after + (f.pointer or "").removeprefix(before))
        for f in faults
    ]


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return encode(value).decode()
    return str(value)
