"""The rules of schedules and alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from crm_api.domains.report_watch.judging import Bound, robust_z
from crm_api.domains.report_watch.messages import DeliverReport
from crm_api.domains.report_watch.models import Alert, ReportSchedule
from crm_api.domains.report_watch.notices import notify
from crm_api.domains.report_watch.repository import AREA, Alerts, Schedules, known
from crm_api.domains.report_watch.schemas import (
    AlertCreate,
    AlertUpdate,
    ReportRecipient,
    ReportScheduleCreate,
    ReportScheduleUpdate,
)
from crm_api.domains.report_watch.timing import Timing, today
from crm_api.domains.reports.asking import key_of, named_reports, unknown
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.library import Library
from crm_api.domains.reports.operands import unfit
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.json import decode, encode, parsed
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Invalid, NotFound
from crm_api.kit.ids import new_id
from crm_api.kit.query.filters import parse
from crm_api.kit.recurrence import BadRule
from crm_api.platform.notifications.repository import members_of

OUTSIDE = "send_reports_outside"
_UNTOLD = timedelta(hours=1)
"""What is not told after so long keeps nobody from having it told anew."""
_RECIPIENTS = TypeAdapter(list[ReportRecipient])
_TIMES = frozenset({"cron", "rule", "starts_on", "at", "time_zone", "is_active"})
_REPORT = frozenset({"report_id", "standard_report", "parameters", "condition"})
_MEASURED = ("metric", "filter", "days")
_BOUNDS = frozenset({"method", "comparison", "threshold", "clear_at"})


async def checked(tx: Tx, given: Sequence[Any]) -> list[dict[str, Any]]:
    """Recipients as they are stored; raises `Invalid`."""
    found = _RECIPIENTS.validate_python(given)
    by_kind = {k: [r.id for r in found if r.kind == k and r.id] for k in ("user", "team")}
    there = await known(tx, by_kind["user"], by_kind["team"])
    for place, one in enumerate(found):
        at = f"/recipients/{place}"
        if (one.address is None) == (one.kind == "email"):
            raise Invalid.at(f"{at}/address", "unfit_kind", "It goes with the kind email.")
        if (one.id is None) == (one.kind in ("user", "team")):
            raise Invalid.at(f"{at}/id", "unfit_kind", "It goes with users and teams.")
        if one.id is not None and one.id not in there:
            raise Invalid.at(f"{at}/id", "unknown_reference", f"There is no such {one.kind}.")
    return [one.model_dump(mode="json", exclude_none=True) for one in found]


def ids_of(recipients: Sequence[Mapping[str, Any]], kind: str) -> list[UUID]:
    """The ids of the users or teams among recipients."""
    return [UUID(one["id"]) for one in recipients if one["kind"] == kind]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One occurrence of a schedule for one recipient, as it is asked for."""

    id: UUID
    schedule_id: UUID
    version: int
    name: str
    report_id: UUID | None
    standard_report: str | None
    parameters: Mapping[str, Any]
    condition: Mapping[str, Any] | None
    format: str | None
    occurrence_at: datetime
    kind: str
    whom: str
    """The id of a user, or an address."""
    actor: Mapping[str, Any]
    """Who sees it for whoever is outside."""


