"""What is due: jobs of the recipients of schedules, and of alerts."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.report_watch.messages import CheckAlert, DeliverReport
from crm_api.domains.report_watch.repository import AREA
from crm_api.domains.report_watch.service import (
    AlertService,
    ReportScheduleService,
    ids_of,
    timing_of,
)
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.kit.rounds import Rounds
from crm_api.platform.notifications.repository import members_of

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
            await self._begin(tx, row, occurrence)
        following = timing_of(columns_of(row)).after(tx.now)
        await tx.write(_MOVE.format("report_schedules"), tx.organization_id, id, following)
        return False

    async def _begin(self, tx: Tx, row: Any, occurrence: Any) -> None:
        whom = ids_of(row.recipients, "user"), ids_of(row.recipients, "team")
        users = [member["id"] for member in await members_of(tx, *whom)]
        told = [f"user:{user}" for user in users]
        told += sorted({f"email:{r['address']}" for r in row.recipients if r["kind"] == "email"})
        told += ["webhook:"] if any(r["kind"] == "webhook" for r in row.recipients) else []
        service = ReportScheduleService(tx)
        ids = [new_id() for _ in told]
        for id in await service.records.begin(row.id, occurrence, ids, told):
            tx.enqueue(DeliverReport(id))


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
