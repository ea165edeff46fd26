"""Uploaded files: where they are, and how those are removed that nobody needs any more."""

import asyncio
import re
import time
from pathlib import Path
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.ids import new_id
from crm_api.platform.transfer.models import Import
from crm_api.platform.transfer.repository import Imports

YOUNG_S = 3600.0
"""A younger file may belong to a request that has not committed its import yet."""
_BATCH = 1_000
_FILE = re.compile("[0-9a-f]{32}")
_FOLDER = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_file(files_dir: Path, organization_id: UUID) -> Path:
    """A new place for a file of an organization."""
    path = place_of(files_dir, organization_id, new_id().hex)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def file_of(files_dir: Path, record: Import) -> Path:
    """Where an import's file is; raises `NotFound`."""
    path = place_of(files_dir, record.organization_id, record.stored_as)
    if not path.exists():
        raise NotFound("The import's file is gone.", code="file_gone")
    return path


def place_of(files_dir: Path, organization_id: UUID, stored_as: str) -> Path:
    """Where a file of an organization is, or was."""
    return files_dir / str(organization_id) / stored_as


async def remove(path: Path) -> None:
    """Remove a file; one that is gone already is as good."""
    await asyncio.to_thread(path.unlink, missing_ok=True)


async def remove_orphans(database: Database, files_dir: Path) -> None:
    """Remove the files without an import: of requests that died, and of removals that were lost."""
    for organization_id, names in await asyncio.to_thread(_old_files, files_dir):
        actor = Actor(organization_id, "system", scopes=frozenset())
        for first in range(0, len(names), _BATCH):
            imports = Imports(Tx(database, actor))
            for name in await imports.orphans(names[first : first + _BATCH]):
                await remove(place_of(files_dir, organization_id, name))


def _old_files(files_dir: Path) -> list[tuple[UUID, list[str]]]:
    before = time.time() - YOUNG_S
    # Nothing is touched whose name this module does not give.
    folders = [path for path in _inside(files_dir) if _FOLDER.fullmatch(path.name)]
    return [
        (UUID(folder.name), [path.name for path in _inside(folder) if _is_old(path, before)])
        for folder in folders
    ]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_old(path: Path, before: float) -> bool:
    try:
        return _FILE.fullmatch(path.name) is not None and path.stat().st_mtime < before
    except FileNotFoundError:
        return False
