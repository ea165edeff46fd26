"""Related records, read for all rows of a level at once: one statement per relation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, bindparam, func, select, true

from crm_api.kit.db.tx import Tx
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.page import (
    Cursors,
    Page,
    made,
    matching,
    reach_of,
    read_rows,
    select_page,
    value_names,
)
from crm_api.kit.query.selection import Included, PageQuery, Selection
from crm_api.kit.query.shown import show
from crm_api.kit.query.sorting import Sort, cursor_values, sorts_of
from crm_api.kit.query.statements import Statement, prepared
from crm_api.kit.query.visibility import bound, sight_of


async def include(tx: Tx, selection: Selection, rows: Sequence[Any]) -> None:
    """Put related records in the place of the ids by which they are found."""
    for name, included in selection.included.items():
        tx.actor.require(f"{included.relation.target().area}:read")
        keys = [getattr(row, name) for row in rows]
        wanted = list(dict.fromkeys(key for key in keys if key is not None))
        found = await _found(tx, included, wanted) if wanted else {}
        for row, key in zip(rows, keys, strict=True):
            setattr(row, name, found.get(key))
    if selection.form is not None and selection.form.finish is not None:
        selection.form.finish(list(rows))


async def _found(tx: Tx, included: Included, keys: list[UUID]) -> dict[UUID, Any]:
    relation, query = included.relation, included.query
    if relation.many:
        pages = await read_related(tx, relation, keys, query)
        return {key: included.show(page) for key, page in pages.items()}
    found = await read_rows(tx, relation.target(), keys, query.selection)
    await include(tx, query.selection, list(found.values()))
    return found


async def read_related(
    tx: Tx, relation: Relation, parents: Sequence[UUID], query: PageQuery
) -> dict[UUID, Page]:
    """A page of a to-many relation for each parent.

    Its cursors are those of the target's own list under a filter by the parent.
    """
    listing = relation.target()
    query = replace(query, sight=sight_of(tx.actor, listing))
    sorts = sorts_of(listing, query.sort, tx)
    contexts = {parent: _context(tx, relation, parent, query, sorts) for parent in parents}
    key = tx.database.signing_key
    values: dict[str, Any] = {
        **bound(tx),
        "parents": list(parents),
        "limit": query.limit + 1,
        **dict(zip(value_names(query.filter), query.filter.values, strict=True)),
    }
    for sort in sorts:
        values |= sort.values
    after: list[Any] | None = None
    if query.cursor is not None:
        # It belongs to the list of one parent, and is refused for every other.
        for context in contexts.values():
            after = unseal(key, context, query.cursor)
        values |= cursor_values(sorts, after or [])
    statement = _statement(relation, query, sorts, after)
    groups: dict[UUID, list[Any]] = {parent: [] for parent in parents}
    for row in await tx.fetch(statement.sql, *statement.args(values)):
        groups[row[0]].append(row)
    totals = await _totals(tx, relation, parents, query) if query.count else {}
    pages: dict[UUID, Page] = {}
    ends = len(sorts)
    for parent, rows in groups.items():
        more = len(rows) > query.limit
        shown = rows[: query.limit]
        context = contexts[parent]
        cursor = seal(key, context, list(shown[-1])[-ends:]) if more else None
        total = totals.get(parent, 0) if query.count else None
        data = made(listing, query.selection, shown, begin=1)
        await show(tx, listing, query.selection, data, [row[-1] for row in shown])
        pages[parent] = Page(data, cursor, total, Cursors(key, context, shown, ends))
    await include(tx, query.selection, [row for page in pages.values() for row in page.data])
    return pages


def _context(
    tx: Tx, relation: Relation, parent: UUID, query: PageQuery, sorts: list[Sort]
) -> bytes:
    whole = _narrowed(relation, parent, query.filter)
    return context_of(
        tx.organization_id,
        relation.target().entity,
        [(s.name, s.descending) for s in sorts],
        whole.shape,
        whole.said,
        None,
        None,
    )


def _narrowed(relation: Relation, parent: UUID, filter: Filter) -> Filter:
    """The filter by which the target's own list would show the same."""
    own = ("test", relation.remote.key, "eq")
    parts = filter.shape[1] if filter.shape[0] == "and" else (filter.shape,)
    return Filter(
        ("and", (own, *parts)) if parts else own, [parent, *filter.values], [parent, *filter.said]
    )


def _statement(
    relation: Relation, query: PageQuery, sorts: list[Sort], after: list[Any] | None
) -> Statement:
    listing = relation.target()
    fields = query.selection.columns
    nulls = None if after is None else tuple(value is None for value in after)
    reach = reach_of(query.limit) if query.plain else None
    order = tuple(s.shape for s in sorts)
    shape = ("related", relation.remote.key, fields, query.shape, order, nulls, reach)

    def build() -> Select[Any]:
        parents = _parents(relation)
        inner = select_page(listing, fields, query, sorts, None, nulls, reach)
        inner = inner.where(relation.remote == parents.c.id).correlate(parents)
        page = inner.lateral("page")
        last = list(page.c)[-len(sorts) :]
        ordered = [
            (column.desc() if sort.descending else column.asc()).nulls_last()
            for column, sort in zip(last, sorts, strict=True)
        ]
        joined = parents.join(page, true())
        found: Any = select(parents.c.id, *page.c).select_from(joined)
        return found.order_by(*ordered)

    return prepared(listing, shape, build)


def _parents(relation: Relation) -> Any:
    ids = bindparam("parents", type_=ARRAY(relation.remote.type))
    return func.unnest(ids).table_valued("id").render_derived(name="parent")


async def _totals(
    tx: Tx, relation: Relation, parents: Sequence[UUID], query: PageQuery
) -> dict[UUID, int]:
    listing: Listing = relation.target()
    remote = relation.remote
    shape = ("related count", remote.key, query.shape)

    def build() -> Select[Any]:
        ids = bindparam("parents", type_=ARRAY(remote.type))
        counted: Any = select(remote, func.count()).where(remote == func.any(ids)).group_by(remote)
        return matching(listing, counted, query)

    statement = prepared(listing, shape, build)
    values = {
        **bound(tx),
        "parents": list(parents),
        **dict(zip(value_names(query.filter), query.filter.values, strict=True)),
    }
    return {row[0]: row[1] for row in await tx.fetch(statement.sql, *statement.args(values))}
