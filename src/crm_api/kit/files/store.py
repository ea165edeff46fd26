"""The port of stored files: bytes under a name, kept wholly or not at all."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from crm_api.kit.ids import new_id

BLOCK = 1 << 20
"""How many bytes are held at a time, about."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file of an organization is, or was."""

    shelf: str
    """What kind of files they are, such as `exports`."""
    organization_id: UUID
    name: str

    @property
    def key(self) -> str:
        """Its name among all files of an installation."""
        return f"{self.shelf}/{self.organization_id}/{self.name}"


def new_place(shelf: str, organization_id: UUID) -> Place:
    """A new place for a file of an organization."""
    return Place(shelf, organization_id, new_id().hex)


class Files(Protocol):
    """Where files are kept. Raises `Unavailable` where that cannot be reached."""

    async def put(self, place: Place, content: AsyncIterable[bytes]) -> None:
        """Keep what comes, once all of it is there; what `content` raises is raised."""
        ...

    async def put_file(self, place: Place, path: Path) -> None:
        """Keep a finished file, which may be moved away for it."""
        ...

    async def open(
        self, place: Place, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, in blocks; raises `FileGone`.

        Begun, it comes to its end whoever removes the file meanwhile.
        """
        ...

    async def size(self, place: Place) -> int | None:
        """How many bytes a file has; None where there is none."""
        ...

    async def remove(self, place: Place) -> None:
        """Remove a file; what is gone already is as good."""
        ...

    def at_hand(self, place: Place) -> AbstractAsyncContextManager[Path]:
        """The file on a disk of this machine, to be read only; raises `FileGone`."""
        ...

    def draft(self) -> AbstractAsyncContextManager[Path]:
        """A path on a disk of this machine for a file that is being made; it goes afterwards."""
        ...

    def old(self, shelf: str, before: datetime) -> AsyncIterator[tuple[UUID, Sequence[str]]]:
        """The names of an organization's files on a shelf that are older, some at a time."""
        ...

    async def tidy(self) -> None:
        """Remove what was begun and never finished."""
        ...


class FileGone(Exception):
    """There is no such file any more."""


async def gathered(content: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in blocks of just `size`; the last one may be smaller."""
    held = bytearray()
    async for chunk in content:
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
