"""The work of imports, in chunks that can be resumed."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any
from uuid import UUID

from crm_api.kit import clock
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import CrmError, Invalid, Unavailable
from crm_api.kit.files.store import Place
from crm_api.kit.jobs import JobCancelled, JobContext, LeaseLost, runs
from crm_api.kit.problems import problem_of
from crm_api.platform.transfer import engine
from crm_api.platform.transfer.events import (
    RemoveUpload,
    RevertImport,
    RunImport,
    ValidateImport,
)
from crm_api.platform.transfer.importer import Importer, Plan
from crm_api.platform.transfer.models import Import
from crm_api.platform.transfer.reading.errors import UnreadableFile
from crm_api.platform.transfer.rehearsal import Rehearsal
from crm_api.platform.transfer.revert import revert_page
from crm_api.platform.transfer.running import Run, counted
from crm_api.platform.transfer.service import ImportService, format_of, plan_of
from crm_api.platform.transfer.uploads import SHELF, file_of


@runs(ValidateImport)
async def validate_import(context: JobContext, message: ValidateImport) -> dict[str, Any]:
    """Read the whole file, write down its mistakes, count what a run would do."""
    return await _Attempt(context, message.import_id, "validating").guard(_validate)


@runs(RunImport)
async def run_import(context: JobContext, message: RunImport) -> dict[str, Any]:
    """Commit what is left of the file, chunk by chunk."""
    return await _Attempt(context, message.import_id, "running").guard(_run)


@runs(RevertImport)
async def revert_import(context: JobContext, message: RevertImport) -> dict[str, Any]:
    """Put back what the import made or changed, the last thing first."""
    return await _Attempt(context, message.import_id, "reverting").guard(_revert)


@runs(RemoveUpload, always=True)
async def remove_upload(context: JobContext, message: RemoveUpload) -> None:
    """Remove a file whose import is in the bin."""
    await context.files.remove(Place(SHELF, context.actor.organization_id, message.stored_as))


class _Attempt:
    """One try at an import's work: what it needs, and how its end is written down."""

    def __init__(self, context: JobContext, import_id: UUID, doing: str) -> None:
        self.context, self.id, self.doing = context, import_id, doing

    async def guard(self, work: Any) -> dict[str, Any]:
        """Do the work; whatever its end, the import tells it."""
        try:
            return await work(self)
        except JobCancelled:
            await self.end("cancelled")
            raise
        except UnreadableFile as error:
            problem = Invalid(str(error), code=error.code)
            await self.end("failed", problem_of(problem, None))
            raise problem from error
        except Unavailable:
            raise
        except CrmError as error:
            await self.end("failed", problem_of(error, None))
            raise

    async def end(self, status: str, failure: dict[str, Any] | None = None, **values: Any) -> None:
        """Store the import's last state."""
        async with unit_of_work(self.context.tx()) as tx:
            service = ImportService(tx)
            current = await service.records.get(self.id, lock=True)
            if current.job_id != self.context.job.id:
                # Another job has the import by now; this one is a straggler.
                raise LeaseLost
            await self.context.job.hold(tx)
            await service.change(
                current,
                {"status": status, "failure": failure, "finished_at": tx.now} | values,
                verb=status,
            )

    @asynccontextmanager
    async def source(
        self, record: Import, importer: Importer, plan: Plan
    ) -> AsyncGenerator[engine.Source]:
        """The import's file, ready to be read."""
        async with file_of(self.context.files, record) as path:
            yield engine.Source(path, format_of(record), importer, plan)

    async def load(self) -> tuple[Import, Importer, Plan]:
        """The import as it stands."""
        async with unit_of_work(self.context.tx(read_only=True)) as tx:
            service = ImportService(tx)
            record = await service.records.get(self.id)
            service.need_scopes(service.importer_of(record.target))
            importer, plan = service.importer_of(record.target), await plan_of(record, service)
        if record.job_id != self.context.job.id or record.status != self.doing:
            raise LeaseLost
        return record, importer, plan


async def _validate(attempt: _Attempt) -> dict[str, Any]:
    context = attempt.context
    record, importer, plan = await attempt.load()
    async with unit_of_work(context.tx()) as tx:
        await ImportService(tx).records.forget_faults(record.id)
    async with (
        attempt.source(record, importer, plan) as source,
        context.files.draft() as notes,
        Rehearsal(importer, plan, notes) as rehearsal,
        aclosing(engine.chunks(source, start_row=1)) as chunks,
    ):
        rows = 0
        async for drafts in chunks:
            rows = drafts[-1].number
            async with unit_of_work(context.tx(read_only=True)) as tx:
                ImportService(tx).need_scopes(importer)
                bad = await rehearsal.take(tx, drafts)
            async with unit_of_work(context.tx()) as tx:
                ImportService(tx).records.add_faults(record.id, bad)
                await context.job.advance(tx, drafts[-1].number, record.rows)
    counts = counted(rehearsal.counts)
    ended = {"counts": counts, "rows": rows, "finished_at": None, "validated_at": clock.now()}
    await attempt.end("validated", **ended)
    return {"counts": counts}


async def _run(attempt: _Attempt) -> dict[str, Any]:
    context = attempt.context
    record, importer, plan = await attempt.load()
    counts = Counter[str](record.counts if record.position else {})
    if record.position == 0:
        async with unit_of_work(context.tx()) as tx:
            await ImportService(tx).records.forget_faults(record.id)
    async with unit_of_work(context.tx(read_only=True)) as tx:
        blocks = importer.service(tx).blocks
    size = engine.BLOCKING_CHUNK if blocks else engine.CHUNK
    run = Run(context, record, importer, plan)
    async with attempt.source(record, importer, plan) as source:
        chunks = engine.chunks(source, start_row=record.position + 1, size=size)
        counts = await run.all(chunks, counts)
    await attempt.end("completed", counts=counted(counts))
    return {"counts": counted(counts)}


async def _revert(attempt: _Attempt) -> dict[str, Any]:
    context = attempt.context
    record, importer, _ = await attempt.load()
    undone, undone_to = Counter[str](record.undone), record.undone_to
    total = record.counts.get("create", 0) + record.counts.get("update", 0)
    while True:
        async with unit_of_work(context.tx(cause_id=context.job.id)) as tx:
            ImportService(tx).need_scopes(importer)
            page = await revert_page(tx, importer, record.id, undone_to)
            if page is None:
                break
            undone_to, counts = page
            undone.update(counts)
            await ImportService(tx).records.store_undone(
                record.id, undone_to=undone_to, undone=undone
            )
            await context.job.advance(tx, min(undone.total(), total), total)
    await attempt.end("reverted")
    return {name: undone[name] for name in ("restored", "removed", "kept")}
