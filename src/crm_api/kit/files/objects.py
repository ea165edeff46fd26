"""Files in an object store that speaks S3."""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from crm_api.kit.errors import Unavailable
from crm_api.kit.files.names import is_folder, is_name
from crm_api.kit.files.store import BLOCK, FileGone, Place, gathered
from crm_api.kit.ids import new_id

PART = 8 << 20
"""What is sent as one part of a large file; smaller files are sent in one piece."""
_AT_ONCE = 2
_PATIENCE = timedelta(seconds=30)
_BATCH = 1_000


@dataclass(frozen=True)
class Bucket:
    """An operator's bucket, and how it is reached."""

    name: str
    region: str
    endpoint: str | None = None
    """Unset: that of Amazon for the region."""
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    """Without keys those of the machine's role are used."""
    path_style: bool = False


class ObjectFiles:
    """In a bucket, under the names that a directory would have."""

    def __init__(self, bucket: Bucket) -> None:
        given: dict[str, Any] = {
            "endpoint": bucket.endpoint,
            "access_key_id": bucket.access_key,
            "secret_access_key": bucket.secret_key,
        }
        self._store = S3Store(
            bucket.name,
            region=bucket.region,
            virtual_hosted_style_request=not bucket.path_style,
            # One by one, as every store understands it.
            disable_bulk_delete=True,
            client_options={
                "allow_http": (bucket.endpoint or "").startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(minutes=5),
            },
            retry_config={"max_retries": 3, "retry_timeout": _PATIENCE},
            **{name: value for name, value in given.items() if value is not None},
        )

    async def put(self, place: Place, content: AsyncIterable[bytes]) -> None:
        """Keep what comes, once all of it is there."""
        watched = _Watched(gathered(content, PART))
        try:
            first = await watched.next()
            if len(first) < PART:
                await obstore.put_async(self._store, place.key, first, use_multipart=False)
                return
            await obstore.put_async(
                self._store,
                place.key,
                watched.after(first),
                use_multipart=True,
                chunk_size=PART,
                max_concurrency=_AT_ONCE,
            )
        except BaseError as error:
            raise _unavailable() from error
        finally:
            if watched.failure is not None:
                # The library tells of it as a failure of its own.
                raise watched.failure

    async def put_file(self, place: Place, path: Path) -> None:
        """Send a finished file."""
        try:
            await obstore.put_async(
                self._store, place.key, path, chunk_size=PART, max_concurrency=_AT_ONCE
            )
        except BaseError as error:
            raise _unavailable() from error

    async def open(
        self, place: Place, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, in blocks; raises `FileGone`."""
        options: Any = {}
        if end is not None:
            options = {"range": (start, end)}
        elif start:
            options = {"range": {"offset": start}}
        try:
            found = await obstore.get_async(self._store, place.key, options=options)
        except FileNotFoundError:
            raise FileGone from None
        except BaseError as error:
            raise _unavailable() from error
        return _blocks(found)

    async def size(self, place: Place) -> int | None:
        """How many bytes a file has; None where there is none."""
        try:
            return (await obstore.head_async(self._store, place.key))["size"]
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise _unavailable() from error

    async def remove(self, place: Place) -> None:
        """Remove a file; what is gone already is as good."""
        try:
            await obstore.delete_async(self._store, place.key)
        except FileNotFoundError:
            return
        except BaseError as error:
            raise _unavailable() from error

    @asynccontextmanager
    async def at_hand(self, place: Place) -> AsyncGenerator[Path]:
        """A copy of the file; raises `FileGone`."""
        blocks = await self.open(place)
        async with self.draft() as path:
            with path.open("wb") as file:
                async for block in blocks:
                    file.write(block)
            yield path

    @asynccontextmanager
    async def draft(self) -> AsyncGenerator[Path]:
        """A path in the machine's directory for temporary files."""
        with tempfile.TemporaryDirectory(prefix="crm-") as folder:
            yield Path(folder) / new_id().hex

    async def old(self, shelf: str, before: datetime) -> AsyncGenerator[tuple[UUID, Sequence[str]]]:
        """The names of an organization's files on a shelf that are older, some at a time."""
        try:
            pages: Any = obstore.list(self._store, f"{shelf}/", chunk_size=_BATCH)  # pyright: ignore[reportUnknownMemberType]
            async for listed in pages:
                found: dict[UUID, list[str]] = {}
                for item in listed:
                    *_, folder, name = item["path"].rsplit("/", 2)
                    # Nothing is touched whose name this package does not give.
                    if is_folder(folder) and is_name(name) and item["last_modified"] < before:
                        found.setdefault(UUID(folder), []).append(name)
                for organization_id, names in found.items():
                    yield organization_id, names
        except BaseError as error:
            raise _unavailable() from error

    async def tidy(self) -> None:
        """Nothing: a rule of the bucket ends unfinished uploads (ADR-0042)."""


class _Watched:
    """Blocks that are handed on, and what ended them early."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self.failure: BaseException | None = None

    async def next(self) -> bytes:
        """The next block; empty at the end."""
        try:
            return await anext(self._blocks, b"")
        except BaseException as error:
            self.failure = error
            raise

    async def after(self, first: bytes) -> AsyncIterator[bytes]:
        """The first block and all others."""
        block = first
        while block:
            yield block
            block = await self.next()


async def _blocks(found: Any) -> AsyncIterator[bytes]:
    try:
        async for block in found.stream(min_chunk_size=BLOCK):
            yield bytes(block)
    except BaseError as error:
        raise _unavailable() from error


def _unavailable() -> Unavailable:
    return Unavailable("The store of the files cannot be reached.", code="files_unavailable")
