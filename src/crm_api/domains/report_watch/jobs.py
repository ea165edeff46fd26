"""The work of schedules and alerts: read as somebody, then told in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.report_watch.judging import Bound, robust_z
from crm_api.domains.report_watch.messages import CheckAlert, DeliverReport
from crm_api.domains.report_watch.models import Alert
from crm_api.domains.report_watch.repository import members
from crm_api.domains.report_watch.service import (
    AlertService,
    ReportScheduleService,
    ids_of,
    read,
)
from crm_api.domains.report_watch.timing import today
from crm_api.domains.reports.metrics import Metrics
from crm_api.domains.reports.parameters import filled
from crm_api.domains.reports.running import Reports
from crm_api.domains.reports.runs import BY_JOB
from crm_api.domains.reports.service import ReportService
from crm_api.kit.automation import zone_of
from crm_api.kit.db.tables import EventRow
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Forbidden, NotFound
from crm_api.kit.jobs import JobContext, runs
from crm_api.kit.letters import post
from crm_api.platform.notifications.events import NOTICE
from crm_api.platform.notifications.reading import Audience
from crm_api.platform.notifications.repository import add_notice

_ROWS = 20
_LATER = 500
"""From this status on it is no fault of what was asked, and tried again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be told: a text, or why nothing is."""

    status: str
    reason: str | None = None
    text: str = ""


async def reader_of(context: JobContext, user: UUID | None) -> Tx:
    """The eyes of a user as they are now; raises `Forbidden`."""
    own = context.actor.organization_id
    found = None if user is None else await Audience.reader(context.database, own, user)
    if found is None:
        raise Forbidden("The user is not let in any more.", code="user_not_active")
    return found


@runs(DeliverReport)
async def deliver_report(context: JobContext, message: DeliverReport) -> dict[str, Any]:
    """Tell one recipient; the letter or notice and its log are one transaction."""
    async with unit_of_work(context.tx()) as tx:
        service = ReportScheduleService(tx)
        delivery = await service.records.delivery(message.delivery_id)
        schedule = delivery and await service.records.find(delivery["schedule_id"])
        if schedule is None or delivery["status"] != "pending":
            return {"status": "settled"}
        told = {name: getattr(schedule, name) for name in ("name", "owner_id", "version", "id")}
        asked = (schedule.report_id, schedule.parameters, schedule.condition)
    kind, _, whom = delivery["recipient"].partition(":")
    try:
        reader = await reader_of(context, UUID(whom) if kind == "user" else told["owner_id"])
        found = await _report(reader, *asked)
    except CrmError as error:
        if error.status >= _LATER:
            raise
        found = Found("failed", error.own_code)
    async with unit_of_work(context.tx()) as tx:
        await context.job.advance(tx, 1, 1)
        records = ReportScheduleService(tx).records
        if not await records.settle(message.delivery_id, found.status, found.reason):
            return {"status": "settled"}
        if found.status == "sent" and kind == "email":
            values = {"subject": told["name"], "text": found.text}
            post(tx, "notice", whom, UUID(int=0), values)
        elif found.status == "sent":
            about = ("report_schedule", told["id"], told["version"])
            _notify(tx, about, [UUID(whom)], told["name"], found.text)
    return {"status": found.status}


async def _report(
    reader: Tx, id: UUID, parameters: Mapping[str, Any], condition: Mapping[str, Any] | None
) -> Found:
    rows = await ReportService(reader).records.rows([id])
    if id not in rows:
        raise NotFound("The report is not seen.")
    query = filled(read(rows[id].definition), read(rows[id].parameters), parameters)
    answer = await Reports(reader, BY_JOB).run(query)
    if condition is not None and not _meets(answer, condition):
        return Found("skipped", "condition_not_met")
    return Found("sent", None, text_of(answer))


def _meets(answer: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    bound = float(condition["value"])
    values = [row["values"].get(condition["measure"]) for row in answer["rows"]]
    numbers = [float(value) for value in values if value is not None]
    more = condition["comparison"] == "gt"
    return any(one > bound if more else one < bound for one in numbers)


def text_of(answer: Mapping[str, Any]) -> str:
    """The first rows as text, a line each."""
    names = [column["name"] for column in answer["columns"]]
    lines = [
        " · ".join(f"{name}: {_plain(row['values'].get(name))}" for name in names)
        for row in answer["rows"][:_ROWS]
    ]
    if len(answer["rows"]) > _ROWS:
        lines.append("…")
    return "\n".join(lines) or "–"


def _plain(value: Any) -> str:
    return "–" if value is None else str(value)


def _notify(
    tx: Tx, about: tuple[str, UUID, int], users: list[UUID], subject: str, text: str
) -> None:
    """Tell users in their inbox; the event names them, and what it says is kept beside it."""
    entity, id, version = about
    tx.record(NOTICE, entity=entity, record_id=id, version=version, data={"users": users})
    add_notice(tx, tx.kept(EventRow)[-1]["id"], id, subject=subject, text=text)


@runs(CheckAlert)
async def check_alert(context: JobContext, message: CheckAlert) -> dict[str, Any]:
    """Look at a metric as the alert's owner sees it, and raise or clear the alert."""
    async with unit_of_work(context.tx()) as tx:
        row = await AlertService(tx).records.find(message.alert_id)
        if row is None or not row.is_active:
            return {"state": None}
        asked = (row.metric, row.days, row.filter)
        owner = row.owner_id
    value: Decimal | None = None
    error: str | None = None
    try:
        value = await _value(await reader_of(context, owner), *asked)
    except CrmError as found:
        if found.status >= _LATER:
            raise
        error = found.own_code
    async with unit_of_work(context.tx()) as tx:
        await context.job.advance(tx, 1, 1)
        service = AlertService(tx)
        row = await service.records.find(message.alert_id, lock=True)
        if row is None or not row.is_active:
            return {"state": None}
        return {"state": await _judge(tx, service, row, value, error)}


