"""Bytes on their way in: counted, hashed, looked at, and kept before anything is said of them."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from crm_api.kit.db.failures import over_quota
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid, TooLarge, Unavailable, Unsupported
from crm_api.kit.files.store import Files, Place
from crm_api.kit.ids import new_id
from crm_api.kit.values.text import clean
from crm_api.platform.attachments.kinds import HEAD, Mismatch, is_taken, type_of
from crm_api.platform.attachments.repository import StoredFiles
from crm_api.platform.attachments.service import SHELF

_LONGEST_NAME = 200
_LONGEST_END = 20


class Incoming(Protocol):
    """What sends a file; the name and the type are known once its content has begun."""

    @property
    def filename(self) -> str | None:
        """What the sender calls it."""
        ...

    @property
    def content_type(self) -> str | None:
        """What the sender says that it is."""
        ...

    def content(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What the installation takes."""

    most: int
    types: Sequence[str]


@dataclass(slots=True)
class Received:
    """A file that has come and is kept, but that nobody knows of yet."""

    id: UUID
    filename: str
    content_type: str
    size_bytes: int
    sha256: str
    is_used: bool = field(default=False)
    """Whether a transaction has made it its own."""

    async def complete(self, tx: Tx) -> dict[str, Any]:
        """Have it be known within a transaction; returns its representation."""
        told = {
            "filename": self.filename,
            "content_type": self.content_type,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
        }
        until: datetime | None = await StoredFiles(tx).complete(self.id, told)
        if until is None:
            message = "It took so long that the file was given up; send it again."
            raise Unavailable(message, code="upload_expired")
        self.is_used = not tx.dry_run
        return {"id": self.id, **told, "expires_at": until}


@asynccontextmanager
async def received(
    tx: Tx, files: Files, limits: Limits, incoming: Incoming, expected: str | None
) -> AsyncGenerator[Received]:
    """The file of a request, kept under a name that only its row knows.

    The row is there before the first byte, so that whatever dies at whatever moment leaves nothing
    that is not removed a day later (`removing.py`).
    """
    rows, id = StoredFiles(tx), new_id()
    checks = _Checks(limits, await rows.left(), incoming, expected)
    await rows.begin(id)
    try:
        await files.put(Place(SHELF, tx.organization_id, id.hex), checks.passing())
        found = Received(
            id, plain_name(incoming.filename), checks.content_type, checks.size, checks.digest
        )
        yield found
    except BaseException:
        await asyncio.shield(_give_up(rows, id))
        raise
    if not found.is_used:
        await _give_up(rows, id)


def plain_name(given: str | None) -> str:
    """What a file is called, without the folders and whatever else a sender's name may hold."""
    base = re.split(r"[/\\]", given or "")[-1]
    name = clean("".join(char for char in base if char.isprintable()))
    if name in {"", ".", ".."}:
        return "file"
    stem, dot, end = name.rpartition(".")
    if len(name) <= _LONGEST_NAME or not stem or len(end) > _LONGEST_END:
        return name[:_LONGEST_NAME].strip()
    return stem[: _LONGEST_NAME - len(end) - 1] + dot + end


async def _give_up(rows: StoredFiles, id: UUID) -> None:
    try:
        await rows.release(id)
    except CrmError:
        # Its time comes by itself.
        return


class _Checks:
    """Passes a file's bytes on, and ends it where they break a rule."""

    def __init__(
        self,
        limits: Limits,
        left: tuple[int, int] | None,
        incoming: Incoming,
        expected: str | None,
    ) -> None:
        self._limits, self._left, self._incoming = limits, left, incoming
        self._expected = expected
        self._sha = sha256()
        self._head = bytearray()
        self.size = 0
        self.content_type = ""

    @property
    def digest(self) -> str:
        """The SHA-256 of what has come so far."""
        return self._sha.hexdigest()

    async def passing(self) -> AsyncIterator[bytes]:
        """The bytes as they come; raises `TooLarge`, `Conflict`, `Unsupported`, `Invalid`."""
        async for chunk in self._incoming.content():
            self.size += len(chunk)
            self._sha.update(chunk)
            self._check_size()
            if len(self._head) < HEAD:
                self._head += chunk[: HEAD - len(self._head)]
                if len(self._head) == HEAD:
                    self._check_type()
            yield chunk
        if len(self._head) < HEAD:
            self._check_type()
        if self._expected is not None and self._expected.lower() != self.digest:
            message = f"What came has the SHA-256 {self.digest}."
            raise Invalid.parameter("sha256", "checksum_mismatch", message)

    def _check_size(self) -> None:
        if self.size > self._limits.most:
            message = f"The file has more than {self._limits.most} bytes."
            raise TooLarge(message, headers={"Connection": "close"})
        if self._left is not None and self.size > self._left[1]:
            raise over_quota("file_bytes", self._left[0])

    def _check_type(self) -> None:
        try:
            self.content_type = type_of(bytes(self._head), self._incoming.content_type)
        except Mismatch as error:
            raise Unsupported(str(error), code="type_mismatch") from None
        if not is_taken(self.content_type, self._limits.types):
            message = f"Files of the type {self.content_type} are not taken."
            raise Unsupported(message, code="type_refused")
