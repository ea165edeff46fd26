"""Saved views: what they mean for a list, and what of them is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, CrmError, Invalid
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.sorting import sorts_of

_VIEW = (
    "SELECT name, filter, sort, fields, include FROM views WHERE organization_id = $1 AND id = $2 "
    "AND target = $3 AND deleted_at IS NULL AND (sharing = 'organization' OR owner_id = $4)"
)


@dataclass(frozen=True)
class Saved:
    """What a view means for whoever looks through it now."""

    filter: Filter
    sort: str | None
    selection: Selection


def read_saved(tx: Tx, listing: Listing, view: Mapping[str, Any]) -> Saved:
    """Read a view's parts as a request's would be; raises `Invalid` with pointers into it."""
    try:
        sort = ",".join(view["sort"]) or None
        sorts_of(listing, sort, tx)
        return Saved(
            parse(view["filter"], listing, tx) if view["filter"] else Filter(),
            sort,
            Selection.of(listing, tx, ",".join(view["fields"]), ",".join(view["include"])),
        )
    except CrmError as error:
        raise error.in_body() from None


async def find_view(tx: Tx, listing: Listing, id: UUID) -> tuple[dict[str, Any], Saved]:
    """What a view says, and what it means now.

    Raises `Invalid` where there is no such view, `Conflict` where it does not fit any more.
    """
    tx.actor.need_open("views:read")
    rows = await tx.fetch(_VIEW, tx.organization_id, id, listing.entity, tx.actor.me)
    if not rows:
        message = f"There is no such view of a {listing.entity}."
        raise Invalid.parameter("view", "unknown_view", message)
    view = {name: decode(rows[0][name]) for name in ("filter", "sort", "fields", "include")}
    try:
        return view, read_saved(tx, listing, view)
    except Invalid as error:
        raise Conflict(
            f"The view {rows[0]['name']!r} no longer fits: {error.detail}",
            code="view_outdated",
            faults=error.faults,
        ) from None


async def viewed(tx: Tx, listing: Listing, query: PageQuery) -> PageQuery:
    """The query through its view: filtered by both, in the view's order unless it has its own.

    Fields of its own say all that is shown; relations alone come along with the view's fields.

    Raises as `find_view` does.
    """
    if query.view is None:
        return query
    view, saved = await find_view(tx, listing, query.view)
    selection = saved.selection if query.view_shows else query.selection
    if query.view_shows and query.include:
        selection = Selection.of(listing, tx, ",".join(view["fields"]), query.include)
    return replace(
        query,
        view=None,
        filter=saved.filter.both(query.filter),
        sort=query.sort or saved.sort,
        selection=selection,
    )
