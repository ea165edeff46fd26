"""Where a chain of to-one relations leads, as one statement joins it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_
from sqlalchemy.orm import aliased

from crm_api.kit.actor import Actor
from crm_api.kit.errors import Invalid
from crm_api.kit.query.compile import ORGANIZATION
from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.selection import MAX_INCLUDE_DEPTH

Join = tuple[Any, ColumnElement[bool]]


@dataclass(frozen=True)
class Place:
    """Records within a statement: those of the list itself, or related ones that are joined."""

    listing: Listing
    row: Any
    joins: tuple[Join, ...] = ()

    def beyond(self, relation: Relation) -> "Place":
        """The related records; a record in the bin is none, as in filters and `include`."""
        target = relation.target()
        other = aliased(target.model)
        found = and_(
            other.organization_id == ORGANIZATION,
            getattr(other, relation.remote.key) == getattr(self.row, relation.local.key),
            other.deleted_at.is_(None),
        )
        return Place(target, other, (*self.joins, (other, found)))


def place_of(listing: Listing, path: Sequence[str], actor: Actor, parameter: str) -> Place:
    """The place of a chain of to-one relations, made on first use; raises `Invalid`.

    What may not be read may not be guessed by the order of a list either.
    """
    if len(path) > MAX_INCLUDE_DEPTH:
        raise Invalid.parameter(
            parameter, "too_deep", f"At most {MAX_INCLUDE_DEPTH} relations deep."
        )
    here = Place(listing, listing.model)
    for place, name in enumerate(path):
        relation = here.listing.related.get(name)
        if relation is None or relation.many:
            message = f"{here.listing.entity} has no relation {name[:60]!r} to one record."
            raise Invalid.parameter(parameter, "unknown_field", message)
        actor.require(f"{relation.target().area}:read")
        known = ".".join(path[: place + 1])
        if known not in listing.places:
            listing.places[known] = here.beyond(relation)
        here = listing.places[known]
    return here


def joined(query: Select[Any], listing: Listing, joins: Sequence[Join]) -> Select[Any]:
    """The query with what its columns need, each join once."""
    if not joins:
        return query
    query = query.select_from(listing.model)
    seen: set[int] = set()
    for other, found in joins:
        if id(other) not in seen:
            seen.add(id(other))
            query = query.outerjoin(other, found)
    return query