class ReportScheduleService(NamedService[ReportSchedule]):
    """Reports that are told from time to time, each recipient what that recipient sees."""

    repository = Schedules
    area = AREA
    plural = "report_schedules"
    personal = Impersonal("Which report is told when; recipients are users and addresses of work.")
    create_shape = ReportScheduleCreate
    update_shape = ReportScheduleUpdate
    records: Schedules

    async def prepare(
        self, values: dict[str, Any], current: ReportSchedule | None
    ) -> dict[str, Any]:
        """Its report is seen and takes the parameters; it is due not too often."""
        values = await super().prepare(values, current)
        if values.get("parameters", ...) is None:
            values["parameters"] = {}
        whole = {**(columns_of(current) if current else {}), **values}
        if whole["owner_id"] is None and (current is None or whole["sharing"] == "private"):
            values["owner_id"] = self.tx.actor.me
        if "recipients" in values:
            values["recipients"] = await checked(self.tx, values["recipients"])
        if any(one["kind"] == "email" for one in whole["recipients"]):
            # Whatever is changed of it: they get what whoever changes it sees.
            self.tx.actor.permitted(OUTSIDE)
        if values.get("condition") is not None:
            # As it is stored, so that the same again is no change.
            values["condition"] = decode(encode(values["condition"]))
        # A schedule whose report is gone may still be told without a condition.
        if any(name in values and (name != "condition" or values[name]) for name in _REPORT):
            await self._need_report({**whole, **values})
        if not _TIMES.isdisjoint(values):
            if whole.get("starts_on") is None:
                whole["starts_on"] = today(self.tx.now, whole["time_zone"])
                values["starts_on"] = whole["starts_on"]
            values["next_at"] = self._next(whole)
        values["actor"] = maker(self.tx)
        return values

    async def _need_report(self, whole: Mapping[str, Any]) -> None:
        key = key_of(whole["report_id"], whole["standard_report"])
        report = (await named_reports(self.tx, [key])).get(key)
        if report is None:
            raise unknown(key)
        await report.need(self.tx, whole["parameters"])
        condition = whole["condition"]
        if condition is not None:
            report.need_number(self.tx, condition["measure"], "/condition/measure")

    async def begin(self, row: Any, occurrence: datetime) -> None:
        """Have everybody told of an occurrence, each once."""
        whom = ids_of(row.recipients, "user"), ids_of(row.recipients, "team")
        users = [member["id"] for member in await members_of(self.tx, *whom)]
        told = [f"user:{user}" for user in users]
        told += sorted({f"email:{r['address']}" for r in row.recipients if r["kind"] == "email"})
        told += ["webhook:"] if any(r["kind"] == "webhook" for r in row.recipients) else []
        ids = [new_id() for _ in told]
        for id in await self.records.begin(row.id, occurrence, ids, told):
            self.tx.enqueue(DeliverReport(id))

    async def run(self, id: UUID, expected: int | None) -> Any:
        """Have it told now, whenever it is due next; by whoever may change it.

        Raises `Conflict` while somebody is still to be told of it.
        """
        self.need("update")
        current = await self.locked(id, expected)
        if any(one["kind"] == "email" for one in current.recipients):
            self.tx.actor.permitted(OUTSIDE)
        if await self.records.is_telling(id, self.tx.now - _UNTOLD):
            message = "Not everybody has been told of it yet: wait for its deliveries."
            raise Conflict(message, code="still_telling")
        await self.begin(current, self.tx.now)
        return await self.told(self.shown_of(current))

    async def result(self, id: UUID) -> dict[str, Any]:
        """What its report comes to now, as whoever asks sees it; raises `Invalid`, `Forbidden`."""
        row = await self.get(id)
        given = parsed(row.parameters)
        key = key_of(row.report_id, row.standard_report)
        report = (await named_reports(self.tx, [key])).get(key)
        if report is None:
            raise NotFound("There is no such report, or you do not see it.")
        library = Library(self.tx)
        asked = await report.asked(library, given)
        return {
            "report_id": row.report_id,
            "standard": asked.standard,
            "parameters": given if asked.parameters is None else asked.parameters,
            "answer": await library.run(asked.question),
        }

    async def delivery(self, id: UUID) -> Delivery | None:
        """A delivery that is to be made, whoever asks; None once something has become of it."""
        noted = await self.records.delivery(id)
        if noted is None or noted["status"] != "pending":
            return None
        rows = await self.records.locked([noted["schedule_id"]], everywhere=True)
        if not rows:
            return None
        kind, _, whom = noted["recipient"].partition(":")
        (row,) = rows
        return Delivery(
            id,
            row.id,
            row.version,
            row.name,
            row.report_id,
            row.standard_report,
            row.parameters,
            row.condition,
            row.format,
            noted["occurrence_at"],
            kind,
            whom,
            row.actor,
        )

    async def tell(self, asked: Delivery) -> None:
        """The event that endpoints get: which report it is, of when, and where its result is."""
        self.tx.record(
            "report_schedule.occurred",
            entity="report_schedule",
            record_id=asked.schedule_id,
            version=asked.version,
            data={
                "report_id": asked.report_id,
                "standard_report": asked.standard_report,
                "parameters": dict(asked.parameters),
                "occurrence_at": asked.occurrence_at,
                "result": f"/v1/report-schedules/{asked.schedule_id}/result",
            },
        )

    def _next(self, whole: Mapping[str, Any]) -> Any:
        if (whole["cron"] is None) == (whole["rule"] is None):
            raise Invalid.at("/cron", "one_of", "Say cron or a rule, and not both.")
        if (whole["rule"] is None) != (whole["at"] is None):
            raise Invalid.at("/at", "one_of", "A rule has a time of day, and cron has none.")
        which = "cron" if whole["cron"] is not None else "rule"
        try:
            found = timing_of(whole).after(self.tx.now)
        except BadRule as error:
            raise Invalid.at(f"/{which}", "bad_schedule", str(error)) from None
        if found is None:
            raise Invalid.at(f"/{which}", "never_due", "It is never due.")
        return found if whole["is_active"] else None


