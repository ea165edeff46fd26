"""The work of requests of people and of retention."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.db.hashes import find_hasher
from crm_api.kit.db.queued import enqueue_later
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Blocked, Conflict, NotFound
from crm_api.kit.files.store import Place, new_place
from crm_api.kit.jobs import JobContext, LeaseLost, runs
from crm_api.platform.privacy.archive import SHELF, add_files, parts_of, write_archive
from crm_api.platform.privacy.erasing import ERASED, Erasure
from crm_api.platform.privacy.events import (
    CollectData,
    ErasePerson,
    EraseStragglers,
    RemoveArchive,
    RunRetention,
)
from crm_api.platform.privacy.guard import hashed, keys_of
from crm_api.platform.privacy.models import SubjectRequest
from crm_api.platform.privacy.persons import people
from crm_api.platform.privacy.repository import ErasedKeys, LegalHolds
from crm_api.platform.privacy.retention import RetentionPolicyService
from crm_api.platform.privacy.service import SubjectRequestService

KEPT = timedelta(days=7)
"""How long an archive can be fetched."""
LATE = timedelta(minutes=1)
"""By then whoever began to write before everybody had heard has ended."""
_UNHEARD = timedelta(seconds=3)
CHUNK = 200
_LATE_ROWS = """
    SELECT id FROM {table} WHERE organization_id = $1 AND created_at BETWEEN $2 AND $3
    AND NOT id = $4 AND deleted_at IS NULL ORDER BY id
