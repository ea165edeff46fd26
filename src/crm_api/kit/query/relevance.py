"""Pages of a search in the order of its hits, the most relevant first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Integer,
    Select,
    Uuid,
    bindparam,
    column,
    func,
    literal_column,
    select,
)

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.documents import scope_of
from crm_api.kit.query.finding import asked, find, matches
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import Cursors, Page, count, made, matching, values_of
from crm_api.kit.query.search import (
    FEW,
    MANY,
    NAME,
    NEAR,
    Hit,
    Hits,
    Question,
    doubtful,
    hits,
    with_mistakes,
)
from crm_api.kit.query.selection import PageQuery
from crm_api.kit.query.statements import prepared

# A row ends with its hit.
_ENDS = 2


async def read_hits(tx: Tx, listing: Listing, query: PageQuery) -> Page:
    """One page of what is searched for, in the order of relevance."""
    question = asked(tx, listing, query)
    context = context_of(
        tx.organization_id,
        listing.entity,
        "relevance",
        query.filter.shape,
        query.filter.said,
        question.key,
    )
    key = tx.database.signing_key
    after = None if query.cursor is None else hit_of(unseal(key, context, query.cursor))
    _, found = await relevant([Relevance(tx, listing, query)], question, after, query.limit + 1)
    rows = [row for _, row in found]
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    total = await count(tx, listing, query, await find(tx, listing, query)) if query.count else None
    return Page(
        made(listing, query.selection, rows),
        seal(key, context, list(rows[-1])[-_ENDS:]) if more else None,
        total,
        Cursors(key, context, rows, _ENDS),
    )


def hit_of(values: Sequence[Any]) -> Hit:
    """The hit that a cursor stands after."""
    try:
        tier, id = values
        return Hit(int(tier), UUID(id))
    except (TypeError, ValueError):
        raise Invalid.parameter("cursor", "invalid_cursor", "Not a cursor of this list.") from None


async def relevant(
    collections: Sequence["Relevance"],
    question: Question,
    after: Hit | None,
    most: int,
    *,
    few: int = FEW,
) -> tuple[Question, list[tuple["Relevance", Any]]]:
    """The first rows after a hit, of several collections mixed, and what was asked in the end.

    Where fewer than `few` are found, and none by whole words, typing mistakes are thought of.
    """
    mistaken = after is not None and after.tier >= NEAR
    known: list[Hits] = []
    if not mistaken:
        known = whole = [await each.hits(question, after, most) for each in collections]
        if after is not None and doubtful(known, few):
            whole = [await each.hits(question, None, most) for each in collections]
        mistaken = doubtful(whole, few)
    meant = await with_mistakes(collections[0].tx, question) if mistaken else None
    if meant is not None:
        known = [await each.hits(meant, after, most) for each in collections]
    asked = meant or question
    rows = [
        (each, row)
        for each, found in zip(collections, known, strict=bool(known))
        for row in await each.read(asked, found, most)
    ]
    if len(collections) > 1:
        rows.sort(key=lambda pair: Hit(*list(pair[1])[-_ENDS:]).order)
    return asked, rows[:most]


class Relevance:
    """Rows of one collection in the order of their hits; each ends with its tier and id."""

    def __init__(self, tx: Tx, listing: Listing, query: PageQuery) -> None:
        self.tx, self.listing, self.query = tx, listing, query
        self.plain = query.filter.shape == ("and", ())

    async def hits(self, question: Question, after: Hit | None, most: int) -> Hits:
        """The first hits after one: as many as a page has, or as may be left by a filter."""
        most = most if self.plain else MANY
        return await hits(self.tx, self.listing, question, after=after, most=max(most, FEW))

    async def read(self, question: Question, known: Hits, most: int) -> list[Any]:
        """Their rows, as far as they pass; if too few do, of all hits that come after them."""
        rows = await self._looked_up(known.found, most) if known.found else []
        if len(rows) < most and not known.complete:
            rows += await self._walked(question, known, most - len(rows))
        return rows

    async def _looked_up(self, found: Sequence[Hit], most: int) -> list[Any]:
        fields = self.query.selection.columns
        shape = ("hits", fields, self.query.filter.shape)
        statement = prepared(self.listing, shape, lambda: self._select_hits(fields))
        values = values_of(self.tx, self.query, None) | {
            "ids": [hit.id for hit in found],
            "tiers": [hit.tier for hit in found],
            "limit": most,
        }
        return await self.tx.fetch(statement.sql, *statement.args(values))

    def _select_hits(self, fields: tuple[str, ...]) -> Select[Any]:
        listing = self.listing
        hit = (
            func.unnest(
                bindparam("ids", type_=ARRAY(Uuid())), bindparam("tiers", type_=ARRAY(Integer()))
            )
            .table_valued(column("id", Uuid()), column("tier", Integer()), with_ordinality="place")
            .render_derived(name="hit")
        )
        query = select(*listing.expressions(fields), hit.c.tier, hit.c.id.label("hit_id"))
        query = query.select_from(hit).join(listing.model, listing.model.id == hit.c.id)
        query = matching(listing, query, self.query)
        return query.order_by(hit.c.place).limit(bindparam("limit"))

    async def _walked(self, question: Question, known: Hits, most: int) -> list[Any]:
        """The rows of each tier from the newest on: more hits than can be looked up."""
        last = known.found[-1]
        queries = question.queries(scope_of(self.tx.organization_id, self.listing.entity))
        rows: list[Any] = []
        for place, words in enumerate(queries, NAME):
            if place >= last.tier and len(rows) < most:
                before = last.id if place == last.tier else None
                rows += await self._walked_tier(place, words, before, known.exact, most - len(rows))
        return rows

    async def _walked_tier(
        self, tier: int, words: str, before: UUID | None, exact: list[UUID], most: int
    ) -> list[Any]:
        fields = self.query.selection.columns
        shape = ("walk", fields, self.query.filter.shape, tier, before is not None)
        statement = prepared(
            self.listing, shape, lambda: self._select_walk(fields, tier, before is not None)
        )
        values = values_of(self.tx, self.query, None) | {
            "words": words,
            "before": before,
            "exact": exact,
            "limit": most,
        }
        return await self.tx.fetch(statement.sql, *statement.args(values))

    def _select_walk(self, fields: tuple[str, ...], tier: int, further: bool) -> Select[Any]:  # noqa: FBT001
        listing, model = self.listing, self.listing.model
        query: Any = select(
            *listing.expressions(fields),
            literal_column(str(tier)).label("tier"),
            model.id.label("hit_id"),
        )
        query = matching(listing, query, self.query).where(matches(listing))
        query = query.where(model.id != func.all(bindparam("exact", type_=ARRAY(Uuid()))))
        if further:
            query = query.where(model.id < bindparam("before", type_=model.id.type))
        return query.order_by(model.id.desc()).limit(bindparam("limit"))
