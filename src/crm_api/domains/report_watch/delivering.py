"""One occurrence of a schedule for one recipient: read as the recipient, and told."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from crm_api.domains.report_watch.notices import About, notify
from crm_api.domains.report_watch.reader import maker_of, user_of
from crm_api.domains.report_watch.service import (
    OUTSIDE,
    Delivery,
    ReportScheduleService,
)
from crm_api.domains.reports.asking import NamedReport, key_of, named_reports
from crm_api.domains.reports.files import TYPES, written
from crm_api.domains.reports.library import Library
from crm_api.domains.reports.printing import report_pdf
from crm_api.domains.reports.runs import BY_JOB
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.jobs import JobContext
from crm_api.kit.mail import Enclosed, Letter
from crm_api.platform.outreach.gate import is_suppressed

_ROWS = 20
"""So many rows stand in a notice or letter itself."""
_EMAIL = "SELECT email FROM users WHERE organization_id = $1 AND id = $2"


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a delivery, and what is told."""

    status: str
    reason: str | None = None
    text: str = ""
    about: About | None = None


async def found_for(context: JobContext, asked: Delivery) -> Found:
    """What the recipient sees; a letter has been sent by then. Raises `CrmError`."""
    is_user = asked.kind == "user"
    reader = await (
        user_of(context, UUID(asked.whom)) if is_user else maker_of(context, asked.actor)
    )
    if asked.kind == "email":
        # As of now, like all other rights.
        reader.actor.permitted(OUTSIDE)
        if await is_suppressed(reader, asked.whom):
            return Found("skipped", "suppressed")
    report, answer = await _result(reader, asked)
    if asked.condition is not None:
        if asked.condition["measure"] not in {column["name"] for column in answer["columns"]}:
            # Of a report that has been changed since.
            return Found("failed", "unknown_measure")
        if not meets(answer, asked.condition):
            return Found("skipped", "condition_not_met")
    text = text_of(answer)
    if asked.kind == "webhook" or (is_user and asked.format is None):
        return Found("sent", None, text, report.record)
    address = asked.whom if asked.kind == "email" else await _address(reader, UUID(asked.whom))
    files = [] if asked.format is None else [await _file(reader, report, asked.format, answer)]
    letter = Letter(str(asked.id), address, asked.name, f"{text}\n", files=files)
    is_sent = await context.mailer.send(letter)
    return Found("sent", None, text) if is_sent else Found("failed", "no_mail_server")


async def _result(reader: Tx, asked: Delivery) -> tuple[NamedReport, Mapping[str, Any]]:
    key = key_of(asked.report_id, asked.standard_report)
    report = (await named_reports(reader, [key])).get(key)
    if report is None:
        raise NotFound("The report is not seen.")
    library = Library(reader, BY_JOB)
    found = await report.asked(library, asked.parameters)
    return report, await library.run(found.question)


async def _address(reader: Tx, user: UUID) -> str:
    rows = await reader.fetch(_EMAIL, reader.organization_id, user)
    return rows[0]["email"]


async def _file(
    reader: Tx, report: NamedReport, format: str, answer: Mapping[str, Any]
) -> Enclosed:
    name = f"{report.file}.{format}"
    if format == "pdf":
        title, chart = report.title, report.chart
        made = await report_pdf(reader, title, answer, answer["rows"], None, chart)
        return Enclosed(name, "application/pdf", made)
    kind = "csv" if format == "csv" else "xlsx"
    data = await written(kind, answer["columns"], answer["rows"], answer["totals"])
    return Enclosed(name, TYPES[kind], data)


async def carry_out(tx: Tx, asked: Delivery, found: Found) -> None:
    """What belongs into the transaction that notes it: the notice, or the event of endpoints."""
    if found.status != "sent":
        return
    if asked.kind == "webhook":
        await ReportScheduleService(tx).tell(asked)
    elif asked.kind == "user" and asked.format is None:
        notify(tx, [UUID(asked.whom)], asked.name, found.text, found.about)


def meets(answer: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """Whether a value of a row is as the condition says; what is no number never is."""
    bound = Decimal(str(condition["value"]))
    values = [row["values"].get(condition["measure"]) for row in answer["rows"]]
    numbers = [number for value in values if (number := _number(value)) is not None]
    more = condition["comparison"] == "gt"
    return any(one > bound if more else one < bound for one in numbers)


def _number(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def text_of(answer: Mapping[str, Any]) -> str:
    """The first rows as text, a line each; what ids mean stands for them."""
    names = [column["name"] for column in answer["columns"] if not column.get("label")]
    lines = [
        " · ".join(f"{name}: {_plain(row['values'].get(name))}" for name in names)
        for row in answer["rows"][:_ROWS]
    ]
    if len(answer["rows"]) > _ROWS:
        lines.append("…")
    return "\n".join(lines) or "–"


def _plain(value: Any) -> str:
    return "–" if value is None else str(value)
