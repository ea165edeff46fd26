"""Bringing what is shared in line with the rules."""

from typing import Any
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.states import await_knowledge
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.jobs import JobContext, runs
from crm_api.kit.query.rules import share_by_rules
from crm_api.platform.access.events import ApplySharingRule
from crm_api.platform.access.repository import close_rule
from crm_api.platform.access.rules import SharingRuleService

BATCH = 1_000


@runs(ApplySharingRule)
async def apply_sharing_rule(context: JobContext, message: ApplySharingRule) -> dict[str, Any]:
    """Look at every record of a kind, a batch at a time, by the rules as they stand then."""
    async with unit_of_work(context.tx(read_only=True)) as tx:
        await await_knowledge(tx)
    after: UUID | None = None
    done = 0
    while True:
        async with unit_of_work(context.tx()) as tx:
            rules = tx.catalogue.rules.get(message.target, [])
            if all(rule.id != message.rule_id for rule in rules):
                # A writer who did not know yet may have shared by it once more.
                await close_rule(tx, message.rule_id)
                await context.job.advance(tx, done)
                return {"records": done}
            ids = await service_of(tx, message.target).records.next_ids(after, BATCH)
            await share_by_rules(tx, message.target, ids)
            done += len(ids)
            await context.job.advance(tx, done)
        if len(ids) < BATCH:
            break
        after = ids[-1]
    async with unit_of_work(context.tx()) as tx:
        await SharingRuleService(tx).complete(message.rule_id, message.version)
    return {"records": done}
