"""What the many records of each record come to, so that no record counts more than once.

A measure adds up one value for each record of the source. `through` makes that value a sub-query
over the related records, as roll-up fields have it: those that are seen, and that fit a filter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement

from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.operands import Operand, operand_of, pointed, unfit
from crm_api.domains.reports.schemas import CurrencyMode, ReportMeasure
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.compile import Binds, rollup
from crm_api.kit.query.filters import parse
from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.visibility import Sight, sight_of

_NUMERIC = frozenset({"integer", "number", "amount"})
_BASE = "base_currency"


@dataclass(frozen=True)
class Through:
    """The value of each record, and what it is of."""

    value: ColumnElement[Any]
    kind: str
    operands: tuple[Operand, ...]
    values: Mapping[str, Any]
    """Of the parameters that are in it."""
    sight: Sight


def through(
    tx: Tx,
    listing: Listing,
    asked: ReportMeasure,
    place: int,
    calendar: Calendar,
    mode: CurrencyMode,
) -> Through:
    """What the related records of a measure come to; raises `Invalid`, `Forbidden`."""
    at = f"/measures/{place}"
    relation = _relation(tx, listing, asked, at)
    target = relation.target()
    operand = None if asked.each == "count" else _operand(tx, target, asked, mode, at)
    filter = dict(asked.through_filter)
    if operand is not None and operand.base and _BASE in target.fields:
        # What was reckoned in a currency of before is no amount.
        own = {_BASE: calendar.currency}
        filter = {"and": [filter, own]} if filter else own
    with pointed(f"{at}/through_filter"):
        parsed = parse(filter, target, tx) if filter else None
    source = None if operand is None else ("column", operand.name, operand.kind)
    values: list[Any] = [] if parsed is None else list(parsed.values)
    if operand is not None and operand.is_custom:
        source, values = ("custom", None, operand.kind), [operand.name, *values]
    inner = None if parsed is None else parsed.shape
    sight = sight_of(tx.actor, target)
    core = ("native", relation.name, sight, asked.each, source, inner)
    prefix = f"t{place}_"
    value = rollup(core, listing, listing.model, Binds(prefix))
    kind = "integer" if operand is None else operand.kind
    if asked.each == "avg" and kind == "integer":
        kind = "number"
    found = () if operand is None else (operand,)
    given = {f"{prefix}{n}": one for n, one in enumerate(values)}
    return Through(value, kind, found, given, sight)


def _relation(tx: Tx, listing: Listing, asked: ReportMeasure, at: str) -> Relation:
    relation = listing.related.get(asked.through or "")
    if relation is None or not relation.many:
        message = f"{listing.entity} has no relation {asked.through!r} to many records."
        raise unfit(f"{at}/through", "unknown_relation", message)
    tx.actor.require(f"{relation.target().area}:read")
    return relation


def _operand(tx: Tx, target: Listing, asked: ReportMeasure, mode: CurrencyMode, at: str) -> Operand:
    at = f"{at}/field"
    if asked.field is None or ("." in asked.field and not asked.field.startswith("custom.")):
        raise unfit(at, "unfit_field", "A field of the related records themselves.")
    operand = operand_of(tx, target, asked.field, at)
    if operand.coded_by is not None:
        name = f"base_{operand.name}"
        if mode != "at_close" or name not in target.fields:
            message = "Take an amount in the organization's currency."
            raise unfit(at, "mixed_currencies", message)
        operand = operand_of(tx, target, name, at)
    if operand.kind not in _NUMERIC:
        message = f"{asked.each} takes numbers; {asked.field} is {operand.kind}."
        raise unfit(at, "unfit_field", message)
    # Its place is within the sub-query: nothing is joined for it.
    way = f"{asked.through}.{operand.path}"
    return replace(operand, path=way, place=replace(operand.place, joins=()))
