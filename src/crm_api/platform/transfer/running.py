"""The run of an import: each chunk is prepared while the one before is stored and committed."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence

from crm_api.kit.db.tables import RecordKey
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.kit.jobs import JobContext
from crm_api.platform.transfer.engine import Storing
from crm_api.platform.transfer.importer import Draft, Importer, LookUp, Plan
from crm_api.platform.transfer.models import Import
from crm_api.platform.transfer.service import ImportService

Counts = Counter[str]


class Run:
    """Commits chunks in their order, each with its position and the proof of the job's lease."""

    def __init__(self, context: JobContext, record: Import, importer: Importer, plan: Plan) -> None:
        self._context, self._record = context, record
        self._importer, self._plan = importer, plan

    async def all(self, chunks: AsyncGenerator[list[Draft]], counts: Counts) -> Counts:
        """Commit all chunks; returns the counts with theirs added.

        A chunk that looks up what the one before is about to store, or follows one that changes
        records, is prepared when that one is committed.
        """
        before = _done(counts)
        under_way: list[asyncio.Future[Counts]] = []
        making: set[LookUp] | None = set()
        try:
            async for drafts in chunks:
                if len(under_way) > 1:
                    await under_way[0]
                if making is None or not making.isdisjoint(self._importer.look_ups(drafts)):
                    await before
                prepared = asyncio.get_running_loop().create_future()
                before = asyncio.create_task(self._commit(drafts, before, prepared))
                under_way = [*under_way[-1:], before]
                await asyncio.wait([before, prepared], return_when=asyncio.FIRST_COMPLETED)
                making = prepared.result() if prepared.done() else None
            return await before
        finally:
            await chunks.aclose()
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _commit(
        self,
        drafts: Sequence[Draft],
        before: asyncio.Future[Counts],
        prepared: asyncio.Future[set[LookUp] | None],
    ) -> Counts:
        """Commit a chunk, or its halves, down to the row that the database refuses."""
        try:
            async with unit_of_work(self._context.tx(cause_id=self._record.id)) as tx:
                # Whatever was switched off since the chunk before.
                ImportService(tx).need_scopes(self._importer)
                storing = Storing(tx, self._importer, self._plan, before)
                await storing.store(drafts)
                prepared.set_result(_made_by(tx))
                counts = await before + storing.counts
                await self._advance(tx, drafts[-1].number, counts, storing.bad)
            return counts
        except (Conflict, Invalid) as error:
            counts = await before
            if len(drafts) == 1:
                faults = error.faults or [Fault(error.own_code, error.detail)]
                drafts[0].faults.append(self._importer.located(faults[0], drafts[0], self._plan))
                return await self._alone(drafts, counts)
            middle = len(drafts) // 2
            counts = await self._alone(drafts[:middle], counts)
            return await self._alone(drafts[middle:], counts)

    async def _alone(self, drafts: Sequence[Draft], counts: Counts) -> Counts:
        nobody = asyncio.get_running_loop().create_future()
        return await self._commit(drafts, _done(counts), nobody)

    async def _advance(self, tx: Tx, position: int, counts: Counts, bad: Sequence[Draft]) -> None:
        records = ImportService(tx).records
        records.add_faults(self._record.id, bad)
        await records.store_progress(self._record.id, position=position, counts=counted(counts))
        await self._context.job.advance(tx, position, self._record.rows)


def counted(counts: Counts) -> dict[str, int]:
    """The counts as they are shown."""
    return {name: counts[name] for name in ("create", "update", "unchanged", "skip", "error")}


def _done(counts: Counts) -> asyncio.Future[Counts]:
    done = asyncio.get_running_loop().create_future()
    done.set_result(counts)
    return done


def _made_by(tx: Tx) -> set[LookUp] | None:
    """Under what its new records will be found; None where it does more than add records."""
    if tx.has_begun:
        return None
    return {(row["entity"], row["kind"], row["value"]) for row in tx.kept(RecordKey)}
