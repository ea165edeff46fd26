"""Whose records are, whatever the collection."""

from typing import Any

from support.clients import Api
from support.factories import KINDS, Kind


def parent_of(kind: Kind) -> tuple[Kind, str] | None:
    """The collection of what such a record is a part of, and the field that says of which."""
    if kind.listing.within is None:
        return None
    relation = kind.listing.related[kind.listing.within]
    above = next(k for k in KINDS if k.entity == relation.target().entity)
    return above, relation.local.key


async def give(client: Api, kind: Kind, record: dict[str, Any], user_id: str | None) -> None:
    """Make a record somebody's, by way of the one that it is a part of if there is one."""
    parent = parent_of(kind)
    path, id = kind.path, record["id"]
    if parent is not None:
        above, column = parent
        path, id = above.path, record[column]
    await client.changed(f"{path}/{id}", {"owner_id": user_id})
