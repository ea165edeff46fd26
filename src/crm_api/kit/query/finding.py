"""What a search finds, as a condition on the rows of a list."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import TSQUERY, array

from crm_api.kit.db.tables import SearchDocument
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.compile import ORGANIZATION
from crm_api.kit.query.documents import scope_of
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.search import NAME, Question, doubtful, hits, question_of, with_mistakes
from crm_api.kit.query.selection import PageQuery

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
    known = await hits(tx, listing, question)
    if doubtful([known]):
        meant = await with_mistakes(tx, question)
        if meant is not None:
            known = await hits(tx, listing, meant)
    values: dict[str, Any] = {"ids": known.exact}
    if known.complete:
        return Found("ids", {"ids": [hit.id for hit in known.found]}, question.key)
    values["words"] = question.any(scope_of(tx.organization_id, listing.entity))
    return Found("walk", values, question.key)


def asked(tx: Tx, listing: Listing, query: PageQuery) -> Question:
    """The question of a list; raises `Invalid`."""
    if query.deleted is not None:
        message = "Records in the bin are not searched; filter them."
        raise Invalid.parameter("deleted", "not_searchable", message)
    return question_of([listing], query.search or "", tx.actor.country)


def is_hit(listing: Listing, how: How) -> ColumnElement[bool]:
    """The condition that a row is a hit."""
    model = listing.model
    ids = model.id == func.any(bindparam("ids", type_=ARRAY(Uuid())))
    if how == "ids":
        return ids
    if how == "walk":
        return or_(ids, matches(listing))
    everything = cast(array([bindparam("words", type_=Text())]), ARRAY(TSQUERY))
    most = literal_column(_ALL)
    called = func.crm_search(listing.entity, everything, everything, NAME, null(), most)
    found = called.table_valued(column("tier", Integer), column("record_id", Uuid()))
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
