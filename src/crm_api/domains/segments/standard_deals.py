"""What became of the deals of segments, as a standard report."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import select

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

_MOST = 1_000
_OUTCOMES = """
    WITH d AS MATERIALIZED ({deals}), p AS MATERIALIZED ({parties}), s AS MATERIALIZED ({segments})
    SELECT s.id, s.name, count(*) AS decided, count(*) FILTER (WHERE d.status = 'won') AS won,
        count(*) FILTER (WHERE d.status = 'lost') AS lost
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
    sql, values = _OUTCOMES, [tx.organization_id, _MOST]
    own: Any = Deal
    party = getattr(own, f"{target}_id").label("party")
    listing = parties.records.listing
    for name, of, chosen, filter in (
        ("deals", DEALS, select(party, own.status), decided),
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
        **{name: row[name] for name in ("decided", "won", "lost")},
        "rate": Decimal(row["won"]) / row["decided"],
    }
    single = {
        status: Records({"and": [*of_segment, {"status": status}]}) for status in ("won", "lost")
    }
    return Line(values, Records({"and": of_segment}), single)


OUTCOMES = ComputedReport(
    name="deal_outcomes_by_segment",
    title="Won and lost by segment",
    text="Deals that were won or lost within the days, by the segments in which their company or "
    "contact is now: a deal counts in each of them.",
    formula="rate = won / (won + lost)",
    source="deal",
    also_of=("company", "contact", "segment"),
    areas=(AREA,),
    parameters=(
        *SPAN,
        Parameter("target", "text", "Whose segments.", "company", ("company", "contact")),
    ),
    chart="decided",
    reads=("status", "closes_on", "closed_at", "company_id", "contact_id"),
    columns=(
        ReportField("segment_id", "grouping", "uuid", "The segment.", label="segment"),
        ReportField("segment", "column", "text", "Its name."),
        ReportField("decided", "measure", "integer", "Deals of its members that were decided."),
        ReportField("won", "measure", "integer", "Those that were won."),
        ReportField("lost", "measure", "integer", "Those that were lost."),
        ReportField("rate", "measure", "ratio", "The share of those that were won."),
    ),
    compute=_outcomes,
)
