"""Bringing records in line with definitions that were changed."""

from typing import Any
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.states import await_knowledge
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import Duplicate
from crm_api.kit.jobs import JobContext, runs
from crm_api.platform.custom_fields.events import IndexRecords
from crm_api.platform.custom_fields.service import CustomFieldService

BATCH = 500


@runs(IndexRecords)
async def index_records(context: JobContext, message: IndexRecords) -> dict[str, Any]:
    """Write keys, words and index entries of every record, a batch at a time.

    A value that turns out to stand twice ends it, and the field is no longer unique.
    """
    async with unit_of_work(context.tx(read_only=True)) as tx:
        await await_knowledge(tx)
    try:
        done = await _reindex(context, message.target)
    except Duplicate:
        async with unit_of_work(context.tx()) as tx:
            await CustomFieldService(tx).give_up_unique(message.field_ids)
        raise
    async with unit_of_work(context.tx()) as tx:
        await CustomFieldService(tx).complete(message.field_ids)
    return {"records": done}


async def _reindex(context: JobContext, target: str) -> int:
    after: UUID | None = None
    done = 0
    while True:
        async with unit_of_work(context.tx()) as tx:
            ids = await service_of(tx, target).reindex(after, BATCH)
            done += len(ids)
            await context.job.advance(tx, done)
        if len(ids) < BATCH:
            return done
        after = ids[-1]
