"""Files in a directory of this machine, or of a disk that all machines share."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, TypeVar
from uuid import UUID

from crm_api.kit.errors import Unavailable
from crm_api.kit.files.names import is_folder, is_name
from crm_api.kit.files.store import BLOCK, FileGone, Place, gathered
from crm_api.kit.ids import new_id

T = TypeVar("T")
_DRAFTS = "drafts"
_ABANDONED_S = 86_400.0
_BATCH = 1_000


class LocalFiles:
    """Below a directory, each kind of file in a folder of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path_of(self, place: Place) -> Path:
        """Where a file is, or was."""
        return self._directory / place.key

    async def put(self, place: Place, content: AsyncIterable[bytes]) -> None:
        """Keep what comes, once all of it is there."""
        async with self.draft() as path:
            file = await _on_disk(path.open, "wb")
            try:
                async for block in gathered(content, BLOCK):
                    await _on_disk(file.write, block)
            finally:
                await _on_disk(file.close)
            await self.put_file(place, path)

    async def put_file(self, place: Place, path: Path) -> None:
        """Move a finished file to its place; after a loss of power it is there or not."""
        await _on_disk(_settle, path, self.path_of(place))

    async def open(
        self, place: Place, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, in blocks; raises `FileGone`."""
        file = await _on_disk(_opened, self.path_of(place), start)
        return _blocks(file, None if end is None else end - start)

    async def size(self, place: Place) -> int | None:
        """How many bytes a file has; None where there is none."""
        return await _on_disk(_size, self.path_of(place))

    async def remove(self, place: Place) -> None:
        """Remove a file; what is gone already is as good."""
        await _on_disk(_unlink, self.path_of(place))

    @asynccontextmanager
    async def at_hand(self, place: Place) -> AsyncGenerator[Path]:
        """The file itself; raises `FileGone`."""
        if await self.size(place) is None:
            raise FileGone
        yield self.path_of(place)

    @asynccontextmanager
    async def draft(self) -> AsyncGenerator[Path]:
        """A path beside the files, so that what is finished need not be copied."""
        path = self._directory / _DRAFTS / new_id().hex
        await _on_disk(_make, path.parent)
        try:
            yield path
        finally:
            await asyncio.shield(_on_disk(_unlink, path))

    async def old(self, shelf: str, before: datetime) -> AsyncGenerator[tuple[UUID, Sequence[str]]]:
        """The names of an organization's files on a shelf that are older, some at a time."""
        found = await _on_disk(_walk, self._directory / shelf, before.timestamp())
        for organization_id, names in found:
            for first in range(0, len(names), _BATCH):
                yield organization_id, names[first : first + _BATCH]

    async def tidy(self) -> None:
        """Remove the drafts of processes that died."""
        await _on_disk(_forget_drafts, self._directory / _DRAFTS)


async def _on_disk(work: Callable[..., T], *args: object) -> T:
    try:
        return await asyncio.to_thread(work, *args)
    except OSError as error:
        message = "The directory of the files does not take them now."
        raise Unavailable(message, code="files_unavailable") from error


def _settle(path: Path, target: Path) -> None:
    _make(target.parent)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _opened(path: Path, start: int) -> IO[bytes]:
    try:
        file = path.open("rb", buffering=0)
    except (FileNotFoundError, NotADirectoryError):
        raise FileGone from None
    file.seek(start)
    return file


async def _blocks(file: IO[bytes], length: int | None) -> AsyncIterator[bytes]:
    left = length
    try:
        while left is None or left > 0:
            wanted = BLOCK if left is None else min(BLOCK, left)
            block = await _on_disk(file.read, wanted)
            if not block:
                break
            left = left if left is None else left - len(block)
            yield block
    finally:
        file.close()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def _unlink(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _walk(shelf: Path, before: float) -> list[tuple[UUID, list[str]]]:
    # Nothing is touched whose name this package does not give.
    folders = [path for path in _inside(shelf) if is_folder(path.name)]
    return [
        (
            UUID(folder.name),
            [p.name for p in _inside(folder) if is_name(p.name) and _is_older(p, before)],
        )
        for folder in folders
    ]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:
        return False


def _forget_drafts(folder: Path) -> None:
    before = time.time() - _ABANDONED_S
    for path in _inside(folder):
        if _is_older(path, before):
            with suppress(FileNotFoundError):
                _unlink(path)
