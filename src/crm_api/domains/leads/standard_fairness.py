"""How fairly leads were shared out, as a standard report."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from crm_api.domains.leads.choosing import gini, jain
from crm_api.domains.leads.models import Lead, LeadAssignment
from crm_api.domains.leads.pools import LeadPoolService
from crm_api.domains.leads.repository import ASSIGNMENTS
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.json import parsed
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.visibility import sight_of
from crm_api.kit.report_words import spanned
from crm_api.kit.reporting import SPAN, Computed, ComputedReport, Line, Records, ReportField, of_ids

MOST = 20_000
_STOOD = ("returned", "recalled")
_KEPT = {"or": [{"ended_as": {"is_null": True}}, {"ended_as": {"nin": list(_STOOD)}}]}


async def _shared(tx: Tx, given: Mapping[str, Any]) -> Computed:
    """Each member of each pool with what they were given, and how equal that is by pool."""
    pools = LeadPoolService(tx)
    if "members" in tx.actor.hidden(pools.records.listing.entity):
        raise hidden_field("lead_pool.members")
    by_pool: dict[UUID, dict[UUID, list[UUID]]] = {}
    for pool_id, user_id, lead_id in await _given(tx, given):
        by_pool.setdefault(pool_id, {}).setdefault(user_id, []).append(lead_id)
    seen = await pools.many(sorted(by_pool))
    lines: list[Line] = []
    totals: list[Line] = []
    for pool_id, had in by_pool.items():
        if pool_id in seen:
            own = list(_members(seen[pool_id], had))
            lines += own
            totals.append(_pool(seen[pool_id], own, had))
    return Computed(lines, totals)


async def _given(tx: Tx, given: Mapping[str, Any]) -> list[tuple[UUID, UUID, UUID]]:
    """Pool, user and lead: who was given each lead that is seen last within the days."""
    within = {"and": [{"pool_id": {"is_null": False}}, _KEPT, spanned("created_at", given)]}
    filter = parse(within, ASSIGNMENTS, tx)
    asked = PageQuery(Selection(()), filter, sight=sight_of(tx.actor, ASSIGNMENTS))
    own = LeadAssignment
    chosen: Any = select(own.pool_id, own.user_id, own.lead_id).ext(distinct_on(own.lead_id))
    query = matching(ASSIGNMENTS, chosen, asked)
    # Leads in the bin are in no list.
    query = query.join(
        Lead, (Lead.organization_id == own.organization_id) & (Lead.id == own.lead_id)
    ).where(Lead.deleted_at.is_(None))
    query = query.order_by(own.lead_id, own.created_at.desc(), own.id.desc()).limit(MOST + 1)
    found = await tx.run(query.params(**values_of(tx, asked, None)))
    rows: list[Any] = list(found)
    if len(rows) > MOST:
        message = f"There are more than {MOST:,} leads: choose fewer days."
        raise Invalid(message, code="too_many_records")
    return [(row[0], row[1], row[2]) for row in rows]


def _members(pool: Any, had: Mapping[UUID, Sequence[UUID]]) -> Iterable[Line]:
    weights = {UUID(str(one["user_id"])): int(one["weight"]) for one in parsed(pool.members)}
    for user_id in sorted({*weights, *had}):
        leads, weight = had.get(user_id, ()), weights.get(user_id)
        yield Line(
            {
                "pool_id": pool.id,
                "user_id": user_id,
                "pool": pool.name,
                "weight": weight,
                "assigned": len(leads),
                "per_weight": Decimal(len(leads)) / weight if weight else None,
            },
            Records(of_ids(leads)),
        )


def _pool(pool: Any, lines: Sequence[Line], had: Mapping[UUID, Sequence[UUID]]) -> Line:
    told = [line.values for line in lines]
    shares = [Fraction(one["assigned"], one["weight"]) for one in told if one["weight"]]
    values = {
        "pool_id": pool.id,
        "pool": pool.name,
        "assigned": sum(one["assigned"] for one in told),
        "gini": _decimal(gini(shares)) if shares else None,
        "jain": _decimal(jain(shares)) if shares else None,
    }
    return Line(values, Records(of_ids([id for ids in had.values() for id in ids])))


def _decimal(found: Fraction) -> Decimal:
    return Decimal(found.numerator) / found.denominator


FAIRNESS = ComputedReport(
    name="lead_fairness",
    title="Fairness of assignments of leads",
    text="By pool and member, how many leads they were the last to be given within the days, those "
    "left out that they gave back or lost for want of a response; the totals tell how equal that is "
    "by the weights that members have now. Who is no member any more has no weight, and does not count there.",
    formula="per_weight = assigned / weight; gini = Gini coefficient of per_weight, 0 is equal; "
    "jain = (Σ x)² / (n Σ x²) of per_weight, 1 is equal",
    source="lead",
    also_of=("lead_assignment", "lead_pool"),
    areas=("lead_pools",),
    parameters=SPAN,
    chart="assigned",
    reads=("owner_id", "pool_id"),
    columns=(
        ReportField("pool_id", "grouping", "uuid", "The pool.", label="pool"),
        ReportField("user_id", "grouping", "uuid", "The member."),
        ReportField("pool", "column", "text", "The name of the pool."),
        ReportField("weight", "measure", "integer", "Their weight in the pool.", unit="number"),
        ReportField("assigned", "measure", "integer", "Leads that they were given."),
        ReportField("per_weight", "measure", "number", "The same for their weight."),
        ReportField("gini", "measure", "number", "Of the members of a pool: 0 is equal."),
        ReportField("jain", "measure", "number", "Of the members of a pool: 1 is equal."),
    ),
    compute=_shared,
)
