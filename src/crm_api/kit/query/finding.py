"""What a search finds, as a condition on the rows of a list."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import TSQUERY, array

from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tables import SearchDocument
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.documents import scope_of
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.search import (
    FEW,
    Hits,
    Question,
    any_hits,
    doubtful,
    hides,
    hits,
    near_hits,
    question_of,
    with_mistakes,
)
from crm_api.kit.query.selection import PageQuery
from crm_api.kit.query.visibility import ALL, ORGANIZATION, Sight, among

How = Literal["ids", "walk", "all"]
"""How a statement tells hits: by their ids, by looking at each row, by asking for all of them."""
_ALL = str(2**40)


@dataclass(frozen=True)
class Found:
    """Which records a search has found, as a condition on them."""

    how: How
    values: dict[str, Any]
    key: Any
    """What tells this search from others."""

    def counted(self) -> "Found":
        """The same where all hits are wanted and their order is not."""
        return self if self.how == "ids" else Found("all", self.values, self.key)


async def find(tx: Tx, listing: Listing, query: PageQuery) -> Found | None:
    """What the search of a list finds; None where it has none. Raises `Invalid`."""
    if query.search is None:
        return None
    question = asked(tx, listing, query)
    sights = [(listing, query.sight)]
    known = await within_sight(tx, sights, await any_hits(tx, listing, question))
    if known.complete and len(known.found) < FEW:
        # Now it matters what kind of hits they are.
        found = await hits(tx, [listing], question, known.exact)
        known = await within_sight(tx, sights, found)
        meant = await with_mistakes(tx, question, known) if doubtful(known) else None
        known = known if meant is None else await near_hits(tx, [listing], meant, known)
    if known.complete:
        return Found("ids", {"ids": [hit.id for hit in known.found]}, question.key)
    words = question.any(scope_of(tx.organization_id, listing.entity))
    return Found("walk", {"ids": [h.id for h in known.exact], "words": words}, question.key)


async def within_sight(tx: Tx, sights: Sequence[tuple[Listing, Sight | None]], known: Hits) -> Hits:
    """Hits without those that whoever asks does not see, if they are all there are.

    What is thought of where little is found would else tell of what is out of sight.
    """
    if not known.complete:
        return known
    unseen: set[UUID] = set()
    for listing, sight in sights:
        if sight is None or sight == ALL:
            continue
        entity = listing.entity
        if ids := [hit.id for hit in known.found if hit.entity == entity]:
            unseen |= {*ids} - await among(tx, listing, sight, ids)
    if not unseen:
        return known
    return replace(known, found=[hit for hit in known.found if hit.id not in unseen])


def asked(tx: Tx, listing: Listing, query: PageQuery) -> Question:
    """The question of a list; raises `Invalid`."""
    if query.deleted is not None:
        message = "Records in the bin are not searched; filter them."
        raise Invalid.parameter("deleted", "not_searchable", message)
    if (name := hides(tx, listing)) is not None:
        raise hidden_field(name).elsewhere(parameter="q")
    return question_of([listing], query.search or "", tx.actor.country)


def is_hit(listing: Listing, how: How) -> ColumnElement[bool]:
    """The condition that a row is a hit."""
    model = listing.model
    ids = model.id == func.any(bindparam("ids", type_=ARRAY(Uuid())))
    if how == "ids":
        return ids
    if how == "walk":
        return or_(ids, matches(listing))
    words = cast(array([bindparam("words", type_=Text())]), ARRAY(TSQUERY))
    entity = cast(array([literal_column(f"'{listing.entity}'")]), ARRAY(Text()))
    most = literal_column(_ALL)
    called = func.crm_search(entity, words, words, 1, array([1]), 1, null(), most, false())
    found = called.table_valued(column("record_id", Uuid()))
    return or_(ids, model.id.in_(select(found.c.record_id)))


def matches(listing: Listing) -> ColumnElement[bool]:
    """The condition that a row's document has the `words`."""
    # A subquery in the place of a value is never joined: it looks up the document of each row that
    # is read anyway. So is the query read once, not for each row.
    words = select(cast(bindparam("words", type_=Text()), TSQUERY)).scalar_subquery()
    document = SearchDocument
    return (
        select(document.words.bool_op("@@")(words))
        .where(
            document.organization_id == ORGANIZATION,
            document.record_id == listing.model.id,
        )
        .scalar_subquery()
    )
