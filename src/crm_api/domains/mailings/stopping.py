"""People who are to be reached no more: they unsubscribed or complained, or the address is not."""

import contextlib
from typing import Any
from uuid import UUID

from crm_api.kit.db.hashes import hasher_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Duplicate, Invalid
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue
from crm_api.platform.outreach.models import SuppressionReason
from crm_api.platform.outreach.repository import Suppressions
from crm_api.platform.outreach.schemas import Evidence, SuppressionCreate, WithdrawalInput
from crm_api.platform.outreach.service import ConsentService, SuppressionService

CHANNEL = "email"
_LEADS_TO = """
    WITH RECURSIVE path AS (
        SELECT $2::uuid AS id, 0 AS step
        UNION ALL SELECT r.target_id, step + 1 FROM path JOIN record_redirects r
        ON r.organization_id = $1 AND r.record_id = path.id AND step < 1000)
    SELECT id FROM path ORDER BY step DESC LIMIT 1
"""


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
    ((whom,),) = await tx.fetch(_LEADS_TO, tx.organization_id, contact_id)
    evidence = Evidence(source=source, ip=None, user_agent=None, note=None)
    data = WithdrawalInput(
        target="contact",
        record_id=whom,
        purpose=purpose,
        channel=CHANNEL,
        evidence=evidence,
    )
    # Those who are in the bin or gone have said nothing more: the address is what is left.
    with contextlib.suppress(Invalid):
        async with tx.atomic():
            await ConsentService(tx).withdraw(data)
    await suppress(tx, address, "unsubscribed", purpose)
