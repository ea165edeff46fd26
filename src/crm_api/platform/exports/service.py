"""The use cases of exports."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel

from crm_api.kit import clock
from crm_api.kit.crud.collections import area_of, service_of
from crm_api.kit.crud.personal import Gone, Impersonal
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid, NotFound, Unavailable
from crm_api.kit.ids import new_id
from crm_api.kit.query.columns import Column, table_columns
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.sorting import sorts_of
from crm_api.kit.query.views import find_view
from crm_api.kit.switches import TERRITORY
from crm_api.platform.exports.events import RemoveExport, RunExport
from crm_api.platform.exports.models import Export
from crm_api.platform.exports.repository import Exports
from crm_api.platform.exports.schemas import ExportInput, ModuleExportInput
from crm_api.platform.exports.sources import Source, asked_of

KEPT = timedelta(hours=24)
LINK = timedelta(hours=1)
_CONTEXT = context_of("export")


class ExportService(CrudService[Export]):
    """Collections on their way to files."""

    repository = Exports
    area = "exports"
    plural = "exports"
    personal = Impersonal("Files of whole collections (the trace `exports`).")
    plain = False
    records: Exports
    areas: ClassVar[Mapping[str, str]] = {}
    """The first halves of the scopes of whatever modules have to export, by kind of record."""

    sources: ClassVar[Mapping[str, Source]] = {}
    """What is exported beside collections."""

    async def begin_lines(self, source: Source, data: BaseModel) -> dict[str, Any]:
        """Have a source written to a file; what is wrong with the request is said now."""
        for verb in ("read", "export"):
            self.tx.actor.require(f"{source.area}:{verb}")
        asked = asked_of(data)
        await source.count(self.tx, asked)
        record: dict[str, Any] = {"format": "ndjson", "filters": [asked], "sort": [], "fields": []}
        return self._add(source.target, source.route, {**record, "delimiter": ",", "bom": False})

    async def begin_all(self, module: str, data: ModuleExportInput) -> list[dict[str, Any]]:
        """Have every collection of a module written to a file, also while it is switched off.

        For those who may switch modules and export such records; raises `NotFound`.
        """
        self.tx.actor.require("modules:write")
        targets = [t for t, area in self.areas.items() if TERRITORY.areas.get(area) == module]
        if not targets:
            raise NotFound(f"There is no module {module[:60]!r} with records to export.")
        wanted = ExportInput.model_validate(data.model_dump())
        with self.tx.learned.reopened():
            return [await self.begin(target, wanted, switched_off=True) for target in targets]

    async def begin(
        self, target: str, data: ExportInput, *, switched_off: bool = False
    ) -> dict[str, Any]:
        """Have a file written; what is wrong with the request is said now."""
        listing = self.listing_of(target)
        given = data.model_dump(exclude={"filter", "view"})
        filters = [data.filter] if data.filter else []
        if data.view is not None:
            try:
                view, _ = await find_view(self.tx, listing, data.view)
            except CrmError as error:
                raise error.in_body() from None
            filters = [*filter(None, [view["filter"]]), *filters]
            given["sort"] = data.sort or view["sort"]
            given["fields"] = data.fields or view["fields"]
        record = {**given, "filters": filters}
        self.read(target, record, self.tx.now)
        name = service_of(self.tx, target).path.rpartition("/")[2]
        return self._add(target, name, record, switched_off=switched_off)

    def _add(
        self, target: str, name: str, record: dict[str, Any], *, switched_off: bool = False
    ) -> dict[str, Any]:
        id = new_id()
        job_id = self.tx.enqueue(RunExport(id, switched_off))
        shown = self.add(
            {
                **record,
                "id": id,
                "target": target,
                "filename": f"{name}-{self.tx.now:%Y%m%dT%H%M%SZ}.{record['format']}",
                "job_id": job_id,
                "custom": {},
                "external_ids": {},
            }
        )
        return {"job_id": job_id, "export": shown}

    def listing_of(self, target: str) -> Listing:
        """What is exported, for those who may."""
        service = service_of(self.tx, target)
        for verb in ("read", "export"):
            self.tx.actor.require(f"{service.area}:{verb}")
        return service.records.listing

    def read(
        self, target: str, record: Mapping[str, Any], now: datetime
    ) -> tuple[list[Column], PageQuery]:
        """The columns and rows that an export asks for; `@now` is when it did.

        Raises `Invalid` with pointers into the request.
        """
        tx, service = self.tx, service_of(self.tx, target)
        listing = self.listing_of(target)
        sort = ",".join(record["sort"]) or None
        try:
            columns = table_columns(listing, record["fields"], tx)
            sorts_of(listing, sort, tx)
        except CrmError as error:
            raise error.in_body() from None
        wanted = Filter()
        for source in record["filters"]:
            wanted = wanted.both(parse(source, listing, tx, now=now))
        shown = Selection(listing.shown)
        deleted = record["deleted"]
        sight = service.records.sight
        return columns, PageQuery(
            shown, wanted, sort=sort, count="exact", deleted=deleted, sight=sight
        )

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put an export in the bin; its file is removed."""
        self.need("delete")
        current = await self.locked(id, expected_version, action="delete")
        if current.stored_as is not None:
            self.tx.enqueue(RemoveExport(current.stored_as))
        await self.remove([current])

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

    def area_of(self, target: str) -> str:
        """The first half of the scopes of what is exported."""
        source = self.sources.get(target)
        return area_of(target) if source is None else source.area

    def link(self, row: Any) -> str | None:
        """Where the file can be had for a while, by those who may export such records.

        It holds what its maker saw, so others get it who see everything.
        """
        now, area, access = self.tx.now, self.area_of(row.target), self.tx.actor.access
        if row.expires_at is None or not self.tx.actor.holds(f"{area}:export"):
            return None
        if access is not None and not access.full and row.owner_id != access.user_id:
            return None
        end = min(row.expires_at, now + LINK)
        if end <= now or row.deleted_at is not None:
            return None
        key = self.tx.database.signing_key
        values = [str(self.tx.organization_id), str(row.id), int(end.timestamp())]
        return f"/public/exports/{seal(key, _CONTEXT, values)}"

    async def forget(self, gone: Gone) -> int:
        """End every file that may hold a person, and wipe out filters that name them."""
        ended: list[UUID] = []
        named: list[UUID] = []
        for record in await self.records.all():
            ends: dict[str, Any] = {}
            if await self._is_at_work(record) and gone.files is not None:
                message = "An export that may hold the person is at work."
                raise Unavailable(message, code="export_at_work")
            if record.expires_at is not None and record.expires_at > self.tx.now:
                self.tx.enqueue(RemoveExport(record.stored_as or ""))
                ends = {"expires_at": self.tx.now}
            told = encode(record.filters).decode().lower()
            if any(text.lower() in told for text in gone.marks):
                ends |= {"filters": []}
                named.append(record.id)
            if ends:
                await self.change(record, ends, verb="emptied")
                ended.append(record.id)
        if named:
            await self.tx.flush()
            await empty_events(self.tx, named)
        return len(ended)

    async def _is_at_work(self, record: Export) -> bool:
        if record.finished_at is not None:
            return False
        return (await self.statuses([record]))[record.id] in {"queued", "running"}

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


async def erase_from_exports(tx: Tx, gone: Gone) -> int:
    """End the files that may hold a person."""
    return await ExportService(tx).forget(gone)
