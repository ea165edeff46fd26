"""What a filter is compiled from, and where the parts of it lead.

A shape is a nested tuple without values, so that equal filters share one compiled statement:
("and", (…)), ("or", (…)), ("not", …), ("test", field, operator),
("custom", kind, "json" | "index", operator): the first value is the field's name or id,
("one", relation, sight, …), ("refer", entity, sight, …): what one's relation field refers to,
("some" | "none" | "every", how, name, sight, …), ("rollup", core, operator), where a core is
(how, name, sight, function, source | None, … | None): with the `native` how, the name is that of a
relation; with `reverse` that of the kind of the records that refer by a field, whose id is the
first value, as that of `refer` is; a source is ("column" | "custom", name, kind),
("home",): the amounts of a record are in the currency that is now the organization's,
("term", name, …): as the term of the collection has read it,
("about", entity, sight, (place and sight of each collection around it, …)).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.targets import known_target

Shape = tuple[Any, ...]
_SEVERAL = frozenset({"some", "none", "every"})


@dataclass(frozen=True)
class Led:
    """Where a part of a filter leads, and what it asks there."""

    target: Listing
    inner: Shape | None
    relation: Relation | None = None
    """None where a relation field leads there: the next one of the filter's `led_by`."""
    is_back: bool = False
    """Whether the records there refer by that field, and are not what it refers to."""
    source: Shape | None = None
    """The field of the records there that is added up."""


def within(shape: Shape) -> Iterator[Shape]:
    """The parts of a shape that are of the same record, each no junction of others, in order."""
    if shape[0] in {"and", "or"}:
        for part in shape[1]:
            yield from within(part)
    elif shape[0] == "not":
        yield from within(shape[1])
    else:
        yield shape


def led(shape: Shape, listing: Listing) -> Led | None:
    """Where a part leads; None of one that stays with the record, or asks otherwise."""
    kind = shape[0]
    if kind == "one":
        return _by_relation(shape[1], listing, shape[3])
    if kind == "refer":
        return Led(known_target(shape[1]), shape[3])
    if kind in _SEVERAL:
        return _to_many(shape[1], shape[2], listing, shape[4])
    if kind == "rollup":
        how, name, _, _, source, inner = shape[1]
        return _to_many(how, name, listing, inner, source)
    return None


def _to_many(
    how: str, name: str, listing: Listing, inner: Shape | None, source: Shape | None = None
) -> Led:
    if how == "reverse":
        return Led(known_target(name), inner, is_back=True, source=source)
    return _by_relation(name, listing, inner, source)


def _by_relation(
    name: str, listing: Listing, inner: Shape | None, source: Shape | None = None
) -> Led:
    relation = listing.related[name]
    return Led(relation.target(), inner, relation, source=source)
