"""Mail on its way in: streamed to where files are kept, read from there, its files kept beside it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from crm_api.domains.conversations.parsing import (
    MOST_ATTACHMENTS,
    Mail,
    Note,
    Piece,
    read,
)
from crm_api.domains.conversations.receiving import Inbox
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.files.store import Files, Place
from crm_api.kit.rest.uploads import Incoming
from crm_api.platform.attachments.receiving import Limits, Received, received
from crm_api.platform.attachments.service import SHELF, AttachmentService

LARGEST_MAIL = 104_857_600
"""Bytes: files of 50 MB with what their encoding adds, and room."""
RAW = "The mail as it came."


@dataclass
class TakenMail:
    """A mail that has come and is kept, but that nobody knows of yet."""

    mail: Mail
    raw: Received
    files: list[Received] = field(default_factory=list[Received])

    async def attach(self, tx: Tx, message_id: UUID) -> None:
        """Have the raw mail and its files be attached to the message."""
        service = AttachmentService(tx)
        for one in (self.raw, *self.files):
            await one.complete(tx)
            told = ("filename", "content_type", "size_bytes", "sha256")
            service.add(
                {
                    "target": "message",
                    "record_id": message_id,
                    "file_id": one.id,
                    **{name: getattr(one, name) for name in told},
                    "description": RAW if one is self.raw else None,
                    "owner_id": None,
                    "custom": service.fields.with_defaults({}),
                    "external_ids": {},
                }
            )


@dataclass
class _Whole:
    """The mail of a request, whatever it says that it is: mail is looked into here alone."""

    inner: Incoming
    filename: str | None = "message.eml"
    content_type: str | None = None

    def content(self) -> AsyncIterator[bytes]:
        """Its bytes as they come."""
        return self.inner.content()


@dataclass
class _Part:
    """A file of a mail."""

    piece: Piece
    mail: Path

    @property
    def filename(self) -> str | None:
        """What the mail calls it."""
        return self.piece.filename

    @property
    def content_type(self) -> str | None:
        """What the mail says that it is, unless its bytes say else."""
        return None

    async def content(self) -> AsyncIterator[bytes]:
        """Its bytes, block by block."""
        with await asyncio.to_thread(self.mail.open, "rb") as file:
            blocks = self.piece.blocks(file)
            while (block := await asyncio.to_thread(next, blocks, None)) is not None:
                yield block


@asynccontextmanager
async def taken(
    tx: Tx, files: Files, incoming: Incoming, *, most: int, types: Sequence[str]
) -> AsyncGenerator[TakenMail]:
    """The mail of a request, read, with all of its files kept; unless it is used, they go again.

    Raises `TooLarge` for a mail with more than `most` bytes, `Invalid` for an empty one.
    """
    tx.actor.require("inbox:write")
    limits = Limits(min(most, LARGEST_MAIL), ["*"])
    async with (
        received(tx, files, limits, _Whole(incoming), None) as raw,
        AsyncExitStack() as stack,
    ):
        if raw.size_bytes == 0:
            raise Invalid("There is no mail in the body.", code="empty")
        raw.content_type = "message/rfc822"
        async with files.at_hand(Place(SHELF, tx.organization_id, raw.id.hex)) as path:
            mail = await asyncio.to_thread(_read, path, raw.sha256)
            found = TakenMail(mail, raw)
            if not await Inbox(tx).knows(mail):
                found.files = await _kept(stack, tx, files, mail, path, Limits(most, types))
        yield found


def _read(path: Path, digest: str) -> Mail:
    with path.open("rb") as file:
        return read(file, digest)


async def _kept(
    stack: AsyncExitStack, tx: Tx, files: Files, mail: Mail, path: Path, limits: Limits
) -> list[Received]:
    found: list[Received] = []
    if len(mail.pieces) > MOST_ATTACHMENTS:
        message = f"Its first {MOST_ATTACHMENTS} files are attached; all are in the raw mail."
        mail.note("many_attachments", message)
    for piece in mail.pieces[:MOST_ATTACHMENTS]:
        try:
            kept = await stack.enter_async_context(
                received(tx, files, limits, _Part(piece, path), None)
            )
            if kept.size_bytes:
                found.append(kept)
        except CrmError as error:
            name = (piece.filename or "file")[:100]
            message = f"{name} is not attached, but stands in the raw mail: {error.detail}"
            mail.notes.append(Note("attachment_left_out", message[:500]))
    return found
