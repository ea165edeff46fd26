"""How schedules, deliveries and alerts are stored and found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_

from crm_api.domains.report_watch.models import Alert, ReportSchedule
from crm_api.domains.report_watch.schemas import AlertOut, ReportScheduleOut
from crm_api.domains.reports.repository import REPORTS
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing, Relation

AREA = "report_watch"
_ADD = """
    INSERT INTO report_deliveries (organization_id, id, schedule_id, occurrence_at, recipient,
        status)
    SELECT $1, r.id, $2, $3, r.recipient, 'pending'
    FROM unnest($4::uuid[], $5::text[]) AS r (id, recipient)
    ON CONFLICT (organization_id, schedule_id, occurrence_at, recipient) DO NOTHING
    RETURNING id
"""
_DELIVERY = """
    SELECT schedule_id, occurrence_at, recipient, status FROM report_deliveries
    WHERE organization_id = $1 AND id = $2
"""
_SETTLE = """
    UPDATE report_deliveries SET status = $3, reason = $4, finished_at = now()
    WHERE organization_id = $1 AND id = $2 AND status = 'pending' RETURNING id
"""
_PENDING = """
    SELECT 1 FROM report_deliveries WHERE organization_id = $1 AND schedule_id = $2
        AND occurrence_at > $3 AND status = 'pending' LIMIT 1
"""
_LAST = """
    SELECT id, occurrence_at, recipient, status, reason, finished_at FROM report_deliveries
    WHERE organization_id = $1 AND schedule_id = $2
    ORDER BY occurrence_at DESC, recipient LIMIT $3
"""
_KNOWN = """
    SELECT id FROM users WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
    UNION ALL
    SELECT id FROM teams WHERE organization_id = $1 AND id = ANY($3) AND deleted_at IS NULL
"""
_KEEP = """
    INSERT INTO alert_values (organization_id, alert_id, at, value) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING RETURNING 1
"""
_FORGET = """
    DELETE FROM alert_values WHERE organization_id = $1 AND alert_id = $2
        AND at < $3::timestamptz - interval '400 days' RETURNING 1
"""
_FORGET_ALL = """
    DELETE FROM alert_values WHERE organization_id = $1 AND alert_id = $2 RETURNING 1
"""
_NOTE = """
    UPDATE alerts SET checked_at = $3, last_value = $4, last_error = $5
    WHERE organization_id = $1 AND id = $2 RETURNING 1
"""
_TOLD = "UPDATE alerts SET told_at = $3 WHERE organization_id = $1 AND id = $2 RETURNING 1"
_HISTORY = """
    SELECT v.value FROM alert_values v JOIN organizations o ON o.id = v.organization_id
    WHERE v.organization_id = $1 AND v.alert_id = $2 AND v.at < $3
        AND (NOT $4 OR extract(isodow FROM v.at AT TIME ZONE o.time_zone)
            = extract(isodow FROM $3::timestamptz AT TIME ZONE o.time_zone))
    ORDER BY v.at DESC LIMIT 200
"""

SCHEDULES: Listing = Listing(
    model=ReportSchedule,
    out=ReportScheduleOut,
    area=AREA,
    sorts={"name": ReportSchedule.sort_name},
    relations=(Relation("report", lambda: REPORTS, ReportSchedule.report_id, REPORTS.model.id),),
    # What is sent, to whom and with which parameters is between its owner and them, unless shared.
    open_to=lambda row, me: or_(row.sharing == "organization", row.owner_id == me),
)
ALERTS: Listing = Listing(
    model=Alert,
    out=AlertOut,
    area=AREA,
    sorts={"name": Alert.sort_name},
    # What it saw is for its owner, unless shared.
    open_to=lambda row, me: or_(row.sharing == "organization", row.owner_id == me),
)


class Schedules(Repository[ReportSchedule]):
    """The actor's own schedules, and what became of them."""

    model = ReportSchedule
    listing = SCHEDULES

    async def begin(
        self, id: UUID, at: datetime, ids: Sequence[UUID], recipients: Sequence[str]
    ) -> list[UUID]:
        """Note deliveries of an occurrence; those that there are already are left out."""
        own = self.tx.organization_id
        rows = await self.tx.write(_ADD, own, id, at, list(ids), list(recipients))
        return [row["id"] for row in rows]

    async def delivery(self, id: UUID) -> Any:
        """A delivery, or None."""
        rows = await self.tx.fetch(_DELIVERY, self.tx.organization_id, id)
        return rows[0] if rows else None

    async def settle(self, id: UUID, status: str, reason: str | None) -> bool:
        """Note what became of a delivery; False where that is known already."""
        return bool(await self.tx.write(_SETTLE, self.tx.organization_id, id, status, reason))

    async def is_telling(self, id: UUID, since: datetime) -> bool:
        """Whether somebody is still to be told of an occurrence after a moment."""
        return bool(await self.tx.fetch(_PENDING, self.tx.organization_id, id, since))

    async def last(self, id: UUID, limit: int) -> list[dict[str, Any]]:
        """The last deliveries of a schedule."""
        rows = await self.tx.fetch(_LAST, self.tx.organization_id, id, limit)
        return [dict(row) for row in rows]


class Alerts(Repository[Alert]):
    """The actor's own alerts, and the values they have seen."""

    model = Alert
    listing = ALERTS

    async def keep(self, id: UUID, at: datetime, value: Any) -> None:
        """Add to the history of a metric; what is too old goes."""
        await self.tx.write(_KEEP, self.tx.organization_id, id, at, value)
        await self.tx.write(_FORGET, self.tx.organization_id, id, at)

    async def forget(self, id: UUID) -> None:
        """Remove the whole history: it is one of something else."""
        await self.tx.write(_FORGET_ALL, self.tx.organization_id, id)

    async def note(self, id: UUID, at: datetime, value: Any, error: str | None) -> None:
        """What was seen; no change that anybody has to hear of."""
        await self.tx.write(_NOTE, self.tx.organization_id, id, at, value, error)

    async def told(self, id: UUID, at: datetime) -> None:
        """Note that its recipients were told."""
        await self.tx.write(_TOLD, self.tx.organization_id, id, at)

    async def history(self, id: UUID, before: datetime, *, same_day: bool) -> list[float]:
        """The values before, the latest first; `same_day` asks for the same weekday."""
        own = self.tx.organization_id
        return [float(r["value"]) for r in await self.tx.fetch(_HISTORY, own, id, before, same_day)]


async def known(tx: Tx, users: Sequence[UUID], teams: Sequence[UUID]) -> set[UUID]:
    """Those of some users and teams that there are."""
    rows = await tx.fetch(_KNOWN, tx.organization_id, list(users), list(teams))
    return {row["id"] for row in rows}
