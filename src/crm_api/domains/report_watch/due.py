"""What is due: jobs of the recipients of schedules, and of alerts."""

from datetime import timedelta
from uuid import UUID

from crm_api.domains.report_watch.messages import CheckAlert
from crm_api.domains.report_watch.repository import AREA
from crm_api.domains.report_watch.service import (
    AlertService,
    ReportScheduleService,
    timing_of,
)
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.rounds import Rounds

_MOVE = "UPDATE {} SET next_at = $3 WHERE organization_id = $1 AND id = $2 RETURNING id"


class SchedulesDue(Rounds):
    """Begins the deliveries of an occurrence and moves on, in one transaction.

    What was due while nobody looked is one occurrence, the first of them.
    """

    sql = "SELECT organization_id, schedule_id AS id FROM crm_report_schedules_due($1)"

    async def attend(self, tx: Tx, id: UUID) -> bool | None:
        """Begin what is due of a schedule."""
        rows = await ReportScheduleService(tx).records.locked([id], everywhere=True)
        row = rows[0] if rows else None
        if row is None or row.next_at is None or row.next_at > tx.now:
            return None
        occurrence = row.next_at
        if AREA not in tx.actor.closed:
            await ReportScheduleService(tx).begin(row, occurrence)
        following = timing_of(columns_of(row)).after(tx.now)
        await tx.write(_MOVE.format("report_schedules"), tx.organization_id, id, following)
        return False


class AlertsDue(Rounds):
    """Has the metrics of alerts looked at."""

    sql = "SELECT organization_id, alert_id AS id FROM crm_alerts_due($1)"

    async def attend(self, tx: Tx, id: UUID) -> bool | None:
        """Have one looked at, and say when next."""
        row = await AlertService(tx).active(id)
        if row is None or row.next_at is None or row.next_at > tx.now:
            return None
        if AREA not in tx.actor.closed:
            tx.enqueue(CheckAlert(id))
        following = tx.now + timedelta(minutes=row.every_minutes)
        await tx.write(_MOVE.format("alerts"), tx.organization_id, id, following)
        return False
