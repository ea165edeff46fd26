"""What becomes of cases in the background: those that are resolved close by themselves."""

from datetime import date, timedelta

from crm_api.domains.cases.models import Case
from crm_api.domains.cases.service import CaseService
from crm_api.domains.cases.settings import settings_of
from crm_api.kit.crud.due import moving


async def close_resolved(service: CaseService, case: Case, _today: date) -> None:
    """Close a case, which is locked, that was resolved long enough ago."""
    days, now = settings_of(service.tx).auto_close_days, service.tx.now
    if case.status != "resolved" or case.resolved_at is None or days is None:
        return
    if case.resolved_at + timedelta(days=days) <= now:
        await service.change(case, {"status": "closed", "closed_at": now}, verb="closed")


close_cases = moving("crm_cases_resolved", CaseService, close_resolved)
