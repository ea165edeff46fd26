"""The use cases of exports."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit import clock
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.ids import new_id
from crm_api.kit.query.columns import Column, table_columns
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.filters import parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import sorts_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.views import find_view
from crm_api.platform.exports.events import RemoveExport, RunExport
from crm_api.platform.exports.models import Export
from crm_api.platform.exports.repository import Exports
from crm_api.platform.exports.schemas import ExportInput

KEPT = timedelta(hours=24)
LINK = timedelta(hours=1)
_CONTEXT = context_of("export")


class ExportService(CrudService[Export]):
    """Collections on their way to files."""

    repository = Exports
    area = "exports"
    plural = "exports"
    plain = False
    records: Exports
    targets: ClassVar[Mapping[str, type[CrudService[Any]]]] = {}
    """The collections that can be exported, by the word for a record."""

    async def begin(self, target: str, data: ExportInput) -> dict[str, Any]:
        """Have a file written; what is wrong with the request is said now."""
        listing = self.listing_of(target)
        given = data.model_dump(exclude={"filter", "view"})
        filters = [data.filter] if data.filter else []
        if data.view is not None:
            try:
                view, _ = await find_view(self.tx, listing, data.view)
            except Invalid as error:
                raise error.in_body() from None
            filters = [*filter(None, [view["filter"]]), *filters]
            given["sort"] = data.sort or view["sort"]
            given["fields"] = data.fields or view["fields"]
        id = new_id()
        record = {**given, "filters": filters}
        self.read(target, record, self.tx.now)
        plural = self.targets[target].plural
        job_id = self.tx.enqueue(RunExport(id))
        shown = self.add(
            {
                **record,
                "id": id,
                "target": target,
                "filename": f"{plural}-{self.tx.now:%Y%m%dT%H%M%SZ}.{data.format}",
                "job_id": job_id,
                "custom": {},
                "external_ids": {},
            }
        )
        return {"job_id": job_id, "export": shown}

    def listing_of(self, target: str) -> Listing:
        """What is exported, for those who may."""
        service = self.targets[target]
        for verb in ("read", "export"):
            self.tx.actor.require(f"{service.area}:{verb}")
        return service.repository.listing

    def read(
        self, target: str, record: Mapping[str, Any], now: datetime
    ) -> tuple[list[Column], PageQuery]:
        """The columns and rows that an export asks for; `@now` is when it did.

        Raises `Invalid` with pointers into the request.
        """
        tx, service = self.tx, self.targets[target](self.tx)
        listing = self.listing_of(target)
        sort = ",".join(record["sort"]) or None
        try:
            columns = table_columns(listing, record["fields"], tx.actor)
            sorts_of(listing, sort, tx.actor)
        except Invalid as error:
            raise error.in_body() from None
        wanted = service.records.visible()
        for source in record["filters"]:
            wanted = wanted.both(parse(source, listing, tx.actor, now))
        shown = Selection(listing.shown)
        deleted = record["deleted"]
        return columns, PageQuery(shown, wanted, sort=sort, count="exact", deleted=deleted)

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put an export in the bin; its file is removed."""
        self.tx.actor.require(f"{self.area}:write")
        current = await self.locked(id, expected_version)
        if current.stored_as is not None:
            self.tx.enqueue(RemoveExport(current.stored_as))
        gone = {"deleted_at": self.tx.now, "deleted_by": self.tx.actor.id}
        await self.change(current, gone, verb="deleted")

    async def completed(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Representations with what changes by itself: the status and the link."""
        statuses = await self.statuses(rows)
        return [
            {
                **{name: getattr(row, name) for name in self.records.listing.shown},
                "status": statuses[row.id],
                "download_url": self.link(row),
            }
            for row in rows
        ]

    async def statuses(self, rows: Iterable[Any]) -> dict[UUID, str]:
        """How some exports stand: as their jobs do, till the file is there."""
        rows = list(rows)
        at_work = {row.id: row.job_id for row in rows if row.finished_at is None}
        jobs = await self.records.job_statuses(at_work.values()) if at_work else {}
        return {row.id: self._status(row, jobs.get(row.job_id, "failed")) for row in rows}

    def _status(self, row: Any, of_job: str) -> str:
        if row.finished_at is None:
            # It may have ended since the export was read.
            return "running" if of_job == "succeeded" else of_job
        return "expired" if row.expires_at <= self.tx.now else "succeeded"

    def link(self, row: Any) -> str | None:
        """Where the file can be had for a while, by those who may export such records."""
        now, service = self.tx.now, self.targets[row.target]
        if row.expires_at is None or not self.tx.actor.covers(f"{service.area}:export"):
            return None
        end = min(row.expires_at, now + LINK)
        if end <= now or row.deleted_at is not None:
            return None
        key = self.tx.database.signing_key
        values = [str(self.tx.organization_id), str(row.id), int(end.timestamp())]
        return f"/public/exports/{seal(key, _CONTEXT, values)}"

    async def file(self, id: UUID) -> tuple[Export, str]:
        """An export whose file can be sent, and the file's name; raises `NotFound`."""
        found = await self.records.find(id)
        ends = found and found.expires_at
        if found is None or found.stored_as is None or ends is None or ends <= self.tx.now:
            raise NotFound("There is no such file any more.", code="file_gone")
        return found, found.stored_as


def opened(key: bytes, token: str) -> tuple[UUID, UUID]:
    """The organization and the export of a link's token; raises `NotFound`."""
    try:
        organization_id, id, end = unseal(key, _CONTEXT, token)
    except Invalid:
        raise NotFound("There is nothing behind this link.", code="invalid_link") from None
    if end <= clock.now().timestamp():
        raise NotFound(
            "The link has expired; read the export again for another.", code="expired_link"
        )
    return UUID(organization_id), UUID(id)
