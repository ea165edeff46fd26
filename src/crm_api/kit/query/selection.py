"""What is asked of a collection: which fields, which related records, which page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import msgspec

from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.visibility import ALL, Sight

MAX_INCLUDE_DEPTH = 2
MAX_INCLUDED = 20_000
"""So many related records a page may bring along, counted by the pages that are asked for."""
INCLUDED_ROWS = 50
"""How many records of a to-many relation come along; its cursor leads to the others."""


@dataclass(frozen=True)
class Form:
    """A row's struct where it is not the plain one: its members in the order of the fields."""

    shape: type[msgspec.Struct]
    finish: Callable[[list[Any]], None] | None = None
    """What is done to the rows at last."""


@dataclass(frozen=True)
class Selection:
    """Which fields of a record are shown, and which related records come with it.

    With a `form`, the fields include those by which relations are found, each where the relation
    is shown.
    """

    fields: tuple[str, ...]
    included: Mapping[str, "Included"] = field(default_factory=dict)
    form: Form | None = None
    custom: frozenset[str] | None = None
    """Which custom fields are shown, if not all of them."""

    @property
    def read(self) -> tuple[str, ...]:
        """What is told of a record: its columns, single custom fields as `custom.tier`."""
        if self.custom is None:
            return self.columns
        named = (f"custom.{name}" for name in sorted(self.custom))
        return (*(name for name in self.columns if name != "custom"), *named)

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read, in the order of the row's struct."""
        if self.form is not None or not self.included:
            return self.fields
        return (*self.fields, *(i.relation.local.key for i in self.included.values()))

    @property
    def extended(self) -> bool:
        """Whether the rows are not all there is to it."""
        return self.form is not None or bool(self.included)

    @property
    def view(self) -> Any:
        """What tells this selection from others, in plain values."""
        included = sorted((n, i.query.selection.view) for n, i in self.included.items())
        return self.fields, included, self.custom and sorted(self.custom)

    def shape(self, listing: Listing) -> type[msgspec.Struct]:
        """The struct of a row."""
        if self.form is not None:
            return self.form.shape
        return listing.row_shape(self.fields, tuple(self.included))

    @classmethod
    def of(
        cls, listing: Listing, tx: Tx, fields: str | None = None, include: str | None = None
    ) -> "Selection":
        """Read `fields=id,company.name,custom.tier` and `include=company.parent`.

        Raises `Invalid`, and `Forbidden` where a custom field is hidden.
        """
        if not fields and not include:
            return cls(listing.shown)
        wanted = _Wanted(listing)
        for path in names_of(include):
            wanted.at(path.split("."), "include", path)
        for path in names_of(fields):
            *above, name = path.split(".")
            if above and above[-1] == "custom":
                wanted.at(above[:-1], "fields", path).choose(name, path, tx)
                continue
            place = wanted.at(above, "fields", path)
            if name not in place.listing.shown:
                raise _unknown("fields", path)
            place.fields.append(name)
        return wanted.selection()


@dataclass(frozen=True)
class PageQuery:
    """What is asked of a collection."""

    selection: Selection
    filter: Filter = field(default_factory=Filter)
    sort: str | None = None
    limit: int = 50
    cursor: str | None = None
    search: str | None = None
    count: Literal["exact", "estimate"] | None = None
    deleted: Literal["include", "only"] | None = None
    view: UUID | None = None
    """A saved view through which the collection is seen."""
    view_shows: bool = False
    """Whether the view also says which fields are shown."""
    include: str | None = None
    """What comes along in place of what the view brings."""
    sight: Sight | None = None
    """How far whoever asks sees; until it is said, nothing can be read."""

    @property
    def shape(self) -> Any:
        """What of its conditions tells its statement from others."""
        return self.filter.shape, self.sight, self.deleted

    def need_bounds(self) -> None:
        """Raise `Invalid` where it may bring along more records than any page may."""
        found = _brought(self.selection, self.limit)
        if found > MAX_INCLUDED:
            message = f"Up to {found:,} records would come along; at most {MAX_INCLUDED:,} may."
            raise Invalid.parameter("include", "include_too_large", message)

    @property
    def plain(self) -> bool:
        """Whether every row passes."""
        return self.filter.passes_all and self.sight == ALL


@dataclass(frozen=True)
class Included:
    """A relation that comes along: what is asked of it, and how its page is shown if it is many."""

    relation: Relation
    query: PageQuery
    show: Callable[[Any], Any]


def _brought(selection: Selection, rows: int) -> int:
    """How many related records may come with so many rows."""
    found = 0
    for included in selection.included.values():
        query = included.query
        beyond = rows * query.limit if included.relation.many else rows
        found += beyond + _brought(query.selection, beyond)
    return found


class _Wanted:
    """A selection in the making."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.fields: list[str] = []
        self.custom: set[str] = set()
        self.related: dict[str, _Wanted] = {}

    def at(self, path: list[str], parameter: str, whole: str) -> "_Wanted":
        """The place of a path of relations, made on the way."""
        here = self
        if len(path) > MAX_INCLUDE_DEPTH:
            message = f"At most {MAX_INCLUDE_DEPTH} relations deep."
            raise Invalid.parameter(parameter, "too_deep", message)
        for name in path:
            relation = here.listing.related.get(name)
            if relation is None:
                raise _unknown(parameter, whole)
            here = here.related.setdefault(name, _Wanted(relation.target()))
        return here

    def choose(self, name: str, whole: str, tx: Tx) -> None:
        """One custom field, beside whatever else is shown."""
        known = tx.catalogue.of(self.listing.entity).get(name)
        if known is None:
            raise _unknown("fields", whole)
        try:
            need_sight(known, tx.actor)
        except Forbidden as error:
            raise error.elsewhere(parameter="fields") from None
        self.custom.add(name)

    def selection(self) -> Selection:
        """What was collected; all fields where none was named."""
        included = {
            name: Included(
                self.listing.related[name],
                PageQuery(wanted.selection(), limit=INCLUDED_ROWS),
                shown_page,
            )
            for name, wanted in self.related.items()
        }
        if not self.custom or "custom" in self.fields:
            return Selection(tuple(dict.fromkeys(self.fields)) or self.listing.shown, included)
        fields = tuple(dict.fromkeys((*self.fields, "custom")))
        return Selection(fields, included, custom=frozenset(self.custom))


def shown_page(page: Any) -> dict[str, Any]:
    """The page of a to-many relation as REST shows a list."""
    return {"data": page.data, "next_cursor": page.next_cursor}


def _unknown(parameter: str, path: str) -> Invalid:
    if parameter == "include":
        return Invalid.parameter("include", "unknown_relation", f"No relation {path[:60]!r}.")
    return Invalid.parameter("fields", "unknown_field", f"No field {path[:60]!r}.")


def names_of(listed: str | None) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in (listed or "").split(",") if name.strip()]
