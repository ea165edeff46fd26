"""Uploaded files: where they are, and which of them nobody needs any more."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.files.store import FileGone, Files, Place
from crm_api.kit.files.sweeping import remove_unneeded
from crm_api.platform.transfer.models import Import
from crm_api.platform.transfer.repository import Imports

SHELF = "imports"


@asynccontextmanager
async def file_of(files: Files, record: Import) -> AsyncGenerator[Path]:
    """An import's file at hand; raises `NotFound`."""
    place = Place(SHELF, record.organization_id, record.stored_as)
    try:
        async with files.at_hand(place) as path:
            yield path
    except FileGone:
        raise NotFound("The import's file is gone.", code="file_gone") from None


async def remove_orphans(database: Database, files: Files) -> None:
    """Remove the files without an import: of requests that died, and of removals that were lost."""

    async def orphans(organization_id: UUID, names: Sequence[str]) -> list[str]:
        actor = Actor(organization_id, "system", scopes=frozenset())
        return await Imports(Tx(database, actor)).orphans(names)

    await remove_unneeded(files, SHELF, orphans)
