"""What of a collection can be shown, filtered, sorted, searched and included: declared once."""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from crm_api.kit.actor import Actor
from crm_api.kit.db.base import Entity
from crm_api.kit.money import AmountType, ExactType
from crm_api.kit.query.terms import Term
from crm_api.kit.schema import Out

Kind = Literal[
    "text", "uuid", "integer", "number", "amount", "boolean", "instant", "day", "tags", "keys"
]

_TITLES = ("name", "title", "subject", "text", "label", "filename", "url", "body")


@dataclass(frozen=True)
class Field:
    """One filterable field: its column and what may be asked of it."""

    name: str
    kind: Kind
    column: InstrumentedAttribute[Any] | None
    nullable: bool
    choices: tuple[str, ...] = ()
    key: "Key | None" = None


@dataclass(frozen=True)
class Key:
    """A field that is looked up in `record_keys`: the kind there, and how a value is normalised."""

    kind: str
    normalise: Callable[[str, str | None], str]
    """Takes the value and the organization's country."""


@dataclass(frozen=True)
class Relation:
    """A path to another collection."""

    name: str
    target: "Callable[[], Listing]"
    local: InstrumentedAttribute[Any]
    remote: InstrumentedAttribute[Any]
    many: bool = False
    part: bool = False
    """Whether the related records are parts of this one, which are purged with it."""
    back: str | None = None
    """What the other record calls these records: it leads to them as well, from a domain below
    too, which knows nothing of them (`kit/graphql/edges.py`)."""

    def turned(self, listing: "Listing") -> "Relation":
        """The way back to the records of `listing`, whose relation this is."""
        assert self.back is not None
        return Relation(self.back, lambda: listing, self.remote, self.local, many=True)


