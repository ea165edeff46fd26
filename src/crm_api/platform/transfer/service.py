"""The use cases of imports."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.collections import service_type
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Fault, Invalid, WrongState
from crm_api.kit.messages import Message
from crm_api.kit.query.mistakes import escape
from crm_api.platform.transfer.events import RemoveUpload, RevertImport, RunImport, ValidateImport
from crm_api.platform.transfer.importer import Column, Importer, Plan
from crm_api.platform.transfer.models import Import
from crm_api.platform.transfer.plain import PlainImporter, custom_hint
from crm_api.platform.transfer.reading.detect import FileFormat, detect
from crm_api.platform.transfer.reading.errors import UnreadableFile
from crm_api.platform.transfer.reading.mapping import FieldHint, suggest
from crm_api.platform.transfer.reading.rows import count_rows, read_rows
from crm_api.platform.transfer.repository import Imports
from crm_api.platform.transfer.schemas import ImportUpdate, Options

SAMPLES = 200
SHOWN_SAMPLES = 3
_AT_WORK = ("validating", "running", "reverting")
_READY = ("uploaded", "validated", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent, at hand."""

    path: Path
    name: str
    stored_as: str
    """What it is called where it is going to be kept."""


class ImportService(CrudService[Import]):
    """Files on their way to records."""

    repository = Imports
    area = "imports"
    plural = "imports"
    personal = Impersonal("Files of many records (the trace `imports`).")
    plain = False
    records: Imports
    importers: ClassVar[Mapping[str, Importer]] = {}

    async def upload(
        self,
        file: Upload,
        target: str,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
    ) -> Any:
        """Look at a file; returns the import with a mapping suggested."""
        self.tx.actor.require("imports:write")
        importer = self.importer_of(target)
        self.need_scopes(importer)
        hints = await self.hints_of(importer)
        fmt, size, rows, mapping = await asyncio.to_thread(
            _inspect, file.path, file.name, hints, encoding, delimiter
        )
        return self.add(
            {
                "target": target,
                "filename": file.name,
                "size_bytes": size,
                "stored_as": file.stored_as,
                "status": "uploaded",
                "format": _format(fmt),
                "mapping": mapping,
                "options": Options().model_dump(),  # pyright: ignore[reportCallIssue]
                "rows": rows,
                "position": 0,
                "counts": {},
                "custom": {},
                "external_ids": {},
            }
        )

    def importer_of(self, target: str) -> Importer:
        """What a kind of record says about importing it; raises `Invalid`."""
        if target in self.importers:
            return self.importers[target]
        objects = self.tx.catalogue.objects
        if target in objects:
            return PlainImporter(objects[target], service_type(self.tx, target))
        known = ", ".join(sorted([*self.importers, *objects]))
        raise Invalid.at("/entity", "not_a_choice", f"Importable are: {known}.")

    async def hints_of(self, importer: Importer) -> dict[str, FieldHint]:
        """What columns may be mapped to: the fields of the records, and those of your own."""
        custom = importer.service(self.tx).fields.seen_by(self.tx.actor)
        open_ones = (field for field in custom if not (field.archived or field.is_computed))
        own = {f"custom.{field.name}": custom_hint(field) for field in open_ones}
        return {**importer.fields, **await importer.hints(self.tx), **own}

    async def adjust(
        self, id: UUID, data: ImportUpdate, *, expected_version: int | None = None
    ) -> Any:
        """Another mapping or other options, before the start."""
        current = await self._mine(id, expected_version, data.model_fields_set)
        _need_rows_wanted(current)
        if current.position:
            raise WrongState("Rows are committed already; only the rest can be run.")
        values: dict[str, Any] = {}
        if data.mapping is not None:
            importer = self.importer_of(current.target)
            fields = await self.hints_of(importer)
            values["mapping"] = _remapped(current.mapping, data.mapping, fields)
        if data.options is not None:
            given = data.options.model_dump(exclude_unset=True)
            self._check_match(current.target, given.get("match", ()))
            values["options"] = {**current.options, **given}
        return await self.change(current, {**values, "status": "uploaded", "counts": {}})

    def _check_match(self, target: str, match: Sequence[str]) -> None:
        """Raise `Invalid` unless records of a kind can be told by all of these."""
        importer = self.importer_of(target)
        service = importer.service(self.tx)
        listing = service.repository.listing
        keys = (*listing.keys.values(), *listing.matched_by.values())
        unique = (f.key for f in service.fields.seen_by(self.tx.actor) if f.unique)
        known = {"external_id", *importer.match, *(key.kind for key in keys), *unique}
        for place, kind in enumerate(match):
            if kind not in known:
                message = f"Rows of this kind are matched by: {', '.join(sorted(known))}."
                raise Invalid.at(f"/options/match/{place}", "not_a_choice", message)

    async def validate(self, id: UUID) -> dict[str, Any]:
        """Have the whole file read, and counted what a run would do."""
        current = await self._ready(id)
        if current.position:
            raise WrongState("Rows are committed already; start it to commit the rest.")
        return await self._begin(current, "validating", ValidateImport(id))

    async def start(self, id: UUID) -> dict[str, Any]:
        """Have the rows committed; after a failure or a cancel, those that are left."""
        current = await self._ready(id)
        return await self._begin(current, "running", RunImport(id), started_at=self.tx.now)

    async def revert(self, id: UUID) -> dict[str, Any]:
        """Have everything put back that the import made or changed, or what is left of it."""
        current = await self._mine(id)
        _need_status(current, ("completed", "failed", "cancelled"))
        undone = current.undone or dict.fromkeys(("removed", "restored", "kept"), 0)
        return await self._begin(current, "reverting", RevertImport(id), undone=undone)

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put an import in the bin and have its file removed; its records stay."""
        current = await self._mine(id, expected_version)
        _need_status(current, (*_READY, "completed", "reverted"))
        gone: dict[str, Any] = {"deleted_at": self.tx.now, "deleted_by": self.tx.actor.id}
        if current.file_removed_at is None:
            gone["file_removed_at"] = self.tx.now
            self.tx.enqueue(RemoveUpload(current.stored_as))
        await self.change(current, gone, verb="deleted")

    def need_scopes(self, importer: Importer) -> None:
        """Raise `Forbidden` or `ModuleClosed` unless what an import may make may be made."""
        self.tx.actor.require("imports:write")
        self.tx.actor.permitted("import")
        for service in importer.touched:
            self.tx.actor.need(service.area, "create")

    async def _mine(
        self,
        id: UUID,
        expected_version: int | None = None,
        wanted: Collection[str] | None = None,
    ) -> Import:
        """An import to act on, for those who may write what it writes.

        A job may have ended without a word to its import: cancelled while it waited, or given up
        after its last try. The import is then where the job is.
        """
        self.tx.actor.require("imports:write")
        current: Import = await self.locked(id, expected_version, wanted)
        self.need_scopes(self.importer_of(current.target))
        if current.status in _AT_WORK and current.job_id is not None:
            status = await self.records.job_status(current.job_id)
            if status in {"failed", "cancelled"}:
                ended = {"status": status, "finished_at": self.tx.now}
                await self.change(current, ended, verb=status)
        return current

    async def _ready(self, id: UUID) -> Import:
        current = await self._mine(id)
        _need_rows_wanted(current)
        if current.file_removed_at is not None:
            message = "The uploaded file was removed with the import; send it again."
            raise WrongState(message, code="file_gone")
        if not any(column["field"] for column in current.mapping):
            message = "Map at least one column to a field."
            raise Invalid(message, faults=[Fault("no_mapping", message, pointer="/mapping")])
        return current

    async def _begin(
        self, current: Import, status: str, message: Message, **values: Any
    ) -> dict[str, Any]:
        job_id = self.tx.enqueue(message, dedupe_key=str(current.id))
        shown = await self.change(
            current,
            {"status": status, "job_id": job_id, "failure": None, "finished_at": None, **values},
            verb=status,
        )
        return {"job_id": job_id, "import": shown}

    async def faults_after(self, id: UUID, row: int, limit: int) -> list[Any]:
        """The mistakes found in so many rows after one."""
        await self.get(id)
        return await self.records.faults(id, after_row=row, limit=limit)

    async def faults(self, id: UUID) -> AsyncIterator[list[Any]]:
        """The mistakes found, in stretches."""
        self.tx.actor.require("imports:read")
        after = 0
        while found := await self.records.faults(id, after_row=after, limit=500):
            after = found[-1]["row"]
            yield found


async def plan_of(record: Import, service: ImportService) -> Plan:
    """An import's mapping and options, ready to read rows."""
    options, importer = record.options, service.importer_of(record.target)
    fields = await service.hints_of(importer)
    custom = importer.service(service.tx).fields
    unique = [field.key for field in custom.by_name.values() if field.unique]
    columns = tuple(
        Column(index, mapped["column"], mapped["field"], fields.get(mapped["field"]))
        for index, mapped in enumerate(record.mapping)
        if mapped["field"]
    )
    return Plan(
        columns=columns,
        match=tuple(options["match"]) or (*importer.match[:1], *unique, *importer.match[1:]),
        chosen=bool(options["match"]),
        source=options["source"],
        country=options["country"] or service.tx.actor.country,
        currency=await service.records.own_currency(),
        day_first=options["day_first"],
        tags=tuple(options["tags"]),
        on_duplicate=options["on_duplicate"],
        custom=custom,
        actor=service.tx.actor,
    )


