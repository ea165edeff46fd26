"""What became of the deals of segments, as a standard report."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, select, type_coerce

from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.asking import closed_within
from crm_api.domains.forecasting.measuring import Days
from crm_api.domains.forecasting.metrics import DECIDED
from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.models import Segment
from crm_api.domains.segments.repository import AREA, SEGMENTS
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.filters import parse
from crm_api.kit.reporting import (
    SPAN,
    Computed,
    ComputedReport,
    Line,
    Parameter,
    Records,
    ReportField,
)
from crm_api.platform.exchange.repository import ExchangeRates

_MOST = 1_000
_ENDS = ("won", "lost")
_OUTCOMES = """
    WITH d AS MATERIALIZED ({deals}), p AS MATERIALIZED ({parties}), s AS MATERIALIZED ({segments})
    SELECT s.id, s.name, count(*) AS decided, count(*) FILTER (WHERE d.status = 'won') AS won,
        count(*) FILTER (WHERE d.status = 'lost') AS lost,
        sum(d.value) FILTER (WHERE d.status = 'won' AND d.currency = $3) AS won_amount,
        sum(d.value) FILTER (WHERE d.status = 'lost' AND d.currency = $3) AS lost_amount
    FROM s JOIN segment_members m ON m.organization_id = $1 AND m.segment_id = s.id
        AND m.left_at IS NULL
    JOIN p ON p.id = m.record_id JOIN d ON d.party = p.id
    GROUP BY s.id, s.name ORDER BY decided DESC, s.id LIMIT $2
"""


async def _outcomes(tx: Tx, given: Mapping[str, Any]) -> Computed:
    """Each segment with what became of the deals of its present members."""
    target: str = given["target"]
    SegmentService(tx).need("read")
    parties = service_of(tx, target)
    parties.need("read")
    within = closed_within(Days(given["from"], given["to"]), tx.actor.time_zone)
    decided: dict[str, Any] = {"and": [DECIDED, within]}
    currency = await ExchangeRates(tx).own_currency()
    sql, values = _OUTCOMES, [tx.organization_id, _MOST, currency]
    own: Any = Deal
    amount = type_coerce(own.base_amount, BigInteger()).label("value")
    deals = select(
        getattr(own, f"{target}_id").label("party"),
        *(own.status, amount, own.base_currency.label("currency")),
    )
    listing = parties.records.listing
    for name, of, chosen, filter in (
        ("deals", DEALS, deals, decided),
        ("parties", listing, select(listing.model.id), {}),
        ("segments", SEGMENTS, select(Segment.id, Segment.name), {"target": target}),
    ):
        tested = parse(filter, of, tx)
        part, more = asked(tx, of, chosen, tested, behind=len(values), named=("outcomes", target))
        sql, values = sql.replace(f"{{{name}}}", part), [*values, *more]
    return Computed([_line(row, target, decided) for row in await tx.fetch(sql, *values)])


def _line(row: Any, target: str, decided: Mapping[str, Any]) -> Line:
    of_segment = [decided, {target: {"segment": {"eq": str(row["id"])}}}]
    values = {
        "segment_id": row["id"],
        "segment": row["name"],
        **{name: row[name] for name in ("decided", *_ENDS)},
        **{f"{end}_amount": _amount(row[f"{end}_amount"]) for end in _ENDS},
        "rate": Decimal(row["won"]) / row["decided"],
    }
    single: dict[str, Records] = {}
    for end in _ENDS:
        records = Records({"and": [*of_segment, {"status": end}]})
        single |= dict.fromkeys((end, f"{end}_amount"), records)
    return Line(values, Records({"and": of_segment}), single)


def _amount(parts: Any) -> Decimal | None:
    """An amount of ten-thousandths."""
    return None if parts is None else Decimal(parts).scaleb(-4)


OUTCOMES = ComputedReport(
    name="deal_outcomes_by_segment",
    title="Won and lost by segment",
    text="Deals that were won or lost within the days, by the segments in which their company or "
    "contact is now: a deal counts in each of them.",
    formula="rate = won / (won + lost); won_amount, lost_amount = Σ amount of these deals, in the "
    "organization's currency",
    source="deal",
    also_of=("company", "contact", "segment"),
    areas=(AREA,),
    parameters=(
        *SPAN,
        Parameter("target", "text", "Whose segments.", "company", ("company", "contact")),
    ),
    chart="decided",
    reads=("status", "closes_on", "closed_at", "base_amount", "company_id", "contact_id"),
    columns=(
        ReportField("segment_id", "grouping", "uuid", "The segment.", label="segment"),
        ReportField("segment", "column", "text", "Its name."),
        ReportField("decided", "measure", "integer", "Deals of its members that were decided."),
        ReportField("won", "measure", "integer", "Those that were won."),
        ReportField("lost", "measure", "integer", "Those that were lost."),
        ReportField("won_amount", "measure", "amount", "What was won with them."),
        ReportField("lost_amount", "measure", "amount", "What was lost with them."),
        ReportField("rate", "measure", "ratio", "The share of those that were won."),
    ),
    compute=_outcomes,
)
