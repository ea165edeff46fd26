"""Whether a tally comes to the same as the records of a report."""

from collections.abc import Iterable, Sequence
from typing import Any

from crm_api.domains.reports.compiling import Plan
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.measuring import AFTERWARDS, BASE, Known
from crm_api.domains.reports.operands import Operand
from crm_api.domains.reports.tallied import MONTHS, Tallied
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.shapes import Shape
from crm_api.kit.query.visibility import ALL
from crm_api.kit.tallying import Tally

MOST_PENDING = 2_000
"""So many events that a tally has not followed yet are made up for; behind by more, it is not read."""
# Of one moment: what a tally has followed, and what has happened since.
_STANDING = """
    SELECT s.tx, s.seq, n.number, n.ids FROM tally_states s CROSS JOIN LATERAL (
        SELECT count(*) AS number, array_agg(DISTINCT e.record_id)
            FILTER (WHERE e.entity = $2) AS ids
        FROM (SELECT entity, record_id FROM events WHERE organization_id = $1
            AND (tx, seq) > (s.tx, s.seq) LIMIT $3 + 1) e) n
    WHERE s.organization_id = $1 AND s.source = $2 AND s.tx IS NOT NULL
"""
_Needs = set[tuple[str, str]]
"""Fields of a record, with the buckets by which they are grouped; an empty one is the field itself."""


class _Unfit(Exception):
    """Something of a report takes the records."""


async def tally_of(tx: Tx, plan: Plan) -> Tallied | None:
    """The tally that comes to the same as the records at the moment of `tx`, if there is one.

    It knows nothing of who sees what, so whoever reads it sees every record; what is hidden from
    them the report does not name.
    """
    tally = Declared.tallies.get(plan.query.source)
    if tally is None or plan.query.kind == "table" or not plan.is_whole:
        return None
    try:
        needs = _needs_of(plan, tally)
    except _Unfit:
        return None
    grain = next((n for n, kept in enumerate(tally.grains) if _holds(kept, needs)), None)
    if grain is None:
        return None
    found = await tx.fetch(_STANDING, tx.organization_id, tally.source, MOST_PENDING)
    if not found or found[0]["number"] > MOST_PENDING:
        return None
    (row,) = found
    return Tallied(tally, grain, row["ids"] or (), f"{row['tx']}.{row['seq']}")


def _holds(grain: Sequence[str], needs: Iterable[tuple[str, str]]) -> bool:
    for field, bucket in needs:
        by_month = bucket in MONTHS and f"{field}:month" in grain
        if field not in grain and not by_month:
            return False
    return True


def _needs_of(plan: Plan, tally: Tally) -> _Needs:
    """What a report asks of a record; raises `_Unfit` where that is not in the tally."""
    needs: _Needs = set()
    for group in plan.groups:
        for operand in (group.operand, group.since):
            if operand is not None:
                needs.add((_field_of(plan.listing, operand), group.bucket or ""))
    for known in plan.measures:
        needs |= {(field, "") for field in _summed(known, tally)}
    own = [known.filter for known in plan.measures if known.filter is not None]
    for filter in (plan.filter, *own):
        needs |= {(field, "") for field in _fields_in(filter.shape, plan.listing, plan.listing)}
    return needs


def _summed(known: Known, tally: Tally) -> Sequence[str]:
    """What a measure needs beside its sum."""
    asked = known.asked
    if asked.function in AFTERWARDS or known.is_combined or known.value is None:
        return ()
    if asked.function not in {"sum", "avg"} or asked.through is not None:
        raise _Unfit
    (main, *others) = known.operands
    if others or main.relations or main.is_custom or main.is_converted:
        raise _Unfit
    if main.name not in tally.sums:
        raise _Unfit
    # What was reckoned in a currency of before is left out.
    return (BASE,) if main.base and BASE in main.place.listing.fields else ()


def _field_of(listing: Listing, operand: Operand) -> str:
    """The field of the record itself by which a value is found."""
    if operand.is_custom and not operand.relations:
        raise _Unfit
    if not operand.relations:
        return operand.name
    first = listing.related[operand.relations[0]].local.key
    here = listing
    for name in operand.relations:
        here = here.related[name].target()
        _need_other(here, listing)
    return first


def _need_other(target: Listing, source: Listing) -> None:
    # Its table stands for the cells.
    if target.model is source.model:
        raise _Unfit


def _fields_in(shape: Shape, listing: Listing, source: Listing) -> Iterable[str]:
    """The fields of `listing` that a filter asks of; raises `_Unfit` for all that is no field."""
    kind: Any = shape[0]
    if kind in {"and", "or"}:
        return [name for part in shape[1] for name in _fields_in(part, listing, source)]
    if kind == "not":
        return _fields_in(shape[1], listing, source)
    if kind == "test":
        return [shape[1]]
    if kind != "one":
        raise _Unfit
    _, name, sight, inner = shape
    relation = listing.related[name]
    target = relation.target()
    _need_other(target, source)
    if sight != ALL:
        raise _Unfit
    _fields_in(inner, target, source)
    return [relation.local.key]
