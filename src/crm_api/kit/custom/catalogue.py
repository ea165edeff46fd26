"""The custom fields of an organization, and what they say of a record's values."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from crm_api.kit.actor import Actor, hidden_field
from crm_api.kit.custom.fields import NUMBERS, CustomField
from crm_api.kit.custom.formulas import Formula, compiled, operand, stored
from crm_api.kit.custom.values import comparable, read
from crm_api.kit.errors import Fault, Forbidden, Invalid, NotFound
from crm_api.kit.switches import ALL_ON, State, Switches
from crm_api.kit.values.errors import BadValue

Values = dict[str, Any]
OBJECTS = "objects"
"""The first half of the scopes of all records of custom objects."""


class Indexed(msgspec.Struct, frozen=True):
    """A value in the index: as text, as a whole number, or as the id that it refers to."""

    field_id: UUID
    text: str | None = None
    number: int | None = None
    reference: UUID | None = None


class CustomFields:
    """The fields of one kind of record."""

    def __init__(self, fields: Iterable[CustomField] = (), gone: Iterable[str] = ()) -> None:
        self.by_name: dict[str, CustomField] = {field.name: field for field in fields}
        self.gone = frozenset(gone)
        """The names of deleted definitions: their values are stored, and shown to nobody."""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CustomFields)
            and self.by_name == other.by_name
            and self.gone == other.gone
        )

    def __hash__(self) -> int:
        return hash(tuple(self.by_name))

    def get(self, name: str) -> CustomField | None:
        """A field by its name."""
        return self.by_name.get(name)

    def seen_by(self, actor: Actor) -> list[CustomField]:
        """Those that somebody may see, in their order; also the columns of an export."""
        return [field for field in self.by_name.values() if field.seen_by(actor)]

    # What comes in

    def completed(self, given: Mapping[str, Any], actor: Actor) -> Values:
        """The values of a new record, with defaults; raises `Invalid`, `Forbidden`."""
        values, faults = self._read(given, actor)
        values = self.with_defaults(values)
        self.refuse([*faults, *self.lacking(values, actor, but={f.pointer for f in faults})])
        return {name: value for name, value in values.items() if value is not None}

    def with_defaults(self, values: Mapping[str, Any]) -> Values:
        """The values of a new record, with the defaults of what is not among them."""
        return {**self._defaults, **values}

    def patched(
        self, current: Mapping[str, Any], patch: Mapping[str, Any] | None, actor: Actor
    ) -> Values:
        """The values of a record after a merge patch; null for all clears what may be changed."""
        if patch is None:
            patch = {
                name: None
                for name in current
                if (field := self.get(name)) is not None
                and self._is_open(field, actor)
                and f"custom.{name}" not in actor.read_only(field.target)
            }
        for name in patch:
            # Before they are compared: who does not see a value must not guess it.
            if name in self.by_name:
                need_sight(self.by_name[name], actor)
        changed = {n: v for n, v in patch.items() if n not in current or current[n] != v}
        values, faults = self._read(changed, actor)
        for name, value in values.items():
            if value is None and self.by_name[name].required:
                faults.append(_required(name))
        self.refuse(faults)
        after = {**current, **values}
        return {name: value for name, value in after.items() if value is not None}

    def lacking(
        self, values: Mapping[str, Any], actor: Actor, *, but: Iterable[str | None] = ()
    ) -> list[Fault]:
        """What a new record with these values would lack."""
        return [
            _required(field.name)
            for field in self._required
            if values.get(field.name) is None
            and self._is_open(field, actor)
            and f"/custom/{field.name}" not in but
        ]

    def read(self, given: Mapping[str, Any], actor: Actor) -> Values:
        """Given values in their normal form; raises `Invalid`, `Forbidden`."""
        if not given:
            return {}
        values, faults = self._read(given, actor)
        self.refuse(faults)
        return values

    def _read(self, given: Mapping[str, Any], actor: Actor) -> tuple[Values, list[Fault]]:
        values: Values = {}
        faults: list[Fault] = []
        for name, value in given.items():
            try:
                values[name] = self._value(name, value, actor)
            except BadValue as error:
                faults.append(Fault(error.code, str(error), pointer=f"/custom/{name}"))
        return values, faults

    def _value(self, name: str, value: Any, actor: Actor) -> Any:
        field = self.get(name)
        if field is None:
            raise BadValue("unknown_field", "There is no custom field of this name.")
        need_sight(field, actor)
        if field.is_computed:
            raise BadValue("computed_field", "The field is computed; it takes no values.")
        if value is None:
            return None
        if field.archived:
            raise BadValue("archived_field", "The field is archived and takes no values.")
        return read(field, value, actor.country)

    def _is_open(self, field: CustomField, actor: Actor) -> bool:
        return not field.archived and not field.is_computed and field.seen_by(actor)

    @staticmethod
    def refuse(faults: list[Fault]) -> None:
        """Raise `Invalid` if there are any mistakes."""
        if faults:
            message = faults[0].message if len(faults) == 1 else f"{len(faults)} values are wrong."
            if len(faults) == 1:
                message = f"{faults[0].pointer}: {message}"
            raise Invalid(message, faults=faults)

    @cached_property
    def _defaults(self) -> Values:
        return {
            field.name: field.default
            for field in self.by_name.values()
            if field.default is not None and not field.archived
        }

    @cached_property
    def _required(self) -> list[CustomField]:
        return [field for field in self.by_name.values() if field.required]

    # What is computed

    @cached_property
    def formulas(self) -> list[tuple[CustomField, Formula]]:
        """The formulas, each after those that it reads."""
        found: dict[str, tuple[CustomField, Formula]] = {}

        def visit(field: CustomField) -> None:
            if field.formula is None or field.archived or field.name in found:
                return
            for name in field.uses:
                inner = self.get(name.removeprefix("custom.")) if "." in name else None
                if inner is not None:
                    visit(inner)
            kinds: dict[str, Any] = dict(field.uses)
            found[field.name] = field, compiled(field.formula, kinds.get)

        for field in self.by_name.values():
            visit(field)
        return list(found.values())

    @cached_property
    def rollups(self) -> list[CustomField]:
        """The fields that are computed when a record is read."""
        return [field for field in self.by_name.values() if field.rollup and not field.archived]

    def computed(self, record: Mapping[str, Any]) -> Values:
        """A record's custom values, those of its formulas as they are now."""
        custom: Values = dict(record["custom"] or {})
        for field, formula in self.formulas:
            operands = {
                name: operand(kind, custom.get(name[7:]) if "." in name else record.get(name))
                for name, kind in formula.uses.items()
            }
            value = _computed(field, formula.value(operands))
            if value is None:
                custom.pop(field.name, None)
            else:
                custom[field.name] = value
        return custom

    # What goes out

    @cached_property
    def _guarded(self) -> list[CustomField]:
        return [field for field in self.by_name.values() if field.walls]

    def hidden_from(self, actor: Actor) -> frozenset[str]:
        """The names whose values are not shown to somebody."""
        guarded = self._guarded if actor.access is None else self.by_name.values()
        return self.gone | {field.name for field in guarded if not field.seen_by(actor)}

    def shown(self, values: Mapping[str, Any], actor: Actor) -> Values:
        """The values that somebody may see."""
        hidden = self.hidden_from(actor)
        return {name: value for name, value in values.items() if name not in hidden}

    # How records are found by it

    @cached_property
    def _unique(self) -> list[CustomField]:
        return [field for field in self.by_name.values() if field.unique]

    @cached_property
    def _searched(self) -> list[CustomField]:
        return [field for field in self.by_name.values() if field.searchable]

    @cached_property
    def _indexed(self) -> list[CustomField]:
        return [f for f in self.by_name.values() if f.indexed or f.type == "relation"]

    @cached_property
    def relations(self) -> list[CustomField]:
        """The fields that refer to records."""
        return [field for field in self.by_name.values() if field.type == "relation"]

    def keys(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The look-up keys of a record's values that nobody else may have."""
        return [
            (field.key, str(values[field.name])) for field in self._unique if field.name in values
        ]

    def words(self, values: Mapping[str, Any]) -> list[str]:
        """The texts by which a record is found."""
        return [text for field in self._searched if isinstance(text := values.get(field.name), str)]

    def index(self, values: Mapping[str, Any]) -> list[Indexed]:
        """A record's rows in the index."""
        return [
            row
            for field in self._indexed
            if field.name in values
            for row in _rows(field, values[field.name])
        ]


def need_sight(field: CustomField, actor: Actor) -> None:
    """Raise `Forbidden` unless somebody may see a field."""
    if any(name in actor.hidden(field.target) for name in field.masked_by):
        raise hidden_field(f"custom.{field.name}")
    for wall in field.walls:
        if any(map(actor.covers, wall)):
            continue
        raise Forbidden(
            f"The credential lacks the scope {' or '.join(wall)}, which custom.{field.name} takes.",
            code="insufficient_scope",
            details={"scope": wall[0]},
            faults=[Fault("hidden_field", "not visible to you", pointer=f"/custom/{field.name}")],
        )


def _computed(field: CustomField, value: Any) -> Any:
    if value is None:
        return None
    try:
        return read(field, stored(field.result_type or "text", value), None)
    except BadValue:
        # Out of the range of its type.
        return None


def _rows(field: CustomField, value: Any) -> Iterable[Indexed]:
    if field.kind == "tags":
        return [Indexed(field.id, text=item) for item in value]
    if field.kind == "uuid":
        return [Indexed(field.id, reference=UUID(value))]
    found = comparable(field.kind, value)
    if isinstance(found, str):
        return [Indexed(field.id, text=found)]
    return [Indexed(field.id, number=int(found * NUMBERS[field.kind]))]


def _required(name: str) -> Fault:
    return Fault("required", "The field is required.", pointer=f"/custom/{name}")


class CustomObject(msgspec.Struct, frozen=True):
    """A kind of record that an organization has made up."""

    id: UUID
    key: str
    label: str
    plural_label: str
    name_label: str


class SharingRule(msgspec.Struct, frozen=True):
    """For whom the records of a kind are that pass a filter."""

    id: UUID
    version: int
    target: str
    principal_id: UUID
    writes: bool
    filter: dict[str, Any]
    time_zone: str
    """That of whoever made it, which its days and hours are in."""
    country: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """What an organization has made of the product, as it is kept for those who use it."""

    fields: tuple[CustomField, ...] = ()
    gone: dict[str, list[str]] = {}
    objects: tuple[CustomObject, ...] = ()
    modules: dict[str, State] = {}
    guarded: dict[str, str] = {}  # what is done about duplicates, by kind of record
    rules: tuple[SharingRule, ...] = ()
    watched: dict[str, list[str]] = {}
    """The fields whose readings are written down, by kind of record."""
    barred: tuple[str, ...] = ()  # the kinds of which somebody was erased, who is kept out
    approved: dict[str, int] = {}
    """The kinds of record that are approved, and since when, in milliseconds of the epoch."""
    clocked: tuple[str, ...] = ()  # the kinds of which something is derived after a change
    rounding: dict[str, Any] = {}  # of amounts, taxes and cash; empty for the usual way
    scoring: dict[str, Any] = {}  # how far scores of leads go; empty for the usual
    quoting: dict[str, Any] = {}  # what is told of quotes by themselves; empty for the usual
    paper: dict[str, Any] = {}  # what proposals say of the seller; empty for nothing
    ordering: dict[str, Any] = {}  # how orders are handed over; empty for the usual, as below
    casework: dict[str, Any] = {}
    promising: dict[str, Any] = {}
    attribution: dict[str, Any] = {}  # how touches are weighed; empty for the usual
    timing: dict[str, Any] = {}  # which time is closed; empty for none
    inviting: dict[str, Any] = {}  # by which channel attendees are invited; empty for none
    mailing: dict[str, Any] = {}  # how many are mailed; empty for the usual way


_NO_FIELDS = CustomFields()


class Catalogue:
    """The custom fields of every kind of record of an organization, and what it has switched off.

    As they were at some moment.
    """

    def __init__(self, version: int = 0, snapshot: Snapshot | None = None) -> None:
        known = snapshot or Snapshot()
        self.version, self.guarded, self.rounding = version, known.guarded, known.rounding
        self.rules: dict[str, list[SharingRule]] = {}
        """What shares records of itself, by their kinds."""
        for rule in known.rules:
            self.rules.setdefault(rule.target, []).append(rule)
        self.watched = {kind: frozenset(names) for kind, names in known.watched.items()}
        self.barred, self.clocked = frozenset(known.barred), frozenset(known.clocked)
        self.approved, self.promising, self.paper = known.approved, known.promising, known.paper
        self.inviting, self.scoring, self.mailing = known.inviting, known.scoring, known.mailing
        self.quoting, self.ordering, self.timing = known.quoting, known.ordering, known.timing
        self.casework, self.attribution, self.time_zone = known.casework, known.attribution, "UTC"
        self.switches = Switches(known.modules) if known.modules else ALL_ON
        self.objects = {found.key: found for found in known.objects}
        grouped: dict[str, list[CustomField]] = {target: [] for target in known.gone}
        for field in known.fields:
            grouped.setdefault(field.target, []).append(field)
        self.entities: dict[str, CustomFields] = {
            target: CustomFields(fields, known.gone.get(target, ()))
            for target, fields in grouped.items()
        }

    def object(self, key: str) -> CustomObject:
        """The object of this key; raises `NotFound`."""
        if key not in self.objects:
            raise NotFound(f"There is no custom object {key[:60]!r}.")
        return self.objects[key]

    def of(self, entity: str) -> CustomFields:
        """The fields of a kind of record."""
        return self.entities.get(entity, _NO_FIELDS)

    def relations_to(self, entity: str) -> list[CustomField]:
        """The fields of any kind of record that refer to a kind of record."""
        return [
            field
            for fields in self.entities.values()
            for field in fields.relations
            if field.relates_to == entity
        ]
