"""What a domain says about importing its records; the engine does the rest."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from crm_api.kit.actor import Actor
from crm_api.kit.crud.index import external_key
from crm_api.kit.crud.plain import merged_in, values_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.custom.catalogue import CustomFields
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.faults import faults_of
from crm_api.kit.points import grown, with_address
from crm_api.kit.values import codes, dates
from crm_api.kit.values.errors import BadValue
from crm_api.platform.transfer.ledger import Ledger, RecordId
from crm_api.platform.transfer.reading.lists import points_in, tags_in
from crm_api.platform.transfer.reading.mapping import FieldHint, FieldKind


@dataclass(frozen=True, slots=True)
class RowFault:
    """One mistake of a row."""

    code: str
    message: str
    column: str | None = None
    value: str | None = None


@dataclass(slots=True)
class Draft:
    """A row on its way to a record."""

    number: int
    cells: list[str | None]
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    given: frozenset[str] = frozenset()
    """The column values that the file really has; the others are defaults."""
    assumed: frozenset[str] = frozenset()
    """What a row goes by that it does not say; a record that has something of its own keeps it."""
    related: dict[str, Any] = field(default_factory=dict[str, Any])
    keys: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    queue: str | None = None
    """Rows with the same one are stored in their order."""
    faults: list[RowFault] = field(default_factory=list[RowFault])
    record_id: UUID | None = None
    """The record that it will be, or that it changes; known before anything is stored."""


@dataclass(frozen=True)
class Column:
    """A mapped column: where it stands, what it is called, what it fills."""

    index: int
    name: str
    field: str
    hint: FieldHint | None

    @cached_property
    def convert(self) -> "Callable[[str, Plan], Any] | None":
        """What makes a value of a cell; raises `BadValue`. None where the text is the value."""
        return _CONVERTERS.get(self.hint.kind) if self.hint else None

    def shown(self, cell: str) -> list[str]:
        """What a cell says, each value by itself."""
        return points_in(cell) if self.hint is not None and self.hint.lists else [cell]


@dataclass(frozen=True)
class Plan:
    """A mapping and its options, ready to read rows."""

    columns: tuple[Column, ...]
    match: tuple[str, ...]
    chosen: bool
    """Whether `match` was said, and is not the usual order."""
    source: str
    country: str | None
    currency: str
    """The organization's own: amounts without any are in it."""
    day_first: bool | None
    tags: tuple[str, ...]
    on_duplicate: str
    custom: CustomFields
    actor: Actor

    def closed(self, entity: str) -> frozenset[str]:
        """The fields of a kind of record that rows do not fill: not to be set, or not to be seen."""
        return self.actor.read_only(entity) | self.actor.hidden(entity)

    def lacking(self, draft: Draft) -> list[RowFault]:
        """What a row lacks to become a new record."""
        custom = self.custom.with_defaults(draft.values.get("custom") or {})
        return [
            RowFault(f.code, f"{f.pointer}: {f.message}")
            for f in self.custom.lacking(custom, self.actor)
        ]


_SINGLES = {
    "emails": "email",
    "phones": "phone",
    "addresses": "address",
    "domains": "domain",
    "external_ids": "external_id",
    "annual_revenue": "revenue",
}
_LINES = ("street", "city", "region", "postal_code", "country")
_ADDRESS = {name: f"address.{name}" for name in _LINES}
_UNREAD = {"owner_email", "created_at"}


LookUp = tuple[str, str, str]
"""An entity, a kind of key and a value."""


