"""Files that jobs and requests keep: where they are, and how those are removed that nobody needs."""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from uuid import UUID

from crm_api.kit.ids import new_id

YOUNG_S = 3600.0
"""A younger file may belong to a transaction that has not committed its record yet."""
_BATCH = 1_000
_FILE = re.compile("[0-9a-f]{32}")
_FOLDER = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_file(directory: Path, organization_id: UUID) -> Path:
    """A new place for a file of an organization."""
    path = place_of(directory, organization_id, new_id().hex)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def place_of(directory: Path, organization_id: UUID, stored_as: str) -> Path:
    """Where a file of an organization is, or was."""
    return directory / str(organization_id) / stored_as


async def remove(path: Path) -> None:
    """Remove a file, or a directory of such; what is gone already is as good."""
    await asyncio.to_thread(_remove, path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


async def remove_unneeded(
    directory: Path, unneeded: Callable[[UUID, Sequence[str]], Awaitable[Sequence[str]]]
) -> None:
    """Remove those of the files below a directory that `unneeded` picks for an organization."""
    async for organization_id, names in _old_files(directory):
        for name in await unneeded(organization_id, names):
            await remove(place_of(directory, organization_id, name))


async def _old_files(directory: Path) -> AsyncIterator[tuple[UUID, list[str]]]:
    for organization_id, names in await asyncio.to_thread(_walk, directory):
        for first in range(0, len(names), _BATCH):
            yield organization_id, names[first : first + _BATCH]


def _walk(directory: Path) -> list[tuple[UUID, list[str]]]:
    before = time.time() - YOUNG_S
    # Nothing is touched whose name this module does not give.
    folders = [path for path in _inside(directory) if _FOLDER.fullmatch(path.name)]
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
