"""The work of the audit trail."""

from typing import Any

from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.jobs import JobContext, runs
from crm_api.platform.audit.events import VerifyAudit
from crm_api.platform.audit.service import AuditService
from crm_api.platform.audit.verifying import verify_stored


@runs(VerifyAudit)
async def verify_audit(context: JobContext, _message: VerifyAudit) -> dict[str, Any]:
    """Follow the chain, and write down in the trail how it was found."""
    report = await verify_stored(context.database, context.actor.organization_id)
    async with unit_of_work(context.tx()) as tx:
        await context.job.hold(tx)
        AuditService(tx).verified(report)
    return report.told()
