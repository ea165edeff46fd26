"""Stored conditions of the filter language: about a record, whoever asks."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError
from crm_api.kit.query.filters import parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import passing
from crm_api.kit.query.rules import refuse_readers
from crm_api.kit.query.visibility import ALL

log = structlog.get_logger("crm_api.conditions")


def check(tx: Tx, listing: Listing, source: Mapping[str, Any]) -> None:
    """Raise `Invalid` where a condition does not fit, `Forbidden` where it is about hidden fields.

    The pointers begin with `/filter`.
    """
    refuse_readers(source, "/filter")
    if source:
        parse(source, listing, tx)


async def passes(
    tx: Tx, listing: Listing, id: UUID, source: Mapping[str, Any], *, unfit: bool = True
) -> bool:
    """Whether a record meets a condition.

    One that does not fit any more, because a field has gone, is met as `unfit` says: what guards
    errs on the side of caution.
    """
    if not source:
        return True
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
            return unfit
        return id in await passing(tx, listing, ALL, [id], filter)
