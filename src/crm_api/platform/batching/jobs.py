"""Changes by filter, in chunks that can be resumed."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from crm_api.kit.crud.bulk import (
    Act,
    DeleteItem,
    Outcome,
    RestoreItem,
    carry_out,
    read,
    write,
)
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import Conflict
from crm_api.kit.jobs import JobCancelled, JobContext, runs
from crm_api.kit.problems import problem_of
from crm_api.kit.query.filters import Filter, parse
from crm_api.platform.batching.events import WriteMatching
from crm_api.platform.batching.repository import Deleted, count_of, limit_of

CHUNK = 500
MOST_ERRORS = 200
"""How many records that failed are named in the result; all are counted."""


@runs(WriteMatching)
async def write_matching(context: JobContext, message: WriteMatching) -> dict[str, Any]:
    """Change whatever matches and was there at the start, a chunk in a transaction each."""
    run = _Run(context, message)
    try:
        while await run.chunk():
            pass
    except JobCancelled:
        raise JobCancelled(run.result) from None
    return run.result


class _Run:
    """One try at the work, which goes on where the one before it ended."""

    def __init__(self, context: JobContext, message: WriteMatching) -> None:
        self.context, self.message = context, message
        state = context.job.state
        self.after = UUID(state["after"]) if state else None
        self.counts = Counter[str](state.get("counts", {}))
        self.errors: list[dict[str, Any]] = list(state.get("errors", ()))
        self.begun = bool(state)

    @property
    def result(self) -> dict[str, Any]:
        """What is done so far."""
        return {"counts": dict(self.counts), "errors": self.errors}

    async def chunk(self) -> bool:
        """Change the next records; False when there are none, or as many are done as were counted.

        Raises `Conflict` where more match at the beginning.
        """
        context, message = self.context, self.message
        left = message.count - self.counts.total()
        async with unit_of_work(context.tx(cause_id=context.job.id)) as tx:
            service = service_of(tx, message.entity)
            tx.actor.require(f"{service.area}:write")
            filter = parse(message.filter, service.records.listing, tx, now=message.asked_at)
            deleted: Deleted = "only" if message.action == "restore" else None
            if not self.begun:
                await self._check(service, filter, deleted)
            found = await service.records.hold_matching(
                filter,
                after=self.after,
                until=message.until,
                limit=min(CHUNK, left),
                deleted=deleted,
            )
            if not found:
                return False
            ids = [record.id for record in found]
            outcomes = await self._write(service, ids)
            counts, errors = self._added(ids, outcomes)
            after = ids[-1]
            state = {"after": after, "counts": counts, "errors": errors}
            total = max(message.count, counts.total())
            await context.job.advance(tx, counts.total(), total, state=state)
        self.after, self.counts, self.errors, self.begun = after, counts, errors, True
        return True

    async def _check(self, service: CrudService[Any], filter: Filter, deleted: Deleted) -> None:
        """Ask again what was asked of the request: others may have changed records since."""
        message, tx = self.message, service.tx
        found = await count_of(service.records, filter, message.until, deleted)
        limit = await limit_of(tx)
        details = {"count": found, "expected_count": message.count, "limit": limit}
        if found > message.count:
            text = f"{found:,} records match by now, not {message.count:,}."
            raise Conflict(text, code="count_differs", details=details)
        if found > limit:
            text = f"{found:,} records match; one change may touch {limit:,}."
            raise Conflict(text, code="too_many_records", details=details)

    async def _write(self, service: CrudService[Any], ids: Sequence[UUID]) -> Sequence[Outcome]:
        message = self.message

        async def ready(places: Sequence[int]) -> None:
            await service.ready([ids[place] for place in places])

        async def act(id: UUID, _: Sequence[Outcome]) -> Outcome:
            if message.action == "delete":
                return await write(service, "delete", DeleteItem(id=id, expected_version=None))
            if message.action == "restore":
                return await write(service, "restore", RestoreItem(id=id))
            patch = message.patch or {"tags": _tagged(service.records.held(id), message)}
            return await write(
                service, "update", read(service, "update", {"id": id, "patch": patch})
            )

        acts = [Act(partial(act, id)) for id in ids]
        return (await carry_out(service.tx, acts, ready=ready, on_error="skip")).outcomes

    def _added(
        self, ids: Sequence[UUID], outcomes: Sequence[Outcome]
    ) -> tuple[Counter[str], list[dict[str, Any]]]:
        counts = self.counts + Counter(str(outcome.result) for outcome in outcomes)
        errors = [
            {"id": id, "problem": problem_of(outcome.error, None)}
            for id, outcome in zip(ids, outcomes, strict=True)
            if outcome.error is not None
        ]
        return counts, [*self.errors, *errors][:MOST_ERRORS]


def _tagged(record: Any, message: WriteMatching) -> list[str]:
    """The tags of a record with those of the message added, or without them."""
    tags = message.tags or []
    if message.action == "untag":
        return [tag for tag in record.tags if tag not in tags]
    return list(dict.fromkeys([*record.tags, *tags]))