"""


@runs(CollectData)
async def collect_data(context: JobContext, message: CollectData) -> dict[str, Any]:
    """Write the archive under a name of this try; the request learns of it when it is whole."""
    place = new_place(SHELF, context.actor.organization_id)
    try:
        async with context.files.draft() as path:
            return await _collect(context, message, place, path)
    except BaseException:
        await asyncio.shield(context.files.remove(place))
        raise


async def _collect(
    context: JobContext, message: CollectData, place: Place, path: Path
) -> dict[str, Any]:
    async with unit_of_work(context.tx(read_only=True)) as tx:
        current = await _own(tx, context, message.request_id)
        parts, why = await parts_of(tx, current.target, current.record_id)
        head = {"person": current.record_id, "kind": current.target, "written_at": tx.now}
    counts = await asyncio.to_thread(write_archive, path, parts, why, head)
    await add_files(path, context.files, place.organization_id, parts)
    await context.files.put_file(place, path)
    async with unit_of_work(context.tx()) as tx:
        service = SubjectRequestService(tx)
        current = await service.locked(message.request_id)
        await context.job.hold(tx)
        done = {"status": "completed", "completed_at": tx.now, "report": {"records": counts}}
        kept = {"stored_as": place.name, "expires_at": tx.now + KEPT}
        await service.change(current, {**done, **kept}, verb="completed")
    return {"records": counts}


@runs(ErasePerson, always=True)
async def erase_person(context: JobContext, message: ErasePerson) -> dict[str, Any]:
    """Erase in one transaction, so that nobody ever sees half of it."""
    async with unit_of_work(context.tx()) as tx:
        current = await _own(tx, context, message.request_id)
        erasure = Erasure(tx, current.target, current.record_id)
        report = await erasure.run(context.files)
        await _complete(tx, current, erasure.ids, report)
        await context.job.hold(tx)
        since = current.started_at or tx.now
        await enqueue_later(tx, EraseStragglers(erasure.id, current.target, since), LATE)
    return report


async def _complete(
    tx: Tx, current: SubjectRequest, ids: Sequence[UUID], report: dict[str, Any]
) -> None:
    """The requests of the person say that and when, and nothing of whom any more."""
    service = SubjectRequestService(tx)
    for request in await service.records.of_person(ids):
        if request.stored_as is not None:
            tx.enqueue(RemoveArchive(request.stored_as))
        words = ("requester", "note", "verification", "rejection", "extension")
        wiped: dict[str, Any] = {
            name: ERASED for name in words if getattr(request, name) is not None
        }
        values = {**wiped, "custom": {}, "external_ids": {}, "stored_as": None, "expires_at": None}
        if request.id == current.id:
            done = {"status": "completed", "completed_at": tx.now, "report": report}
            values = {**values, **done}
        verb = "completed" if request.id == current.id else "wiped"
        told = await service.change(request, values, verb=verb)
        await tx.flush()
        await empty_events(tx, [told.id])


@runs(EraseStragglers, always=True)
async def erase_stragglers(context: JobContext, message: EraseStragglers) -> dict[str, Any]:
    """Erase who was brought back by those that had not heard yet."""
    erased: list[UUID] = []
    async with unit_of_work(context.tx()) as tx:
        hasher = await find_hasher(tx)
        known = await ErasedKeys(tx).of(message.record_id)
        for kind, _ in people(Erasure.services) if hasher and known else ():
            service = kind(tx)
            sql = _LATE_ROWS.format(table=service.repository.model.__tablename__)
            since, until = message.since - LATE, message.since + _UNHEARD
            args = (tx.organization_id, since, until, message.record_id)
            ids = [row["id"] for row in await tx.fetch(sql, *args)]
            for row in await service.records.some(ids):
                assert hasher is not None
                if known & set(hashed(hasher, keys_of(service, columns_of(row))).values()):
                    erased.append(row.id)
                    straggler = Erasure(tx, service.model.entity, row.id, reaches=False)
                    await straggler.run(context.files)
        await context.job.hold(tx)
    return {"erased": len(erased)}


@runs(RemoveArchive, always=True)
async def remove_archive(context: JobContext, message: RemoveArchive) -> None:
    """Remove an archive that nobody needs any more."""
    await context.files.remove(Place(SHELF, context.actor.organization_id, message.stored_as))


async def _own(tx: Tx, context: JobContext, id: UUID) -> SubjectRequest:
    current = await SubjectRequestService(tx).records.get(id, lock=not tx.read_only, deleted=True)
    if current.job_id != context.job.id or current.status != "in_progress":
        raise LeaseLost
    return current


@runs(RunRetention)
async def run_retention(context: JobContext, message: RunRetention) -> dict[str, Any] | None:
    """Let go of what a policy keeps no longer, in chunks that can be resumed."""
    run = _Retention(context, message)
    rules = await run.rules()
    if rules is None:
        return None
    while await run.chunk(rules):
        pass
    return await run.end()


class _Retention:
    """One try at a run, which goes on where the one before it ended."""

    def __init__(self, context: JobContext, message: RunRetention) -> None:
        self._context, self._message = context, message
        state = context.job.state
        self._after = UUID(state["after"]) if state.get("after") else None
        self._counts = Counter[str](state.get("counts", {}))

    async def rules(self) -> dict[str, Any] | None:
        """What the policy says; None where it is not to be carried out any more."""
        async with unit_of_work(self._context.tx()) as tx:
            service = RetentionPolicyService(tx)
            policy = await service.records.find(self._message.policy_id, lock=True)
            if policy is None or (self._message.repeated and not policy.is_active):
                return None
            if self._message.repeated:
                # Now, so that it is carried out tomorrow whatever becomes of today.
                await service.repeat(policy.id, but=self._context.job.id)
            return columns_of(policy)

    async def chunk(self, rules: dict[str, Any]) -> bool:
        """Let the next ones go; False when there are none."""
        async with unit_of_work(self._context.tx(cause_id=self._message.policy_id)) as tx:
            policies = RetentionPolicyService(tx)
            service, found = await policies.next_of(rules, self._after, CHUNK)
            if not found:
                return False
            ids = [record.id for record in found]
            held = await LegalHolds(tx).keeping(ids, tx.now.date())
            counts = Counter[str](held=len(held))
            for id in ids:
                if id not in held:
                    counts[await self._let_go(tx, service, id, rules["action"])] += 1
            after, total = ids[-1], self._counts + counts
            await self._context.job.advance(
                tx, total.total(), state={"after": str(after), "counts": dict(total)}
            )
        self._after, self._counts = after, total
        return True

    async def _let_go(self, tx: Tx, service: Any, id: UUID, action: str) -> str:
        try:
            async with tx.atomic():
                if action == "delete":
                    await service.delete(id)
                elif action == "purge":
                    await service.purge(id)
                else:
                    kind = service.records.listing.entity
                    erasure = Erasure(tx, kind, id, reaches=False)
                    await erasure.run(self._context.files, bars=False)
        except (Blocked, Conflict, NotFound):
            return "blocked"
        return "done"

    async def end(self) -> dict[str, Any]:
        """Write down what was done."""
        result = {name: self._counts[name] for name in ("done", "held", "blocked")}
        async with unit_of_work(self._context.tx()) as tx:
            service = RetentionPolicyService(tx)
            policy = await service.records.find(self._message.policy_id, lock=True)
            await self._context.job.hold(tx)
            if policy is not None:
                ran = {"last_run_at": tx.now, "last_result": result}
                await service.change(policy, ran, verb="ran")
        return result
