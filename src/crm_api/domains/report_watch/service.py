"""The rules of schedules and alerts."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from pydantic import TypeAdapter

from crm_api.domains.report_watch.models import Alert, ReportSchedule
from crm_api.domains.report_watch.repository import Alerts, Schedules, known
from crm_api.domains.report_watch.schemas import (
    AlertCreate,
    AlertUpdate,
    ReportRecipient,
    ReportScheduleCreate,
    ReportScheduleUpdate,
)
from crm_api.domains.report_watch.timing import Timing, today
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.operands import unfit
from crm_api.domains.reports.parameters import filled
from crm_api.domains.reports.running import AREA
from crm_api.domains.reports.service import ReportService
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.recurrence import BadRule

OUTSIDE = "send_reports_outside"
_RECIPIENTS = TypeAdapter(list[ReportRecipient])
_TIMES = frozenset({"cron", "rule", "starts_on", "at", "time_zone", "is_active"})
_MEASURED = frozenset({"metric", "filter", "days"})
_BOUNDS = frozenset({"method", "comparison", "threshold", "clear_at"})


async def checked(tx: Tx, given: Sequence[Any]) -> list[dict[str, Any]]:
    """Recipients as they are stored; raises `Invalid`, and `Forbidden` for addresses outside."""
    found = _RECIPIENTS.validate_python(given)
    by_kind = {k: [r.id for r in found if r.kind == k and r.id] for k in ("user", "team")}
    there = await known(tx, by_kind["user"], by_kind["team"])
    for place, one in enumerate(found):
        at = f"/recipients/{place}"
        if (one.address is None) == (one.kind == "email"):
            raise Invalid.at(f"{at}/address", "unfit_kind", "It goes with the kind email.")
        if (one.id is None) == (one.kind != "email"):
            raise Invalid.at(f"{at}/id", "unfit_kind", "It goes with users and teams.")
        if one.id is not None and one.id not in there:
            raise Invalid.at(f"{at}/id", "unknown_reference", f"There is no such {one.kind}.")
    if any(one.kind == "email" for one in found):
        tx.actor.permitted(OUTSIDE)
    return [one.model_dump(mode="json", exclude_none=True) for one in found]


def ids_of(recipients: Sequence[Mapping[str, Any]], kind: str) -> list[UUID]:
    """The ids of the users or teams among recipients."""
    return [UUID(one["id"]) for one in recipients if one["kind"] == kind]


class ReportScheduleService(NamedService[ReportSchedule]):
    """Reports that are told from time to time, each recipient what that recipient sees."""

    repository = Schedules
    area = AREA
    plural = "report_schedules"
    personal = Impersonal("Which report is told when; recipients are users and addresses of work.")
    create_shape = ReportScheduleCreate
    update_shape = ReportScheduleUpdate
    begins_with = {"next_at": None}  # noqa: RUF012 - as everywhere
    records: Schedules

    async def prepare(
        self, values: dict[str, Any], current: ReportSchedule | None
    ) -> dict[str, Any]:
        """Its report is seen and takes the parameters; it is due not too often."""
        values = await super().prepare(values, current)
        whole = {**(columns_of(current) if current else {}), **values}
        if whole["owner_id"] is None:
            values["owner_id"] = self.tx.actor.me
        if "recipients" in values:
            values["recipients"] = await checked(self.tx, values["recipients"])
        if not {"report_id", "parameters"}.isdisjoint(values):
            await self._need_report(whole)
        if not _TIMES.isdisjoint(values):
            if whole.get("starts_on") is None:
                whole["starts_on"] = today(self.tx.now, whole["time_zone"])
                values["starts_on"] = whole["starts_on"]
            values["next_at"] = self._next(whole)
        return values

    async def _need_report(self, whole: Mapping[str, Any]) -> None:
        found = await ReportService(self.tx).records.rows([whole["report_id"]])
        report = found.get(whole["report_id"])
        if report is None:
            raise Invalid.at("/report_id", "unknown_reference", "There is no such report.")
        filled(read(report.definition), read(report.parameters), whole["parameters"])

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


def timing_of(whole: Mapping[str, Any]) -> Timing:
    """The times of a schedule."""
    names = ("time_zone", "cron", "rule", "starts_on", "at")
    return Timing(**{name: whole[name] for name in names})


def read(value: Any) -> Any:
    """JSON of a row, which passes through unread till somebody needs it."""
    return cast("Any", value) if isinstance(value, list | dict) else decode(value)


class AlertService(NamedService[Alert]):
    """Metrics that are looked at as their owner sees them."""

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
        whole = {**(columns_of(current) if current else {}), **values}
        if whole["owner_id"] is None:
            values["owner_id"] = self.tx.actor.me
        if "recipients" in values:
            values["recipients"] = await checked(self.tx, values["recipients"])
            if any(one["kind"] == "email" for one in values["recipients"]):
                raise Invalid.at("/recipients", "unfit_kind", "Users and teams are told.")
        if not _MEASURED.isdisjoint(values):
            _need_metric(whole)
        if not _BOUNDS.isdisjoint(values):
            _need_bounds(whole)
        if current is None or "is_active" in values or "every_minutes" in values:
            pause = timedelta(minutes=whole["every_minutes"])
            values["next_at"] = self.tx.now + (timedelta() if current is None else pause)
            if not whole["is_active"]:
                values["next_at"] = None
        return values


def _need_metric(whole: Mapping[str, Any]) -> None:
    metric = Declared.metrics.get(whole["metric"])
    if metric is None:
        raise unfit("/metric", "unknown_metric", "There is no metric of this name.")
    if whole["days"] is not None and not metric.dated_by:
        raise Invalid.at("/days", "undated_metric", "It is a number of this moment.")


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
