"""Addresses from which mail comes back again and again, for what should pass by itself."""

from collections.abc import Sequence
from uuid import UUID

from crm_api.domains.mailings.repository import Mailings
from crm_api.domains.mailings.settings import settings_of
from crm_api.kit.db.tx import Tx
from crm_api.platform.outreach.unsubscribing import suppress

# The latest mails to somebody's address.
_COME_BACK = """
    SELECT s.address, l.since FROM unnest($2::uuid[], $3::text[]) AS s (record, address)
    CROSS JOIN LATERAL (
        SELECT count(*) AS number, bool_and(bounce = 'soft') AS is_soft, min(at) AS since FROM (
            SELECT coalesce(m.bounce, '') AS bounce, coalesce(m.bounced_at, m.sent_at) AS at
            FROM mailing_sends m
            WHERE m.organization_id = $1 AND m.contact_id = s.record AND m.address = s.address
                AND (m.sent_at IS NOT NULL OR m.bounced_at IS NOT NULL)
            ORDER BY coalesce(m.handed_at, m.bounced_at) DESC, m.id DESC LIMIT $4) AS latest) AS l
    WHERE l.number = $4 AND l.is_soft
"""


async def heed_soft(tx: Tx, those: Sequence[tuple[UUID, str]]) -> None:
    """Suppress those of some addresses of contacts of whose mails too many in a row came back.

    Once somebody has let such an address through again, what came back before counts no more.
    """
    most = settings_of(tx).most_soft_bounces
    if most is None or not those:
        return
    people, addresses = map(list, zip(*sorted(set(those)), strict=True))
    # Of two that come back at once the second is counted when the first one stands.
    await Mailings(tx).lock_keys("soft_bounce", addresses)
    rows = await tx.write(_COME_BACK, tx.organization_id, people, addresses, most)
    for row in rows:
        await suppress(tx, row["address"], "soft_bounces", since=row["since"])