def maker(tx: Tx) -> dict[str, Any]:
    """Whoever writes, as it is kept."""
    return decode(encode(tx.actor.stored()))


def timing_of(whole: Mapping[str, Any]) -> Timing:
    """The times of a schedule."""
    names = ("time_zone", "cron", "rule", "starts_on", "at")
    return Timing(**{name: whole[name] for name in names})


class AlertService(NamedService[Alert]):
    """Metrics that are looked at as whoever wrote them last sees them."""

    repository = Alerts
    area = AREA
    plural = "alerts"
    personal = Impersonal("Thresholds of metrics.")
    create_shape = AlertCreate
    update_shape = AlertUpdate
    begins_with = {"state": "clear"}  # noqa: RUF012 - as everywhere
    records: Alerts

    async def prepare(self, values: dict[str, Any], current: Alert | None) -> dict[str, Any]:
        """Its metric is there and its bounds fit; what it measures anew it has no history of."""
        values = await super().prepare(values, current)
        _clear(values)
        whole = {**(columns_of(current) if current else {}), **values}
        if whole["owner_id"] is None and (current is None or whole["sharing"] == "private"):
            values["owner_id"] = self.tx.actor.me
        if "recipients" in values:
            values["recipients"] = await checked(self.tx, values["recipients"])
            if any(one["kind"] not in ("user", "team") for one in values["recipients"]):
                text = "Users and teams are told; endpoints subscribe to alert.raised."
                raise Invalid.at("/recipients", "unfit_kind", text)
        if any(name in values for name in _MEASURED):
            self._need_metric(whole)
            if current is not None and measured(current) != tuple(whole[n] for n in _MEASURED):
                await self.records.forget(current.id)
        if not _BOUNDS.isdisjoint(values):
            _need_bounds(whole)
        if current is None or "is_active" in values or "every_minutes" in values:
            pause = timedelta(minutes=whole["every_minutes"])
            values["next_at"] = self.tx.now + (timedelta() if current is None else pause)
            if not whole["is_active"]:
                values["next_at"] = None
        values["actor"] = maker(self.tx)
        return values

    def _need_metric(self, whole: Mapping[str, Any]) -> None:
        metric = Declared.metrics.get(whole["metric"])
        if metric is None:
            raise unfit("/metric", "unknown_metric", "There is no metric of this name.")
        if whole["days"] is not None and not metric.is_dated:
            raise Invalid.at("/days", "undated_metric", "It is a number of this moment.")
        if whole["filter"] and metric.figure is not None:
            raise Invalid.at("/filter", "computed_metric", f"{metric.name} has no filters.")
        parse(whole["filter"], Declared.services[metric.source].repository.listing, self.tx)

    async def active(self, id: UUID) -> Alert | None:
        """An alert to work on, whoever asks; None of one that is looked at no more."""
        rows = await self.records.locked([id], everywhere=True)
        return rows[0] if rows and rows[0].is_active else None

    async def judge(self, row: Alert, value: Decimal | None, error: str | None) -> str:
        """Note a value, raise or clear by it, and tell; of no value it stays as it is."""
        before = row.state == "raised"
        now = before if value is None else await self._is_bad(row, value, raised=before)
        if value is not None:
            await self.records.keep(row.id, self.tx.now, value)
        await self.records.note(row.id, self.tx.now, value, error)
        if now != before:
            state: dict[str, Any] = {"state": "raised" if now else "clear"}
            if now:
                state["raised_at"] = self.tx.now
            await self.change(row, state, verb="raised" if now else "cleared")
        if value is not None:
            await self._tell(row, value, before=before, now=now)
        return "raised" if now else "clear"

    async def _is_bad(self, row: Alert, value: Decimal, *, raised: bool) -> bool:
        if row.method == "threshold":
            threshold = float(row.threshold or 0)
            clear = threshold if row.clear_at is None else float(row.clear_at)
            more = "gt" if row.comparison == "gt" else "lt"
            return Bound(more, threshold, clear).judge(float(value), raised=raised)
        same_day = row.season == "weekday"
        history = await self.records.history(row.id, self.tx.now, same_day=same_day)
        z = robust_z(float(value), history)
        return z is not None and abs(z) >= float(row.sensitivity)

    async def _tell(self, row: Alert, value: Decimal, *, before: bool, now: bool) -> None:
        # What is raised again within the cool-down is told when that is over, if it still stands.
        pause = timedelta(minutes=row.cooldown_minutes)
        told, raised = row.told_at, row.raised_at
        is_told = told is not None and raised is not None and told >= raised
        if now and not is_told and (told is None or self.tx.now - told >= pause):
            await self.records.told(row.id, self.tx.now)
        elif not (before and not now and is_told):
            return
        whom = ids_of(row.recipients, "user"), ids_of(row.recipients, "team")
        users = [member["id"] for member in await members_of(self.tx, *whom)]
        if users:
            subject = f"{'⚠' if now else '✓'} {row.name}"
            # About no record: the alert is its owner's, and others are told of it all the same.
            notify(self.tx, users, subject, f"{row.metric}: {value}")


