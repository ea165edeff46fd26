"""The files of exports: where they are, and which of them nobody needs any more."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.clock import now
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.files import remove_unneeded
from crm_api.platform.exports.repository import Exports


def directory_of(files_dir: Path) -> Path:
    """Where exports are kept, apart from what was uploaded."""
    return files_dir / "exports"


async def remove_files(database: Database, files_dir: Path) -> None:
    """Remove the files that have expired, and those of tries that died."""

    async def unneeded(organization_id: UUID, names: Sequence[str]) -> list[str]:
        actor = Actor(organization_id, "system", scopes=frozenset())
        return await Exports(Tx(database, actor)).unneeded(names, now())

    await remove_unneeded(directory_of(files_dir), unneeded)
