"""Who stays and who buys how, as standard reports by the analyses of segments."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from crm_api.domains.segments.analysing import Analysis
from crm_api.domains.segments.discovering import Discovery
from crm_api.domains.segments.figures import DiscoverInput
from crm_api.domains.segments.repository import AREA, BEHAVIOUR_AREA
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.query.moments import instant_of
from crm_api.kit.query.selection import Selection
from crm_api.kit.report_words import MOST_BEHIND, few
from crm_api.kit.reporting import (
    Computed,
    ComputedReport,
    Filter,
    Line,
    Parameter,
    Records,
    ReportField,
)

_SEGMENT = Parameter("segment_id", "uuid", "Only of the members of this segment.", is_optional=True)
_MOST_MONTHS = 60
Given = Mapping[str, Any]


async def _need_segment(tx: Tx, given: Given) -> None:
    """Raise `Invalid` where a segment is named that there is not."""
    if given.get("segment_id") is None:
        return
    try:
        await SegmentService(tx).get(given["segment_id"], Selection(("id",)))
    except NotFound:
        message = "There is no such segment."
        raise Invalid.parameter("segment_id", "unknown_segment", message) from None


async def _need_cohorts(tx: Tx, given: Given) -> None:
    """Raise `Invalid` for too many months, or a segment whose members do nothing."""
    if not 1 <= given.get("months", 1) <= _MOST_MONTHS:
        message = f"Between 1 and {_MOST_MONTHS} months."
        raise Invalid.parameter("months", "out_of_range", message)
    await _need_segment(tx, given)
    if given.get("segment_id") is not None:
        await Analysis(tx).of_contacts(given["segment_id"])


async def _retained(tx: Tx, given: Given) -> Computed:
    """Each month in which contacts came, by how many months later they did something."""
    told = await Analysis(tx).cohorts(
        segment_id=given["segment_id"], name=given["event"], months=given["months"]
    )
    lines: list[Line] = []
    for cohort in told["data"]:
        month: date = cohort["month"]
        came = _came(month, given)
        for later, number in enumerate(cohort["active"]):
            if number is None:
                continue
            values = {
                "month": month,
                "months_later": later,
                "contacts": cohort["size"],
                "active": number,
                "retention": Decimal(number) / cohort["size"] if cohort["size"] else None,
            }
            active = Records(partial(_active, tx, given, came, _after(month, later)))
            lines.append(Line(values, active, {"contacts": Records(came)}))
    return Computed(lines)


def _came(month: date, given: Given) -> dict[str, Any]:
    made = {"gte": month.isoformat(), "lt": _after(month, 1).isoformat()}
    filter: dict[str, Any] = {"created_at": made}
    if given["segment_id"] is not None:
        filter["segment"] = str(given["segment_id"])
    return filter


def _after(month: date, count: int) -> date:
    months = month.year * 12 + month.month - 1 + count
    return date(months // 12, months % 12 + 1, 1)


async def _active(tx: Tx, given: Given, came: Filter, month: date) -> Filter:
    def begins(day: date) -> datetime:
        return instant_of(day.isoformat(), tx.now, tx.actor.time_zone)

    found = await Analysis(tx).active_in(
        came,
        (begins(month), begins(_after(month, 1))),
        name=given["event"],
        most=MOST_BEHIND + 1,
    )
    return few(found)


async def _grid(tx: Tx, given: Given) -> Computed:
    """The cells of the RFM grid."""
    asked = DiscoverInput.model_validate(
        {name: given[name] for name in ("source", "target", "segment_id")}
    )
    discovery = Discovery(tx)
    for name in discovery.hidden_of(asked.source):
        raise hidden_field(name)
    found = await discovery.of(asked)
    lines = [
        Line(
            {
                "recency": cell["recency"],
                "frequency": cell["frequency"],
                "customers": cell["count"],
                "monetary": Decimal(cell["monetary"]),
            },
            Records(
                partial(_customers, tx, asked, cell["recency"], cell["frequency"]), asked.target
            ),
        )
        for cell in found["cells"]
    ]
    return Computed(lines)


async def _customers(tx: Tx, asked: DiscoverInput, recency: int, frequency: int) -> Filter:
    return few(await Discovery(tx).customers_of(asked, recency, frequency))


RETENTION = ComputedReport(
    name="cohort_retention",
    title="Retention of cohorts of contacts",
    text="Contacts by the month in which they became known, and how many of them did something in "
    "which month later, as at `/v1/segments/cohorts`. A month that is not over is left out.",
    formula="retention = contacts of the month who did something so many months later / contacts "
    "of the month",
    source="contact",
    also_of=("behaviour_event", "segment"),
    areas=(AREA, BEHAVIOUR_AREA),
    kind="cohort",
    chart="retention",
    parameters=(
        Parameter("months", "integer", "So many months back, the present one included.", 12),
        Parameter("event", "text", "What they did; anything without it.", is_optional=True),
        _SEGMENT,
    ),
    reads=("created_at",),
    columns=(
        ReportField("month", "grouping", "day", "The month in which they became known."),
        ReportField("months_later", "grouping", "integer", "How many months later."),
        ReportField("contacts", "measure", "integer", "Contacts of the month."),
        ReportField("active", "measure", "integer", "Those who did something then."),
        ReportField("retention", "measure", "ratio", "The one by the other."),
    ),
    judge=_need_cohorts,
    compute=_retained,
)
RFM = ComputedReport(
    name="rfm_grid",
    title="Customers by recency and frequency",
    text="Customers by how lately and how often they bought, each scored from 1 to 5, as "
    "`/v1/segments/discover` finds them, and what they bought altogether. Purchases in a currency "
    "that is not the organization's count, without their amount.",
    formula="score = 1 + ⌊5 × share of the customers who are less, half of the equal ones among "
    "them⌋; "
    "monetary = Σ amount of the customers of the cell",
    source="contact",
    also_of=("company", "deal", "order", "segment"),
    areas=(AREA,),
    kind="matrix",
    chart="customers",
    parameters=(
        Parameter("source", "text", "Won deals or confirmed orders.", "deals", ("deals", "orders")),
        Parameter("target", "text", "Whose purchases.", "company", ("company", "contact")),
        _SEGMENT,
    ),
    columns=(
        ReportField("recency", "grouping", "integer", "5: those who bought last."),
        ReportField("frequency", "grouping", "integer", "5: those who bought most often."),
        ReportField("customers", "measure", "integer", "How many there are."),
        ReportField("monetary", "measure", "amount", "What they bought."),
    ),
    judge=_need_segment,
    compute=_grid,
)
