"""What a custom field is: its type, and what may be switched on for it."""

from functools import cached_property
from typing import Any, Literal
from uuid import UUID

import msgspec

from crm_api.kit.actor import Actor

FieldType = Literal[
    "text",
    "integer",
    "decimal",
    "money",
    "date",
    "datetime",
    "bool",
    "select",
    "multiselect",
    "url",
    "email",
    "phone",
    "relation",
    "formula",
    "rollup",
]
RollupFunction = Literal["count", "sum", "min", "max", "avg"]
FilterKind = Literal[
    "text", "integer", "number", "amount", "day", "instant", "boolean", "tags", "uuid"
]

KINDS: dict[str, FilterKind] = {
    "text": "text",
    "integer": "integer",
    "decimal": "number",
    "money": "amount",
    "date": "day",
    "datetime": "instant",
    "bool": "boolean",
    "select": "text",
    "multiselect": "tags",
    "url": "text",
    "email": "text",
    "phone": "text",
    "relation": "uuid",
}
"""What the filter language sees in each type."""
NUMBERS: dict[str, int] = {"integer": 1, "number": 10**6, "amount": 10**4}
"""The kinds that compare as numbers, and what makes whole ones of them in an index."""

INDEXED_OPERATORS = frozenset(
    {"eq", "in", "gt", "gte", "lt", "lte", "between", "starts_with", "has"}
)
"""What the index finds; all else looks at every record anyway."""

COMPUTED_TYPES = frozenset({"formula", "rollup"})
UNIQUE_TYPES = frozenset(KINDS) - {"money", "bool", "multiselect"}
SEARCHABLE_TYPES = frozenset({"text", "select", "url", "email", "phone"})
MAX_TEXT = 5_000
MAX_KEY = 500
"""The longest text in an index, of which PostgreSQL takes a third of a page."""


class Option(msgspec.Struct, frozen=True):
    """One choice of a select; an archived one stays where it is, and is chosen no more."""

    value: str
    label: str
    archived: bool = False


class Rollup(msgspec.Struct, frozen=True):
    """A number, or an extreme, over the records that belong to one."""

    relation: str
    """A to-many relation, or `vehicle.owner`: the records whose relation field leads here."""
    function: RollupFunction
    field: str | None = None
    filter: dict[str, Any] = {}


class CustomField(msgspec.Struct, frozen=True, dict=True, kw_only=True):
    """A definition as the service works with it."""

    id: UUID
    target: str
    name: str
    label: str
    type: FieldType
    options: tuple[Option, ...] = ()
    required: bool = False
    unique: bool = False
    indexed: bool = False
    """Whether its values are written to the index."""
    index_ready: bool = False
    """Whether the index holds the values of all records, so that filters may use it."""
    searchable: bool = False
    archived: bool = False
    default: Any = None
    visible_to: tuple[str, ...] = ()
    currency: str | None = None
    relates_to: str | None = None
    formula: str | None = None
    uses: dict[str, str] = {}
    """What a formula reads, and the kind of each in the formula language."""
    rollup: Rollup | None = None
    result_type: FieldType | None = None
    """The type of what is computed."""
    inherited: tuple[tuple[str, ...], ...] = ()
    """The `visible_to` of what a formula reads."""
    made_of: tuple[str, ...] = ()
    """What the formulas that it reads are made of in turn."""

    @property
    def is_computed(self) -> bool:
        """Whether nobody writes it."""
        return self.type in COMPUTED_TYPES

    @cached_property
    def kind(self) -> FilterKind:
        """What the filter language sees in it."""
        return KINDS[self.result_type or self.type]

    @cached_property
    def choices(self) -> dict[str, Option]:
        """The options by value."""
        return {option.value: option for option in self.options}

    @property
    def key(self) -> str:
        """The kind of its look-up keys, if it is unique."""
        return f"custom.{self.name}"

    @cached_property
    def walls(self) -> tuple[tuple[str, ...], ...]:
        """Of each of these, one scope is needed to see it."""
        return tuple(filter(None, (self.visible_to, *self.inherited)))

    @cached_property
    def masked_by(self) -> frozenset[str]:
        """The fields of which none may be hidden from who sees it: itself and what it is made of."""
        return frozenset({f"custom.{self.name}", *self.uses, *self.made_of})

    def seen_by(self, actor: Actor) -> bool:
        """Whether somebody may see it: neither masked, nor without a scope that it takes."""
        hidden = actor.hidden(self.target)
        if hidden and not hidden.isdisjoint(self.masked_by):
            return False
        return all(any(map(actor.covers, wall)) for wall in self.walls)
