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
from crm_api.kit.query.finding import asked, find, matches, within_sight
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import Cursors, Page, count, made, matching, values_of
from crm_api.kit.query.search import (
    FEW,
    NAME,
    Hit,
    Hits,
    Question,
    doubtful,
    exact_hits,
    hits,
    near_hits,
    with_mistakes,
    worded,
)
from crm_api.kit.query.selection import PageQuery
from crm_api.kit.query.shown import show
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
    data = made(listing, query.selection, rows)
    await show(tx, listing, query.selection, data, [row[-1] for row in rows])
    return Page(
        data,
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
    tx, listings = collections[0].tx, [each.listing for each in collections]
    # As many as a page has, or as may be left by a filter.
    many = max(most, FEW) if all(each.plain for each in collections) else None

    sights = [(each.listing, each.query.sight) for each in collections]

    some = await worded(tx, listings)
    exact = await exact_hits(tx, listings, some, question)

    async def first(question: Question, after: Hit | None) -> Hits:
        found = await hits(tx, some, question, exact, after=after, most=many)
        return await within_sight(tx, sights, found)

    known = await first(question, after)
    whole = known
    if after is not None and doubtful(known, few):
        whole = await first(question, None)
    meant = await with_mistakes(tx, question, whole) if doubtful(whole, few) else None
    if meant is not None:
        question = meant
        known = await near_hits(tx, some, meant, known, after=after, most=many)
    return question, await _rows(collections, question, known, most)


async def _rows(
    collections: Sequence["Relevance"], question: Question, known: Hits, most: int
) -> list[tuple["Relevance", Any]]:
    """The rows of hits, as far as they pass; if too few do, of all hits that come after them."""
    of_kind: dict[str, list[Hit]] = {}
    for hit in known.found:
        of_kind.setdefault(hit.entity, []).append(hit)
    rows = [
        (each, row)
        for each in collections
        if (own := of_kind.get(each.listing.entity))
        for row in await each.looked_up(own, most)
    ]
    if len(rows) < most and not known.complete:
        rows += [
            (each, row)
            for each in collections
            for row in await each.walked(question, known, most - len(rows))
        ]
    if len(collections) > 1:
        rows.sort(key=lambda pair: Hit(*list(pair[1])[-_ENDS:]).order)
    return rows[:most]


class Relevance:
    """Rows of one collection in the order of their hits; each ends with its tier and id."""

    def __init__(self, tx: Tx, listing: Listing, query: PageQuery) -> None:
        self.tx, self.listing, self.query = tx, listing, query
        self.plain = query.plain

    async def looked_up(self, own: Sequence[Hit], most: int) -> list[Any]:
        """The rows of these hits of this collection, as far as they pass."""
        fields = self.query.selection.columns
        shape = ("hits", fields, self.query.shape)
        statement = prepared(self.listing, shape, lambda: self._select_hits(fields))
        values = values_of(self.tx, self.query, None) | {
            "ids": [hit.id for hit in own],
            "tiers": [hit.tier for hit in own],
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

    async def walked(self, question: Question, known: Hits, most: int) -> list[Any]:
        """The rows of each tier from the newest on: more hits than can be looked up."""
        exact = [hit.id for hit in known.exact]
        last = known.found[-1]
        queries = question.queries(scope_of(self.tx.organization_id, self.listing.entity))
        rows: list[Any] = []
        for place, words in enumerate(queries, NAME):
            if place >= last.tier and len(rows) < most:
                before = last.id if place == last.tier else None
                rows += await self._walked_tier(place, words, before, exact, most - len(rows))
        return rows

    async def _walked_tier(
        self, tier: int, words: str, before: UUID | None, exact: list[UUID], most: int
    ) -> list[Any]:
        fields = self.query.selection.columns
        shape = ("walk", fields, self.query.shape, tier, before is not None)
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
