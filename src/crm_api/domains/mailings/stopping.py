"""People who are to be reached no more: they unsubscribed or complained, or the address is not."""

from typing import Any
from uuid import UUID

from crm_api.kit.db.hashes import hasher_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Duplicate
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue
from crm_api.platform.outreach.models import SuppressionReason
from crm_api.platform.outreach.repository import Suppressions
from crm_api.platform.outreach.schemas import SuppressionCreate
from crm_api.platform.outreach.service import SuppressionService
from crm_api.platform.outreach.unsubscribing import withdraw

CHANNEL = "email"


async def suppress(
    tx: Tx, address: str | None, reason: SuppressionReason, purpose: str | None = None
) -> None:
    """Have an address be reached no more by e-mail; what is suppressed already stays so."""
    if address is None:
        return
    try:
        hashed = (await hasher_of(tx)).of("email", email_key(address))
    except BadValue:
        return
    rows = await Suppressions(tx).of([hashed])
    if any(_covers(row, purpose) for row in rows):
        return
    given = {"value": address, "reason": reason, "purpose": purpose, "channel": CHANNEL}
    data = SuppressionCreate.model_validate(given)
    try:
        async with tx.atomic():
            await SuppressionService(tx).create(data)
    except Duplicate:
        # Another one has written the same meanwhile.
        return


def _covers(row: Any, purpose: str | None) -> bool:
    is_of_purpose = row["purpose"] in (None, purpose)
    return is_of_purpose and row["channel"] in (None, CHANNEL) and row["expires_at"] is None


async def unsubscribe(
    tx: Tx, contact_id: UUID, address: str | None, purpose: str, source: str
) -> None:
    """Have a person, whatever they were merged into, and their address be reached no more for it."""
    await withdraw(tx, contact_id, purpose, source)
    await suppress(tx, address, "unsubscribed", purpose)
