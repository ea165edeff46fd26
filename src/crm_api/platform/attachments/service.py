"""The rules of attachments."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from uuid import UUID

from crm_api.kit import clock
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import About, Content
from crm_api.kit.crud.purges import destroy, empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, Merged, NotFound
from crm_api.kit.files.store import Place
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import Page
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.platform.attachments.models import Attachment
from crm_api.platform.attachments.repository import Attachments, StoredFiles
from crm_api.platform.attachments.schemas import AttachmentCreate, AttachmentUpdate, LinkInput

SHELF = "attachments"
_CONTEXT = context_of("attachments", "link")


class AttachmentService(CrudService[Attachment]):
    """Files of records: seen by whoever sees the record, changed by whoever may change it."""

    repository = Attachments
    personal = About(
        ("record_id",),
        end="removed",
        reason="What was put with the person goes with them.",
        entity="target",
        content=Content(SHELF, "file_id", "filename"),
    )
    area = "attachments"
    plural = "attachments"
    create_shape = AttachmentCreate
    update_shape = AttachmentUpdate
    # Nothing but its id tells an attachment from another one.
    upserts = False
    records: Attachments
    targets: ClassVar[frozenset[str]] = frozenset()
    """What has attachments, by the word for a record; also the records of custom objects have."""

    async def prepare(self, values: dict[str, Any], current: Attachment | None) -> dict[str, Any]:
        """A new attachment is of a record that its maker may change, and of a file that is theirs."""
        values = await super().prepare(values, current)
        if current is not None:
            return values
        await self._hold_record(values["target"], values["record_id"])
        file = await StoredFiles(self.tx).hold(values["file_id"])
        if file is None or not await self._may_attach(values["file_id"], file["owner_id"]):
            raise Invalid.at("/file_id", "unknown_reference", "There is no such file.")
        told = {name: file[name] for name in ("content_type", "size_bytes", "sha256")}
        return {**values, **told, "filename": values["filename"] or file["filename"]}

    async def _may_attach(self, file_id: UUID, owner_id: UUID | None) -> bool:
        access = self.tx.actor.access
        if access is None or access.full or owner_id == access.user_id:
            return True
        return await self.records.is_seen(file_id)

    async def need_record(self, target: str, id: UUID) -> None:
        """Raise unless the actor may attach something to a record, before any of it is sent."""
        self.need("create")
        of_target = self._of(target)
        of_target.need("update")
        await of_target.records.row(id, Selection(("id",)))
        await of_target.guard.permit([id], "update")

    async def _hold_record(self, target: str, id: UUID) -> None:
        of_target = self._of(target)
        of_target.need("update")
        if await of_target.records.find(id, lock=True) is None:
            message = f"There is no such {target}."
            raise Invalid.at("/record_id", "unknown_reference", message)
        await of_target.guard.permit([id], "update")

    def _of(self, target: str) -> CrudService[Any]:
        known = {*self.targets, *self.tx.catalogue.objects}
        if target not in known:
            message = f"There are attachments of: {', '.join(sorted(known))}."
            raise Invalid.at("/target", "not_a_choice", message)
        return service_of(self.tx, target)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take it out of the bin; if its record was merged meanwhile, it is of what that became."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        await self.guard.permit([id], "delete")
        absence = await self._of(current.target).records.absence(current.record_id)
        if current.deleted_at is not None and isinstance(absence, Merged):
            await self.change(current, {"record_id": absence.target})
        return await super().restore(id, expected_version=expected_version)

    async def of_record(self, target: str, id: UUID, query: PageQuery) -> Page:
        """The attachments of a record, in the bin or not; raises `NotFound`."""
        of_target = self._of(target)
        of_target.need("read")
        await of_target.records.row(id, Selection(("id",)), deleted="include")
        return await self.page(query)

    def asked_of(
        self,
        target: str,
        id: UUID,
        *,
        limit: int,
        cursor: str | None,
        count: Literal["exact", "estimate"] | None = None,
    ) -> PageQuery:
        """The query for a page of the attachments of a record, newest first."""
        listing = self.records.listing
        wanted = {"target": {"eq": target}, "record_id": {"eq": str(id)}}
        return PageQuery(
            selection=Selection(listing.shown),
            filter=parse(wanted, listing, self.tx),
            limit=limit,
            cursor=cursor,
            count=count,
        )

    async def link(self, id: UUID, data: LinkInput) -> dict[str, Any]:
        """Where the file can be had for a while without a credential; it is written down."""
        found = await self.get(id)
        ends = clock.now() + timedelta(seconds=data.expires_in)
        key = self.tx.database.signing_key
        values = [str(self.tx.organization_id), str(id), int(ends.timestamp()), data.inline]
        self.tx.record(
            "attachment.linked",
            entity="attachment",
            record_id=id,
            version=found.version,
            data={"expires_at": ends},
        )
        self.tx.confidential = True
        return {"url": f"/public/attachments/{seal(key, _CONTEXT, values)}", "expires_at": ends}

    def place_of(self, attachment: Any) -> Place:
        """Where its bytes are."""
        return Place(SHELF, self.tx.organization_id, attachment.file_id.hex)


def opened(key: bytes, token: str) -> tuple[UUID, UUID, bool]:
    """The organization and the attachment of a link, and whether it shows it; raises `NotFound`."""
    try:
        organization_id, id, end, inline = unseal(key, _CONTEXT, token)
    except (Invalid, ValueError):
        raise NotFound("There is nothing behind this link.", code="invalid_link") from None
    if datetime.fromtimestamp(end, clock.now().tzinfo) <= clock.now():
        raise NotFound("The link has expired.", code="expired_link")
    return UUID(organization_id), UUID(id), inline


async def end_with_record(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Have attachments end with records that are destroyed."""
    records = Attachments(tx)
    gone = await records.ids_of(entity, ids)
    if gone:
        await destroy(tx, records.listing, gone)
        await tx.flush()
        await empty_events(tx, gone)


async def move_attachments(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge_id: UUID
) -> None:
    """Have what was attached to the losers be attached to the winner, each file once."""
    del merge_id
    service = AttachmentService(tx)
    known = {record.file_id for record in await service.records.living_of(entity, [winner])}
    for attachment in await service.records.living_of(entity, losers):
        if attachment.file_id in known:
            await service.remove([attachment])
        else:
            known.add(attachment.file_id)
            await service.change(attachment, {"record_id": winner})
    await tx.flush()
