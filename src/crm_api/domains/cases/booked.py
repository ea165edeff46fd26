"""Cases as what bookings are about, which are made below and know nothing of them."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.cases.repository import CASES
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.kinds import kinds_of


async def need_case(tx: Tx, values: Mapping[str, Any]) -> None:
    """Raise `Invalid` where a booking is to be about a case that is not there, or not seen."""
    id = values.get("case_id")
    if id is not None and id not in await kinds_of(tx, [CASES], [id]):
        raise Invalid.at("/case_id", "unknown_reference", "There is no such case.")