def _clear(values: dict[str, Any]) -> None:
    """Have no filter be an empty one; raises `Invalid` for nulls where there is no nothing."""
    if values.get("filter", ...) is None:
        values["filter"] = {}
    for name in ("every_minutes", "cooldown_minutes", "is_active"):
        if values.get(name, ...) is None:
            raise Invalid.at(f"/{name}", "required", "It cannot be cleared.")


def measured(alert: Alert) -> tuple[Any, ...]:
    """What an alert looks at, but for whose eyes it has."""
    return tuple(getattr(alert, name) for name in _MEASURED)


def _need_bounds(whole: Mapping[str, Any]) -> None:
    is_bound = whole["method"] == "threshold"
    for name in ("comparison", "threshold"):
        if is_bound and whole[name] is None:
            raise Invalid.at(f"/{name}", "required", "A threshold has both.")
    clear: Decimal | None = whole["clear_at"]
    if clear is None:
        return
    if not is_bound:
        raise Invalid.at("/clear_at", "unfit_method", "It goes with the method threshold.")
    above = whole["comparison"] == "gt"
    if (clear > whole["threshold"]) if above else (clear < whole["threshold"]):
        message = "It is cleared on the other side of the threshold."
        raise Invalid.at("/clear_at", "wrong_side", message)