@dataclass(frozen=True)
class Searched:
    """By what a record is found, and how it stands among the results."""

    names: tuple[str, ...]
    """What it is called: these come first, and typing mistakes in them are forgiven."""
    others: tuple[str, ...] = ()
    title: str = "name"
    subtitle: tuple[str, ...] = ()
    """Of these the first that has a value."""

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Every field by which a record is found."""
        return tuple(dict.fromkeys((*self.names, *self.others)))

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """What is read of a result, in its order."""
        return tuple(dict.fromkeys(("id", self.title, *self.subtitle, *self.fields)))


@dataclass(frozen=True)
class Linked:
    """By which look-up keys records are found that are about others, and about what lies around
    these: `about` of the filter language.
    """

    kind: str
    """The kind of the keys, whose values are such as `company:ID`."""
    around: "Callable[[], Mapping[str, Sequence[tuple[Listing, str]]]]"
    """By a kind of record, the collections that belong to it, each with its relation to it."""


@dataclass(frozen=True)
class About:
    """The records that a row says something about: it is seen by those who see all of them."""

    kind: str
    """The column that says what kind of records they are."""
    columns: tuple[str, ...]
    """Those that hold their ids; of an array of them to see one is enough."""
    listings: Callable[[], Sequence["Listing"]]
    """The kinds there are."""
    others: Callable[[], "Listing"] | None = None
    """The records of all kinds beside those, if there are such."""
    tells: bool = True
    """Whether it says something about their fields: then none of these may be hidden."""
    decides: bool = False
    """Whether whoever sees them sees it, however far the level of its own area reaches."""
    optional: bool = False
    """Whether some rows are about no record at all: their column of the kind is empty."""
    rules: bool = False
    """Whether roles have no level of its own: who may change those may change it, and who is
    responsible for it sees it in any case."""
    copies: bool = False
    """Whether it may hold all that a record says, where the listing of that `is_copied`."""


@dataclass(frozen=True, eq=False)
class Listing:
    """A collection as its readers see it."""

    model: type[Entity]
    out: type[Out]
    area: str
    """The scope that reads it is `<area>:read`, also through a relation."""
    sorts: Mapping[str, InstrumentedAttribute[Any]] = field(default_factory=dict)
    """Further sort keys, or better ones: `name` by its dictionary key."""
    default_sort: str = "-created_at"
    relations: tuple[Relation, ...] = ()
    keys: Mapping[str, Key] = field(default_factory=dict)
    matched_by: Mapping[str, Key] = field(default_factory=dict)
    """Further fields that an upsert finds a record by, which are filtered as what they are."""
    search: Searched | None = None
    condition: "Callable[[], ColumnElement[bool]] | None" = None
    """What every row must be to be shown, beyond the tenant and the bin."""
    part: tuple[InstrumentedAttribute[str], str] | None = None
    """The rows that belong to it, where the table has others: a column, and its value in them."""
    within: str | None = None
    """The relation to the record that it is a part of, and is seen with."""
    open_to: Callable[[Any, ColumnElement[Any]], ColumnElement[bool]] | None = None
    """Who sees a row, where the levels of roles do not say so; takes the row and who asks."""
    about: About | None = None
    """The records without which it is not seen."""
    linked: Linked | None = None
    """How it is found by what it is about, if it may be about anything."""
    is_copied: bool = False
    """Whether files beside a record hold what its fields say: whoever is kept from any of these
    sees no such file."""
    tells: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """By a field of another kind of record, such as `product.cost`, its own fields that tell it:
    from whom that is hidden these are, too."""

    foreign: Mapping[str, str] = field(default_factory=dict[str, str])
    """Amounts that are in the currency of another record, by the relation that leads to it."""

    people: tuple[Relation, ...] = ()
    """What leads to users whatever a record is: its `owner`, and the `creator` who made it."""
    terms: Mapping[str, Term] = field(default_factory=dict[str, Term])
    """Further keys of its filters, by what lies above it: what people did, what they agreed to."""

    @property
    def entity(self) -> str:
        """The record's word, such as `contact`; of a part of a table, the value that marks it."""
        return self.model.entity if self.part is None else self.part[1]

    @cached_property
    def title(self) -> str | None:
        """The field by which its records are called."""
        if self.search is not None:
            return self.search.title
        return next((name for name in _TITLES if name in self.known), None)

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """Every field of the representation, in order."""
        return tuple(self.out.model_fields)

    @cached_property
    def known(self) -> frozenset[str]:
        """The same, in no order."""
        return frozenset(self.shown)

    @cached_property
    def decimals(self) -> Mapping[str, Callable[[Decimal], str]]:
        """How the exact numbers among the shown fields are shown."""
        columns = {name: known.column for name, known in self.fields.items()}
        return {
            name: column.type.shown
            for name, column in columns.items()
            if column is not None and isinstance(column.type, ExactType)
        }

    @cached_property
    def decimal_places(self) -> tuple[tuple[int, Callable[[Decimal], str]], ...]:
        """The same by their places."""
        return tuple((self.shown.index(name), shown) for name, shown in self.decimals.items())

    @cached_property
    def fields(self) -> dict[str, Field]:
        """The filterable fields by name."""
        found: dict[str, Field] = {}
        for name, info in self.out.model_fields.items():
            if name in self.keys:
                found[name] = Field(name, "keys", None, nullable=False, key=self.keys[name])
                continue
            column = getattr(self.model, name, None)
            if not isinstance(column, InstrumentedAttribute):
                continue
            kind, nullable, choices = _kind(info.annotation)
            if isinstance(column.type, ExactType):
                kind = "amount" if isinstance(column.type, AmountType) else "number"
            if kind is not None:
                found[name] = Field(name, kind, column, nullable, choices)
        return found

    @cached_property
    def lists(self) -> frozenset[str]:
        """The fields that hold lists."""
        fields = self.out.model_fields.items()
        return frozenset(name for name, info in fields if _is_list(info.annotation))

    @cached_property
    def maskable(self) -> frozenset[str]:
        """The fields that may be hidden from somebody: those that may be empty as well."""
        optional = {
            name
            for name, info in self.out.model_fields.items()
            if type(None) in get_args(_plain(info.annotation))
        }
        # What leads to other records is told by these, too.
        leading = {relation.local.key for relation in self.relations}
        return frozenset((optional | self.lists) - Out.model_fields.keys() - leading)

    @cached_property
    def sort_keys(self) -> dict[str, InstrumentedAttribute[Any]]:
        """What `sort` may name."""
        own = {
            name: f.column
            for name, f in self.fields.items()
            if f.column is not None and f.kind not in {"tags", "keys"}
        }
        return {**own, **self.sorts}

    @cached_property
    def keyed(self) -> dict[str, Key]:
        """The fields that stand in `record_keys`."""
        return {**self.keys, **self.matched_by}

    @cached_property
    def lookups(self) -> dict[str, str]:
        """The field of each kind of look-up key."""
        return {key.kind: name for name, key in self.keyed.items()}

    def hides(self, kind: str, actor: Actor) -> bool:
        """Whether look-up keys of a kind are made of a field that is hidden from somebody."""
        return self.lookups.get(kind, kind) in actor.hidden(self.entity)

    @cached_property
    def related(self) -> dict[str, Relation]:
        """The relations by name, those to users too."""
        return {relation.name: relation for relation in (*self.relations, *self.people)}

    def lead(self, relation: Relation) -> None:
        """Have its records lead to those of another collection; before anything reads it."""
        if relation.name in self.related or relation.name in self.shown:
            raise ValueError(f"{self.entity} has something of the name {relation.name}.")
        object.__setattr__(self, "relations", (*self.relations, relation))
        del self.__dict__["related"]

    def lead_to(self, users: "Listing") -> None:
        """Have its records lead to their owners and makers; before anything reads it."""
        ends = {"owner": self.model.owner_id, "creator": self.model.created_by}
        found = [Relation(n, lambda: users, end, users.model.id) for n, end in ends.items()]
        if clash := ends.keys() & {*self.related, *self.shown}:
            raise ValueError(f"{self.entity} has something of the name {min(clash)}.")
        object.__setattr__(self, "people", tuple(found))
        del self.__dict__["related"]

    def know(self, name: str, term: Term) -> None:
        """Have its filters know one more key; before anything reads it."""
        if name in self.related or name in self.shown or name in self.terms:
            raise ValueError(f"{self.entity} has something of the name {name}.")
        object.__setattr__(self, "terms", {**self.terms, name: term})

    def expressions(self, names: tuple[str, ...]) -> list[ColumnElement[Any]]:
        """The columns to select for these fields, which may stand twice: they are read by place."""
        return [getattr(self.model, name).label(f"c{n}") for n, name in enumerate(names)]

    def row_shape(
        self, names: tuple[str, ...], included: tuple[str, ...] = ()
    ) -> type[msgspec.Struct]:
        """The struct of a row; it encodes to JSON as `out` documents."""
        shape = self._shapes.get((names, included))
        if shape is None:
            shape = msgspec.defstruct(
                self.out.__name__,
                [(n, Any) for n in names] + [(n, Any, None) for n in included],
                gc=False,
            )
            self._shapes[names, included] = shape
        return shape

    @cached_property
    def event_shape(self) -> type[msgspec.Struct]:
        """The struct of a new record in its event: what is null is left out."""
        fields = [(name, Any, None) for name in self.shown]
        return msgspec.defstruct(self.out.__name__, fields, omit_defaults=True, gc=False)

    @cached_property
    def _shapes(self) -> dict[tuple[tuple[str, ...], tuple[str, ...]], type[msgspec.Struct]]:
        return {}

    @cached_property
    def places(self) -> dict[Any, Any]:
        """What its to-one relations lead to, by their paths; filled by `places`."""
        return {}

    @cached_property
    def statements(self) -> dict[Any, Any]:
        """The compiled statements of this collection by their shape; bounded by `page`."""
        return {}


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_list(annotation: Any) -> bool:
    return get_origin(_plain(annotation)) is list


def _kind(annotation: Any) -> tuple[Kind | None, bool, tuple[str, ...]]:
    nullable = False
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, types.UnionType}:
        parts = [a for a in get_args(annotation) if a is not type(None)]
        nullable = len(parts) < len(get_args(annotation))
        annotation = parts[0]
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return "text", nullable, get_args(annotation)
    if annotation == list[str]:
        return "tags", nullable, ()
    plain: dict[Any, Kind] = {
        str: "text",
        UUID: "uuid",
        int: "integer",
        bool: "boolean",
        datetime: "instant",
        date: "day",
        Decimal: "amount",
    }
    return plain.get(annotation), nullable, ()
