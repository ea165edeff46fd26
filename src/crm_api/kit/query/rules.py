"""Rules that share records: which pass, and what that opens to whom (ADR-0032).

A rule is about the fields of the record itself, so what it opens changes with that record alone.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, Uuid, bindparam, func, null, select, union_all

from crm_api.kit.actor import Actor
from crm_api.kit.custom.catalogue import SharingRule
from crm_api.kit.db.tables import RecordAccess
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.query.compile import Binds, condition
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import value_names
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.targets import target_of
from crm_api.kit.query.visibility import ORGANIZATION, living

log = structlog.get_logger("crm_api.rules")
_OWN = frozenset({"and", "or", "not", "test", "custom"})
_READERS = ("@me", "@my_teams")
_MOMENTS = ("@now", "@today", "@start_of_")
_IDS = bindparam("ids", type_=ARRAY(Uuid()))
_RULES = bindparam("rules", type_=ARRAY(Uuid()))


def check_rule(source: Mapping[str, Any], listing: Listing, tx: Tx) -> None:
    """Raise `Invalid` where a filter is about more than the record, or about who looks and when."""
    message = "A rule says the same to everybody and at all times."
    _refuse(source, "/filter", lambda v: v in _READERS or v.startswith(_MOMENTS), message)
    _need_own(parse(source, listing, tx).shape)


def refuse_readers(source: Any, at: str) -> None:
    """Raise `Invalid` where a filter is about who looks."""
    _refuse(source, at, _READERS.__contains__, "It says the same to everybody.")


def _refuse(source: Any, at: str, is_bad: Callable[[str], bool], message: str) -> None:
    if isinstance(source, Mapping):
        for key, value in source.items():
            _refuse(value, f"{at}/{key}", is_bad, message)
    elif isinstance(source, Sequence) and not isinstance(source, str):
        for place, value in enumerate(source):
            _refuse(value, f"{at}/{place}", is_bad, message)
    elif isinstance(source, str) and is_bad(source):
        raise Invalid.at(at, "not_steady", message)


def _need_own(shape: Any) -> None:
    head, *rest = shape
    if head not in _OWN:
        message = "A rule is about the fields of the record itself."
        raise Invalid.at("/filter", "not_its_own", message)
    if head in {"and", "or"}:
        for part in rest[0]:
            _need_own(part)
    elif head == "not":
        _need_own(rest[0])


async def share_by_rules(tx: Tx, entity: str, ids: Collection[UUID]) -> None:
    """Have records be shared with those whom the rules say, and by them with nobody else."""
    rules, listing = tx.catalogue.rules.get(entity, []), target_of(entity)
    if not rules or not ids or listing is None:
        return
    live = [(rule, found) for rule in rules if (found := _filter(tx, rule, listing)) is not None]
    by_id = {rule.id: rule for rule in rules}
    had, fit = await _compared(tx, listing, live, list(by_id), list(ids))
    for record_id, rule_id in had - fit.keys():
        tx.remove(RecordAccess, record_id=record_id, source_id=rule_id)
    for record_id, rule_id in fit.keys() - had:
        rule = by_id[rule_id]
        tx.insert(
            RecordAccess,
            {
                "principal_id": rule.principal_id,
                "entity": entity,
                "record_id": record_id,
                "source_id": rule_id,
                "writes": rule.writes,
                "expires_at": None,
                "record_created_at": fit[record_id, rule_id],
            },
        )


def _filter(tx: Tx, rule: SharingRule, listing: Listing) -> Filter | None:
    """What a rule asks; None where it asks for what there is no more, so nothing passes."""
    everybody = Actor(
        tx.organization_id,
        "system",
        scopes=frozenset({"*"}),
        time_zone=rule.time_zone,
        country=rule.country,
    )
    reader = Tx(tx.database, everybody)
    reader.learned.state = tx.learned.state
    try:
        return parse(rule.filter, listing, reader)
    except CrmError as error:
        log.warning("a rule shares nothing", rule=str(rule.id), error=error.detail)
        return None


Pair = tuple[UUID, UUID]


async def _compared(
    tx: Tx,
    listing: Listing,
    live: Sequence[tuple[SharingRule, Filter]],
    rules: list[UUID],
    ids: list[UUID],
) -> tuple[set[Pair], dict[Pair, datetime]]:
    """The pairs of a record and a rule that there are and that there should be, at one moment.

    Those that there should be with the time at which the record was made.
    """
    filters = [found for _, found in live]
    statement = prepared(
        listing, ("rules", *(f.shape for f in filters)), lambda: _select(listing, filters)
    )
    whole = Filter(values=[value for found in filters for value in found.values])
    values = dict(zip(value_names(whole), whole.values, strict=True))
    values |= {f"rule{n}": rule.id for n, (rule, _) in enumerate(live)}
    values |= {"organization": tx.organization_id, "rules": rules, "ids": ids}
    rows = await tx.fetch(statement.sql, *statement.args(values))
    had = {(row[0], row[1]) for row in rows if row[2] is None}
    return had, {(row[0], row[1]): row[2] for row in rows if row[2] is not None}


def _select(listing: Listing, filters: Sequence[Filter]) -> Any:
    model, binds = listing.model, Binds()
    parts: list[Any] = [
        select(RecordAccess.record_id, RecordAccess.source_id, null()).where(
            RecordAccess.organization_id == ORGANIZATION,
            RecordAccess.record_id == func.any(_IDS),
            RecordAccess.source_id == func.any(_RULES),
        )
    ]
    for n, found in enumerate(filters):
        rule: Any = bindparam(f"rule{n}", type_=Uuid())
        query = select(model.id, rule, model.created_at).where(
            *living(listing, model, binned=True), model.id == func.any(_IDS)
        )
        if found.shape != ("and", ()):
            query = query.where(condition(found.shape, listing, model, binds))
        parts.append(query)
    return union_all(*parts)
