"""Conditions that are stored: about a record, the same whoever asks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Forbidden, Invalid
from crm_api.kit.query.filters import parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import passing
from crm_api.kit.query.rules import refuse_readers
from crm_api.kit.query.visibility import ALL

log = structlog.get_logger("crm_api.conditions")
_FILTER = "/filter"


def check(tx: Tx, listing: Listing, source: Mapping[str, Any], at: str = _FILTER) -> None:
    """Raise `Invalid` where a condition does not fit, `Forbidden` where it is about hidden fields.

    `at` is where the condition stands, with which the pointers begin.
    """
    try:
        refuse_readers(source, _FILTER)
        if source:
            parse(source, listing, tx)
    except (Invalid, Forbidden) as error:
        error.faults = tuple(
            replace(fault, pointer=at + fault.pointer.removeprefix(_FILTER))
            if fault.pointer is not None and fault.pointer.startswith(_FILTER)
            else fault
            for fault in error.faults
        )
        raise


async def passes(
    tx: Tx, listing: Listing, id: UUID, source: Mapping[str, Any], *, unfit: bool = True
) -> bool:
    """Whether a record meets a condition.

    One that fits no more is met by all where it guards, and by none with `unfit=False`.
    """
    return id in await passing_of(tx, listing, [id], source, unfit=unfit)


async def passing_of(
    tx: Tx,
    listing: Listing,
    ids: Sequence[UUID],
    source: Mapping[str, Any],
    *,
    unfit: bool = True,
) -> set[UUID]:
    """Those of some records that meet a condition, as `passes` says it, by one statement."""
    if not source:
        return set(ids)
    asking = tx.actor
    everybody = Actor(
        tx.organization_id,
        "system",
        scopes=frozenset({"*"}),
        time_zone=asking.time_zone,
        country=asking.country,
    )
    with tx.learned.seeing_as(everybody):
        try:
            filter = parse(source, listing, tx)
        except CrmError as error:
            log.warning("a condition does not fit any more", error=error.detail)
            return set(ids) if unfit else set()
        return await passing(tx, listing, ALL, ids, filter)
