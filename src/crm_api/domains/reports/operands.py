"""The fields that a report names: where they are, what they are, and whether they may be seen."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    Numeric,
    Text,
    cast,
    func,
    literal,
    type_coerce,
)
from sqlalchemy import case as sql_case
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.actor import hidden_field
from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.custom.fields import NUMBERS
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Fault, Forbidden, Invalid
from crm_api.kit.money import ExactType
from crm_api.kit.query import custom
from crm_api.kit.query.listing import Field, Listing
from crm_api.kit.query.places import Join, Place, place_of

_CURRENCY = "currency"
DATED = frozenset({"day", "instant"})
_DAY = r"^\d{4}-\d\d-\d\d$"
_INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_GROUPED = frozenset({"text", "uuid", "integer", "boolean", *DATED})


@dataclass(frozen=True)
class Operand:
    """A field within a statement."""

    path: str
    place: Place
    name: str
    kind: str
    expression: ColumnElement[Any]
    groups: bool
    choices: tuple[str, ...] = ()
    base: bool = False
    """Whether it is an amount in the organization's currency."""
    is_custom: bool = False
    currency: "Operand | None" = None
    """What it was converted from, of an amount that was converted into it."""
    whole: tuple[ColumnElement[int], int] | None = None
    """What an exact number is stored as: whole parts of it, and how many decimals they are."""

    @property
    def is_converted(self) -> bool:
        """Whether it is an amount that was converted into the organization's currency."""
        return self.currency is not None

    @property
    def joins(self) -> tuple[Join, ...]:
        """What the statement needs for it."""
        own = self.place.joins
        return own if self.currency is None else (*own, *self.currency.joins)

    @property
    def coded_by(self) -> str | None:
        """The field with the currency of an amount that is in that of a record."""
        if self.kind != "amount" or self.is_custom or self.base or self.is_converted:
            return None
        listing = self.place.listing
        other = listing.foreign.get(self.name)
        if other is None and _CURRENCY not in listing.fields:
            return None
        return ".".join([*self.relations, *([] if other is None else [other]), _CURRENCY])

    @property
    def is_foreign(self) -> bool:
        """Whether it is an amount in the currency of another record than its own."""
        return self.coded_by is not None and self.name in self.place.listing.foreign

    @property
    def relations(self) -> list[str]:
        """The way to the record that it is of."""
        parts = self.path.split(".")[:-1]
        return parts[:-1] if self.is_custom else parts

    def asks(self, test: Any) -> dict[str, Any]:
        """A filter of the source by a test of this field."""
        inner: dict[str, Any] = {self.name: test}
        if self.is_custom:
            inner = {"custom": inner}
        for name in reversed(self.relations):
            inner = {name: inner}
        return inner


@contextmanager
def pointed(pointer: str, below: str = "/filter") -> Generator[None]:
    """Have mistakes of a block be told of where in the request they are."""
    try:
        yield
    except CrmError as error:
        error.faults = tuple(
            replace(fault, pointer=_moved(fault, pointer, below), parameter=None)
            for fault in error.faults
        )
        raise


def _moved(fault: Fault, pointer: str, below: str) -> str:
    if fault.pointer is not None and fault.pointer.startswith(below):
        return pointer + fault.pointer.removeprefix(below)
    return pointer


def operand_of(tx: Tx, listing: Listing, path: str, pointer: str) -> Operand:
    """The field of a path; raises `Invalid`, and `Forbidden` where it is hidden, which names it."""
    *relations, name = path.split(".")
    is_custom = bool(relations) and relations[-1] == "custom"
    with pointed(pointer):
        place = place_of(listing, relations[:-1] if is_custom else relations, tx.actor, "fields")
        if is_custom:
            return _custom(tx, place, path, name, pointer)
        if name in place.listing.shown and name in tx.actor.hidden(place.listing.entity):
            raise hidden_field(path)
        known = place.listing.fields.get(name)
        if known is None or known.column is None:
            raise unfit(pointer, "unknown_field", f"Reports know no field {path[:60]!r}.")
        return _own(place, path, known)


def _own(place: Place, path: str, known: Field) -> Operand:
    assert known.column is not None
    column = getattr(place.row, known.name)
    kind: str = known.kind
    whole = None
    if isinstance(known.column.type, ExactType):
        whole = type_coerce(column, BigInteger()), known.column.type.places
        column = known.column.type.exact(column)
    groups = kind in _GROUPED and (kind != "text" or _is_short(known))
    base = kind == "amount" and known.name.startswith("base_")
    return Operand(path, place, known.name, kind, column, groups, known.choices, base, whole=whole)


def _is_short(known: Field) -> bool:
    # Whatever is looked up has the order of code points; all other text is prose.
    return bool(known.choices) or getattr(known.column, "type", Text()).collation == "C"


def _custom(tx: Tx, place: Place, path: str, name: str, pointer: str) -> Operand:
    field = tx.catalogue.of(place.listing.entity).get(name)
    if field is None:
        raise unfit(pointer, "unknown_field", f"There is no custom field {path[:60]!r}.")
    try:
        need_sight(field, tx.actor)
    except Forbidden as error:
        raise error.elsewhere(pointer=pointer) from None
    if field.rollup is not None or field.kind in {"tags", "amount"}:
        raise unfit(pointer, "unfit_field", f"Reports do not take a {field.type} field.")
    found = custom.value(place.row, literal(name, Text()), field.kind)
    kind: str = field.kind
    if kind in NUMBERS:
        found = cast(found, Numeric())
    elif kind == "boolean":
        found = cast(found, Boolean())
    elif kind == "day":
        found = sql_case((found.op("~")(literal(_DAY, Text())), cast(found, Date())))
    elif kind == "instant":
        local = sql_case((found.op("~")(literal(_INSTANT, Text())), cast(found, TIMESTAMP())))
        found = func.timezone(literal("UTC", Text()), local, type_=TIMESTAMP(timezone=True))
    groups = kind in _GROUPED
    return Operand(path, place, name, kind, found, groups, tuple(field.choices), is_custom=True)


def unfit(pointer: str, code: str, message: str) -> Invalid:
    """One mistake in a report."""
    return Invalid(message, code="invalid_report", faults=[Fault(code, message, pointer=pointer)])
