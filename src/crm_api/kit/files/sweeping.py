"""Removing the files that nobody needs any more."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

from crm_api.kit.clock import now
from crm_api.kit.db.database import Database
from crm_api.kit.files.store import Files, Place

YOUNG = timedelta(hours=1)
"""A younger file may belong to a transaction that has not committed its record yet."""
_EXPIRED = """
    SELECT name FROM unnest($2::text[]) AS name
    WHERE NOT EXISTS (SELECT FROM {table} WHERE organization_id = $1 AND stored_as = name
        AND deleted_at IS NULL AND expires_at > $3)
    AND EXISTS (SELECT FROM organizations WHERE id = $1)
"""


async def remove_unneeded(
    files: Files, shelf: str, unneeded: Callable[[UUID, Sequence[str]], Awaitable[Sequence[str]]]
) -> None:
    """Remove those of the files on a shelf that `unneeded` picks for an organization."""
    async for organization_id, names in files.old(shelf, now() - YOUNG):
        for name in await unneeded(organization_id, names):
            await files.remove(Place(shelf, organization_id, name))


async def remove_expired(database: Database, files: Files, shelf: str, table: str) -> None:
    """Remove those on a shelf that no record of a table keeps as `stored_as` any more.

    Records in the bin and beyond their `expires_at` keep none; what an organization has that is
    not here is left alone.
    """
    sql = _EXPIRED.format(table=table)

    async def unneeded(organization_id: UUID, names: Sequence[str]) -> list[str]:
        args = (organization_id, list(names), now())
        return [row["name"] for row in await database.fetch(organization_id, sql, args)]

    await remove_unneeded(files, shelf, unneeded)
