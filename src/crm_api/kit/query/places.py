"""Where a chain of to-one relations leads, as one statement joins it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_
from sqlalchemy.orm import aliased

from crm_api.kit.actor import Actor
from crm_api.kit.errors import Invalid
from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.selection import MAX_INCLUDE_DEPTH
from crm_api.kit.query.visibility import Sight, living, seen, sight_of

Join = tuple[Any, ColumnElement[bool]]


@dataclass(frozen=True)
class Place:
    """Records within a statement: those of the list itself, or related ones that are joined."""

    listing: Listing
    row: Any
    joins: tuple[Join, ...] = ()
    sights: tuple[Sight, ...] = ()
    """How far whoever asks sees on the way, where that is not everything."""

    def beyond(self, relation: Relation, sight: Sight) -> "Place":
        """The related records; one in the bin or out of sight is none, as in filters."""
        target = relation.target()
        other = aliased(target.model)
        found = and_(
            *living(target, other),
            getattr(other, relation.remote.key) == getattr(self.row, relation.local.key),
        )
        visible = seen(target, other, sight)
        if visible is None:
            return Place(target, other, (*self.joins, (other, found)), self.sights)
        joins = (*self.joins, (other, and_(found, visible)))
        return Place(target, other, joins, (*self.sights, sight))


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
        sight = sight_of(actor, relation.target())
        known = ".".join(path[: place + 1]), here.sights, sight
        if known not in listing.places:
            listing.places[known] = here.beyond(relation, sight)
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
