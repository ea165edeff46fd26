"""Removing the bytes that no attachment leads to."""

from crm_api.kit.db.database import Database
from crm_api.kit.files.store import Files, Place
from crm_api.platform.attachments.service import SHELF

_AT_ONCE = 200
# Marked first: from then on nobody can attach it. Whoever is about to attach it has changed the
# row, which is passed over while that is open and looked at anew when it is done.
_DOOM = """
    UPDATE files SET is_doomed = true WHERE (organization_id, id) IN (
        SELECT organization_id, id FROM files f WHERE keep_until <= now()
        AND NOT EXISTS (SELECT FROM attachments a
            WHERE a.organization_id = f.organization_id AND a.file_id = f.id)
        ORDER BY keep_until LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING organization_id, id
"""
_FORGET = "DELETE FROM files WHERE organization_id = $1 AND id = $2 AND is_doomed"


async def remove_files(database: Database, files: Files) -> None:
    """Remove the files that came to nothing, and those whose last attachment is gone for good."""
    while True:
        rows = await database.ask(_DOOM, _AT_ONCE)
        for organization_id, id in rows:
            await files.remove(Place(SHELF, organization_id, id.hex))
            await database.ask(_FORGET, organization_id, id)
        if len(rows) < _AT_ONCE:
            return


async def tidy(_database: Database, files: Files) -> None:
    """Remove the drafts of processes that died."""
    await files.tidy()
