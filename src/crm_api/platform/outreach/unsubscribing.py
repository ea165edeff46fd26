"""People who are to be reached no more: they unsubscribed or complained, or the address is not."""

import contextlib
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.db.hashes import hasher_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Duplicate, Invalid
from crm_api.kit.points import email_key
from crm_api.kit.templates import language_of, templates_of
from crm_api.kit.values.errors import BadValue
from crm_api.platform.outreach.models import SuppressionReason
from crm_api.platform.outreach.repository import Suppressions
from crm_api.platform.outreach.schemas import Evidence, WithdrawalInput
from crm_api.platform.outreach.service import ConsentService, SuppressionService

CHANNEL = "email"
_LEADS_TO = """
    WITH RECURSIVE path AS (
        SELECT $2::uuid AS id, 0 AS step
        UNION ALL SELECT r.target_id, step + 1 FROM path JOIN record_redirects r
        ON r.organization_id = $1 AND r.record_id = path.id AND step < 1000)
    SELECT id FROM path ORDER BY step DESC LIMIT 1
"""


async def unsubscribe(
    tx: Tx,
    person_id: UUID,
    purpose: str,
    source: str,
    *,
    target: str = "contact",
    address: str | None = None,
    hashed: str | None = None,
) -> None:
    """Have a person, whatever they were merged into, and their address be reached no more for it.

    Of the address its hash does (`suppress`).
    """
    await _withdraw(tx, person_id, purpose, source, target)
    await suppress(tx, address, "unsubscribed", purpose, hashed=hashed)


async def suppress(
    tx: Tx,
    address: str | None,
    reason: SuppressionReason,
    purpose: str | None = None,
    *,
    hashed: str | None = None,
    since: datetime | None = None,
) -> None:
    """Have an address be reached no more by e-mail; what is suppressed already stays so.

    Given by its hash alone it stays unreadable. What somebody took back `since` then stays so, too.
    """
    try:
        value = None if address is None else email_key(address)
    except BadValue:
        return
    if value is not None:
        hashed = (await hasher_of(tx)).of("email", value)
    if hashed is None:
        return
    rows = await Suppressions(tx).of([hashed])
    if any(_covers(row, purpose) for row in rows):
        return
    if since is not None and await Suppressions(tx).was_lifted(hashed, reason, since):
        return
    # Another one may write the same meanwhile.
    with contextlib.suppress(Duplicate):
        async with tx.atomic():
            SuppressionService(tx).suppress(hashed, value, reason, purpose, CHANNEL)


async def _withdraw(tx: Tx, person_id: UUID, purpose: str, source: str, target: str) -> None:
    ((whom,),) = await tx.fetch(_LEADS_TO, tx.organization_id, person_id)
    data = WithdrawalInput(
        target=target,
        record_id=whom,
        purpose=purpose,
        channel=CHANNEL,
        evidence=Evidence(source=source, ip=None, user_agent=None, note=None),
    )
    # Those who are gone have said nothing more; those in the bin may come back.
    with contextlib.suppress(Invalid):
        async with tx.atomic():
            await ConsentService(tx).withdraw(data, deleted=True)


def _covers(row: Any, purpose: str | None) -> bool:
    is_of_purpose = row["purpose"] in (None, purpose)
    return is_of_purpose and row["channel"] in (None, CHANNEL) and row["expires_at"] is None


def page_of(language: str, purpose: str, *, done: bool) -> str:
    """The page that asks whether somebody means it, or says that it is done."""
    name = f"unsubscribe.{language_of(language)}.html"
    template = templates_of("crm_api.platform.outreach").get_template(name)
    return template.render(done=done, purpose=purpose)