async def _value(reader: Tx, metric: str, days: int | None, filter: Any) -> Decimal | None:
    last = None
    if days is not None:
        last = today(reader.now, str(await zone_of(reader)))
    first = last and last - timedelta(days=(days or 1) - 1)
    found = await Metrics(reader, BY_JOB).of(metric, None, first, last, filter)
    return None if found["value"] is None else Decimal(str(found["value"]))


async def _judge(
    tx: Tx, service: AlertService, row: Alert, value: Decimal | None, error: str | None
) -> str:
    """Note a value, and raise or clear by it; what there is no value of stays as it is."""
    noted: dict[str, Any] = {"last_value": value, "last_error": error, "checked_at": tx.now}
    raised = row.state == "raised"
    now = raised if value is None else await _is_bad(tx, service, row, value, raised=raised)
    if value is not None:
        await service.records.keep(row.id, tx.now, value)
    if now == raised:
        await service.change(row, noted, verb="checked")
        return row.state
    since = row.raised_at
    noted["state"] = "raised" if now else "clear"
    if now:
        noted["raised_at"] = tx.now
    await service.change(row, noted, verb="raised" if now else "cleared")
    is_cool = since is None or tx.now - since >= timedelta(minutes=row.cooldown_minutes)
    if is_cool or not now:
        whom = ids_of(row.recipients, "user"), ids_of(row.recipients, "team")
        users = await members(tx, *whom)
        text = f"{row.metric}: {value}"
        subject = f"{'⚠' if now else '✓'} {row.name}"
        if users:
            _notify(tx, ("alert", row.id, row.version), users, subject, text)
    return noted["state"]


async def _is_bad(
    tx: Tx, service: AlertService, row: Alert, value: Decimal, *, raised: bool
) -> bool:
    if row.method == "threshold":
        threshold = float(row.threshold or 0)
        clear = threshold if row.clear_at is None else float(row.clear_at)
        more = "gt" if row.comparison == "gt" else "lt"
        return Bound(more, threshold, clear).judge(float(value), raised=raised)
    same_day = row.season == "weekday"
    history = await service.records.history(row.id, tx.now, same_day=same_day)
    z = robust_z(float(value), history)
    return z is not None and abs(z) >= float(row.sensitivity)
