"""The files of exports: where they are, and which of them nobody needs any more."""

from crm_api.kit.db.database import Database
from crm_api.kit.files.store import Files
from crm_api.kit.files.sweeping import remove_expired
from crm_api.platform.exports.models import Export

SHELF = "exports"


async def remove_files(database: Database, files: Files) -> None:
    """Remove the files that have expired, and those of tries that died."""
    await remove_expired(database, files, SHELF, Export.__tablename__)