def format_of(record: Import) -> FileFormat:
    """How an import's file is read."""
    return FileFormat(**{**record.format, "columns": tuple(record.format["columns"])})


def _inspect(
    path: Path,
    filename: str,
    fields: Mapping[str, FieldHint],
    encoding: str | None,
    delimiter: str | None,
) -> tuple[FileFormat, int, int, list[dict[str, Any]]]:
    try:
        fmt = detect(path, filename, encoding=encoding, delimiter=delimiter)
        rows = count_rows(path, fmt)
        samples = [row.values for row in islice(read_rows(path, fmt), SAMPLES)]
        if rows == 0:
            raise UnreadableFile("no_rows", "The file has a header but no rows.")
    except UnreadableFile as error:
        faults = [Fault(error.code, str(error), pointer="/file")]
        raise Invalid(str(error), code=error.code, faults=faults) from None
    mapping = [
        {
            "column": found.column,
            "field": found.field,
            "confidence": found.confidence,
            "reason": found.reason,
            "samples": [cell[:100] for row in samples if (cell := row[place])][:SHOWN_SAMPLES],
        }
        for place, found in enumerate(suggest(fmt.columns, samples, fields))
    ]
    return fmt, path.stat().st_size, rows, mapping


def _format(fmt: FileFormat) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in ((n, getattr(fmt, n)) for n in fmt.__dataclass_fields__)
    }


