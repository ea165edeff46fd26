"""Uploaded files: where they are, and which of them nobody needs any more."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.files import place_of, remove_unneeded
from crm_api.platform.transfer.models import Import
from crm_api.platform.transfer.repository import Imports


def file_of(files_dir: Path, record: Import) -> Path:
    """Where an import's file is; raises `NotFound`."""
    path = place_of(files_dir, record.organization_id, record.stored_as)
    if not path.exists():
        raise NotFound("The import's file is gone.", code="file_gone")
    return path


async def remove_orphans(database: Database, files_dir: Path) -> None:
    """Remove the files without an import: of requests that died, and of removals that were lost."""

    async def orphans(organization_id: UUID, names: Sequence[str]) -> list[str]:
        actor = Actor(organization_id, "system", scopes=frozenset())
        return await Imports(Tx(database, actor)).orphans(names)

    await remove_unneeded(files_dir, orphans)