class Importer(ABC):
    """How rows of a file become records of one kind."""

    target: str
    fields: Mapping[str, FieldHint]
    match: tuple[str, ...]
    """By what a record is matched unless the user says otherwise."""
    service: type[CrudService[Any]]
    touched: tuple[type[CrudService[Any]], ...]
    """Whose records an import may make or change, in the order in which they are put back."""
    filled: Mapping[str, str] = {}
    """The columns of what rows refer to, where they are not called `…_id`."""

    async def hints(self, tx: Tx) -> Mapping[str, FieldHint]:
        """Further fields that an organization has defined for these records."""
        del tx
        return {}

    def read(self, draft: Draft, plan: Plan) -> None:
        """Fill a draft from its cells; mistakes go to `faults`. Needs no database."""
        texts: dict[str, list[Any]] = {}
        for column in plan.columns:
            cell = draft.cells[column.index]
            if cell is None:
                continue
            try:
                convert = column.convert
                values = [convert(cell, plan)] if convert else column.shown(cell)
            except BadValue as error:
                draft.faults.append(RowFault(error.code, str(error), column.name, cell[:500]))
                continue
            texts.setdefault(column.field, []).extend(values)
        if draft.faults:
            return
        try:
            data = self._data(draft, texts, plan)
            values = values_of(self.service.create_shape.model_validate(data))
            values["custom"] = plan.custom.read(values["custom"], plan.actor)
            draft.values = self.service.normalise(values, None, plan.country)
        except ValidationError as error:
            found = faults_of(error.errors(include_url=False))
            draft.faults = [self._located(f.code, f.message, f.pointer, draft, plan) for f in found]
        except Invalid as error:
            draft.faults = [
                self._located(f.code, f.message, f.pointer, draft, plan) for f in error.faults
            ]
        else:
            draft.given = frozenset(data) - draft.assumed
            self._refuse_closed(draft, plan)
            draft.keys = [*self.keys(draft.values), *plan.custom.keys(draft.values["custom"])]

    def _refuse_closed(self, draft: Draft, plan: Plan) -> None:
        if not (closed := plan.closed(self.service.repository.listing.entity)):
            return
        related = {self.filled.get(n, f"{n}_id") for n, value in draft.related.items() if value}
        custom = {f"custom.{name}" for name in draft.values["custom"]}
        message = "No role of yours lets it be set."
        draft.faults += [
            self._located("read_only_field", message, f"/{name.replace('.', '/')}", draft, plan)
            for name in sorted(closed & {*draft.given, *related, *custom})
        ]

    def _data(self, draft: Draft, texts: Mapping[str, list[Any]], plan: Plan) -> dict[str, Any]:
        data, draft.related = self.arrange(texts)
        if plan.tags:
            data["tags"] = [*data.get("tags", ()), *plan.tags]
        if texts.get("external_id"):
            data["external_ids"] = {plan.source: texts["external_id"][0]}
        custom = {
            n.removeprefix("custom."): v[0] for n, v in texts.items() if n.startswith("custom.")
        }
        return data | ({"custom": custom} if custom else {})

    def _located(
        self, code: str, message: str, pointer: str | None, draft: Draft, plan: Plan
    ) -> RowFault:
        """The column that a pointer into the record means."""
        path = (pointer or "").strip("/").split("/")
        wanted = self.pointed(path)
        at = int(path[1]) if len(path) > 1 and path[1].isdigit() else 0
        found: dict[str, list[tuple[str, str]]] = {}
        for c in plan.columns:
            if c.field.split(":")[0] == wanted and (cell := draft.cells[c.index]) is not None:
                found.setdefault(c.field, []).extend((c.name, text) for text in c.shown(cell))
        if not (said := [one for some in found.values() for one in some]):
            return RowFault(code, message)
        name, text = said[min(at, len(said) - 1)]
        return RowFault(code, message, name, text[:500])

    def located(self, fault: Fault, draft: Draft, plan: Plan) -> RowFault:
        """A mistake that storing the row has shown, with its column."""
        return self._located(fault.code, fault.message, fault.pointer, draft, plan)

    def pointed(self, path: Sequence[str]) -> str:
        """The mapped field that a pointer into the record means."""
        head = _SINGLES.get(path[0], path[0])
        if head == "custom" and len(path) > 1:
            return f"custom.{path[1]}"
        if head == "address" or (head == "company" and len(path) > 1):
            return f"{head}.{self.pointed(path[1:])}" if head == "company" else f"{head}.{path[-1]}"
        return head

    def keys(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The look-up keys of the record-to-be."""
        own = self.service.keys(values)
        external = [("external", external_key(s, i)) for s, i in values["external_ids"].items()]
        return [*external, *own]

    @abstractmethod
    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The creation shape of a row, and what it says of related records."""

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find what rows refer to that has to be there; what is not is a mistake of the row."""
        del tx, drafts, plan

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Have others who write what these rows may store wait till the commit."""
        del tx, drafts

    async def holders(self, tx: Tx, drafts: Sequence[Draft]) -> list[tuple[str, str, UUID]]:
        """The records that hold keys of these rows, beyond those that are kept as look-up keys."""
        del tx, drafts
        return []

    async def ledger(
        self, tx: Tx, drafts: Sequence[Draft], matched: Iterable[UUID]
    ) -> Ledger | None:
        """What rows must not overlap; None where they may."""
        del tx, drafts, matched

    def claim(self, ledger: Ledger, draft: Draft, record: RecordId, plan: Plan) -> bool:
        """Whether a row may say of a record what it says; if not, the row tells why."""
        del ledger, draft, record, plan
        return True

    @abstractmethod
    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Find or make the records that drafts refer to, and put their ids into the values.

        All is looked up before anything is made: the dry run stops before that is sent.
        """

    def look_ups(self, drafts: Iterable[Draft]) -> set[LookUp]:
        """Everything by which the records of drafts, and those that they name, are looked up."""
        entity = self.service.repository.listing.entity
        return {(entity, kind, value) for draft in drafts for kind, value in draft.keys}

    def add(self, tx: Tx, draft: Draft) -> None:
        """Store a new record under the draft's `record_id`."""
        service = self.service(tx)
        custom = service.fields.with_defaults(draft.values["custom"])
        own = {**draft.values, **service.begins_with}
        service.add({**own, "custom": custom, "id": draft.record_id})

    async def absorb(self, tx: Tx, current: Any, draft: Draft) -> None:
        """Let a record take over what a row says; blanks say nothing."""
        await self.service(tx).apply(current, self.patch(current, draft))

    async def in_use(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> set[UUID]:
        """Those of some records that others have come to need since the import made them."""
        del tx, entity, ids
        return set()

    async def leant_on(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> set[UUID]:
        """Those of the records that an undo would remove that what stays cannot be without."""
        del tx, entity, ids
        return set()

    def adds_to(self, current: Any, draft: Draft, country: str | None) -> bool:
        """Whether a row, related already, would change a record."""
        try:
            values = self.service.normalise(self.patch(current, draft), current, country)
        except Invalid:
            return True
        return any(getattr(current, name) != value for name, value in values.items())

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """What a row changes of a record: single values replace, collections grow."""
        found: dict[str, Any] = {}
        for name in draft.given:
            value = draft.values.get(name)
            if name in {"emails", "phones"}:
                found[name] = grown(getattr(current, name), value or [])
            elif name == "addresses":
                found[name] = with_address(current.addresses, value or [])
            elif name in {"tags", "domains"}:
                have = getattr(current, name)
                found[name] = [*have, *(item for item in value or [] if item not in have)]
            elif name == "custom":
                found[name] = {**current.custom, **(value or {})}
            elif name == "external_ids":
                # An id that is known stays: two ids of one system are two records there.
                found[name] = {**(value or {}), **current.external_ids}
            elif name in merged_in(self.service.create_shape):
                found[name] = {**getattr(current, name), **(value or {})}
            elif value is not None:
                found[name] = value
        taken = (name for name in draft.assumed if getattr(current, name) is None)
        return found | {name: draft.values[name] for name in taken}


def need_same(current: Any, draft: Draft, *names: str) -> None:
    """Raises `Invalid` where a row would change what a record is for, which stays."""
    for name in names:
        if getattr(current, name) != draft.values[name]:
            message = "The row means a record that is for something else."
            raise Invalid.at(f"/{name}", "other_target", message)


def _whole(cell: str) -> int:
    number = dates.parse_decimal(cell)
    if number != int(number):
        raise BadValue("invalid_number", "Not a whole number.")
    return int(number)


_CONVERTERS: dict[FieldKind, Callable[[str, Plan], Any]] = {
    "date": lambda cell, plan: dates.parse_date(cell, day_first=plan.day_first),
    "tags": lambda cell, _: tags_in(cell),
    "integer": lambda cell, _: _whole(cell),
    "money": lambda cell, _: dates.parse_decimal(cell),
    "bool": lambda cell, _: dates.parse_bool(cell),
    "country": lambda cell, _: codes.country(cell),
    "language": lambda cell, _: codes.language(cell),
}


def readable(fields: Mapping[str, FieldHint]) -> Mapping[str, FieldHint]:
    """The known fields without those that exports have and records do not take."""
    return {name: hint for name, hint in fields.items() if name not in _UNREAD}


def data_of(texts: Mapping[str, list[Any]], names: Sequence[str]) -> dict[str, Any]:
    """What cells say of these single fields, of contact points, address, country and tags."""
    data: dict[str, Any] = {name: texts[name][0] for name in names if texts.get(name)}
    collections = {
        "emails": points_of(texts, "email"),
        "phones": points_of(texts, "phone"),
        "addresses": address_of(texts),
        "tags": [tag for tags in texts.get("tags", ()) for tag in tags],
    }
    data |= {name: found for name, found in collections.items() if found}
    if texts.get("address.country"):
        data["country"] = texts["address.country"][0]
    return data


def address_of(texts: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The one postal address of a row; the parts of its street in the order of their columns."""
    parts = {
        name: ", ".join(found) for name, field in _ADDRESS.items() if (found := texts.get(field))
    }
    return [{**parts, "primary": True}] if parts else []


def points_of(texts: Mapping[str, list[Any]], field: str) -> list[dict[str, Any]]:
    """The contact points of a row; `phone:mobile` is a phone of that kind."""
    found: list[dict[str, Any]] = []
    for name, values in texts.items():
        if not name.startswith(field):
            continue
        head, _, kind = name.partition(":")
        if head == field:
            found += [{"value": value, "kind": kind or "work"} for value in values]
    return found