def _remapped(
    current: list[dict[str, Any]],
    given: Mapping[str, str | None],
    fields: Mapping[str, FieldHint],
) -> list[dict[str, Any]]:
    columns = {mapped["column"] for mapped in current}
    for name in given:
        if name not in columns:
            raise Invalid.at(
                f"/mapping/{escape(name)}", "unknown_column", "The file has no such column."
            )
    taken: set[str] = set()
    for name, target in given.items():
        if target is None:
            continue
        hint = fields.get(target)
        if hint is None:
            raise Invalid.at(
                f"/mapping/{escape(name)}", "unknown_field", f"There is no field {target!r}."
            )
        if target in taken and not (hint and hint.multiple):
            raise Invalid.at(
                f"/mapping/{escape(name)}", "repeated_field", f"{target} is given twice."
            )
        taken.add(target)
    return [
        {
            **mapped,
            "field": given.get(mapped["column"]),
            "confidence": 1.0,
            "reason": "chosen" if given.get(mapped["column"]) else "left out",
        }
        for mapped in current
    ]


def _need_status(record: Import, statuses: tuple[str, ...]) -> None:
    if record.status not in statuses:
        raise WrongState(
            f"The import is {record.status}; this is for {', '.join(statuses)}.",
            details={"import_status": record.status},
        )


def _need_rows_wanted(record: Import) -> None:
    _need_status(record, _READY)
    if record.undone is not None:
        raise WrongState(
            "Undoing this import has begun; revert it to undo the rest.",
            code="undoing_begun",
            details={"import_status": record.status},
        )


def target_fields(fields: Mapping[str, FieldHint]) -> dict[str, Any]:
    """What columns may be mapped to."""
    return {
        "data": [
            {"field": name, "label": hint.label, "kind": hint.kind, "multiple": hint.multiple}
            for name, hint in fields.items()
        ]
    }
