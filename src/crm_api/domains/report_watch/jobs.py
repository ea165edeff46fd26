"""The work of schedules and alerts."""

from typing import Any

from crm_api.domains.report_watch.checking import value_of
from crm_api.domains.report_watch.delivering import Found, carry_out, found_for
from crm_api.domains.report_watch.messages import CheckAlert, DeliverReport
from crm_api.domains.report_watch.service import AlertService, ReportScheduleService, measured
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import CrmError
from crm_api.kit.jobs import JobContext, runs

_LATER = 500
"""From this status on it is no fault of what was asked, and tried again."""


@runs(DeliverReport)
async def deliver_report(context: JobContext, message: DeliverReport) -> dict[str, Any]:
    """Tell one recipient what that recipient sees.

    A notice and its log are one transaction. A letter is sent before it is noted: tried again it
    may arrive twice, by the same Message-ID.
    """
    async with unit_of_work(context.tx()) as tx:
        asked = await ReportScheduleService(tx).delivery(message.delivery_id)
    if asked is None:
        return {"status": "settled"}
    try:
        found = await found_for(context, asked)
    except CrmError as error:
        if error.status >= _LATER:
            raise
        found = Found("failed", error.own_code)
    async with unit_of_work(context.tx()) as tx:
        await context.job.advance(tx, 1, 1)
        records = ReportScheduleService(tx).records
        if not await records.settle(asked.id, found.status, found.reason):
            return {"status": "settled"}
        await carry_out(tx, asked, found)
    return {"status": found.status}


@runs(CheckAlert)
async def check_alert(context: JobContext, message: CheckAlert) -> dict[str, Any]:
    """Look at a metric as whoever wrote the alert sees it, and raise or clear the alert."""
    async with unit_of_work(context.tx()) as tx:
        alert = await AlertService(tx).active(message.alert_id)
        if alert is None:
            return {"state": None}
        asked, actor = measured(alert), alert.actor
    value, error = None, None
    try:
        value = await value_of(context, actor, *asked)
    except CrmError as found:
        if found.status >= _LATER:
            raise
        error = found.own_code
    async with unit_of_work(context.tx()) as tx:
        await context.job.advance(tx, 1, 1)
        service = AlertService(tx)
        alert = await service.active(message.alert_id)
        if alert is None or (measured(alert), alert.actor) != (asked, actor):
            # It was changed meanwhile: what was seen is no value of what it looks at now.
            return {"state": None}
        return {"state": await service.judge(alert, value, error)}
