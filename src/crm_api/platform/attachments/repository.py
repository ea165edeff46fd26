"""How attachments and their files are stored and found."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import About, Listing
from crm_api.platform.attachments.models import Attachment
from crm_api.platform.attachments.schemas import AttachmentOut

KEPT = timedelta(days=1)
"""How long a file waits to be attached."""
TARGETS: list[Listing] = []
"""What has attachments; filled in when the module is made."""
OTHERS: list[Listing] = []
"""The records of custom objects, whatever the object."""
LISTING: Listing = Listing(
    model=Attachment,
    out=AttachmentOut,
    area="attachments",
    about=About(
        "target",
        ("record_id",),
        lambda: TARGETS,
        lambda: OTHERS[0],
        tells=False,
        rules=True,
        copies=True,
    ),
)
_BEGIN = """
    INSERT INTO files (organization_id, id, owner_id, created_at, keep_until)
    VALUES ($1, $2, $3, $4, $5)
"""
_COMPLETE = """
    UPDATE files SET filename = $3, content_type = $4, size_bytes = $5, sha256 = $6, keep_until = $7
    WHERE organization_id = $1 AND id = $2 AND size_bytes IS NULL AND NOT is_doomed RETURNING id
"""
# Written and not only locked, so that whoever removes what nobody needs looks at the row anew.
_HOLD = """
    UPDATE files SET keep_until = greatest(keep_until, $3)
    WHERE organization_id = $1 AND id = $2 AND size_bytes IS NOT NULL AND NOT is_doomed
    RETURNING owner_id, filename, content_type, size_bytes, sha256
"""
_LEFT = """
    SELECT file_bytes, file_bytes - crm_file_bytes($1, $2) AS left FROM organization_quotas
    WHERE organization_id = $1 AND file_bytes IS NOT NULL
"""
_RELEASE = """
    UPDATE files SET keep_until = $3 WHERE organization_id = $1 AND id = $2
    AND NOT EXISTS (SELECT FROM attachments a WHERE a.organization_id = $1 AND a.file_id = $2)
"""
_OF_RECORDS = """
    SELECT id FROM attachments WHERE organization_id = $1 AND target = $2 AND record_id = ANY($3)
    ORDER BY id FOR UPDATE
"""


class Attachments(Repository[Attachment]):
    """The files of the records of an organization."""

    model = Attachment
    listing = LISTING

    async def ids_of(self, target: str, record_ids: Sequence[UUID]) -> list[UUID]:
        """The attachments of some records, in the bin or not, whoever asks; they are locked."""
        args = (self.tx.organization_id, target, list(record_ids))
        return [row["id"] for row in await self.tx.write(_OF_RECORDS, *args)]

    async def living_of(self, target: str, record_ids: Sequence[UUID]) -> list[Attachment]:
        """The attachments of some records to work on, whoever asks, the oldest first."""
        query = self.select_all().where(
            Attachment.target == target,
            Attachment.record_id.in_(record_ids),
            Attachment.deleted_at.is_(None),
        )
        query = query.order_by(Attachment.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def is_seen(self, file_id: UUID) -> bool:
        """Whether a file is attached to a record that the actor sees."""
        query = self.select().where(Attachment.file_id == file_id, Attachment.deleted_at.is_(None))
        return (await self.tx.run(query.limit(1))).scalar_one_or_none() is not None


class StoredFiles:
    """The files themselves, whoever sees them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def begin(self, id: UUID) -> None:
        """Write down that a file is about to come, whatever becomes of it."""
        tx = self.tx
        args = (tx.organization_id, id, tx.actor.me, tx.now, tx.now + KEPT)
        await tx.database.fetch(tx.organization_id, _BEGIN, args)

    async def release(self, id: UUID) -> None:
        """Have a file removed that came to nothing."""
        own = self.tx.organization_id
        await self.tx.database.fetch(own, _RELEASE, (own, id, self.tx.now))

    async def complete(self, id: UUID, values: dict[str, Any]) -> datetime | None:
        """Write down what a file is that has come; until when it waits, or None if it was given up."""
        until = self.tx.now + KEPT
        told = [values[name] for name in ("filename", "content_type", "size_bytes", "sha256")]
        rows = await self.tx.write(_COMPLETE, self.tx.organization_id, id, *told, until)
        return until if rows else None

    async def hold(self, id: UUID) -> Any:
        """A file that is there and stays there till the commit, or None."""
        args = (self.tx.organization_id, id, self.tx.now + KEPT)
        rows = await self.tx.write(_HOLD, *args)
        return rows[0] if rows else None

    async def left(self) -> tuple[int, int] | None:
        """How many bytes the organization may have, and how many more; None without a limit."""
        rows = await self.tx.fetch(_LEFT, self.tx.organization_id, self.tx.now)
        return (rows[0]["file_bytes"], rows[0]["left"]) if rows else None
