"""How a mailing fares: counts of people by status and variant, reasons, and links."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.campaigns.schemas import HAPPENINGS, CampaignMembersAsked
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.mailings.progress import FAR
from crm_api.domains.mailings.repository import AREA
from crm_api.domains.mailings.schemas import MailingCounts, SendsAsked
from crm_api.domains.mailings.service import MailingService
from crm_api.domains.segments.asking import whom_is_seen
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.visibility import among, sight_of
from crm_api.kit.query.watching import saw

_COUNTS = """
    SELECT variant, count(*)::int AS total,
        count(*) FILTER (WHERE status IN ('queued', 'sending'))::int AS queued,
        count(*) FILTER (WHERE status = 'uncertain')::int AS uncertain, count(sent_at)::int AS sent,
        count(delivered_at)::int AS delivered, count(opened_at)::int AS opened,
        count(clicked_at)::int AS clicked, count(replied_at)::int AS replied,
        count(*) FILTER (WHERE bounce = 'hard')::int AS bounced_hard,
        count(*) FILTER (WHERE bounce = 'soft')::int AS bounced_soft,
        count(unsubscribed_at)::int AS unsubscribed, count(complained_at)::int AS complained,
        count(*) FILTER (WHERE status = 'suppressed')::int AS suppressed,
        count(*) FILTER (WHERE status = 'failed')::int AS failed,
        count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled
    FROM mailing_sends WHERE organization_id = $1 AND mailing_id = $2
    GROUP BY variant ORDER BY variant NULLS FIRST
"""
_REASONS = """
    SELECT reason, count(*)::int AS count FROM mailing_sends,
        jsonb_array_elements_text(reasons) AS reason
    WHERE organization_id = $1 AND mailing_id = $2
        AND status IN ('suppressed', 'failed', 'bounced')
    GROUP BY reason ORDER BY count DESC, reason
"""
_LINKS = """
    SELECT url, count(*)::int AS clicks, count(DISTINCT send_id)::int AS people FROM mailing_hits
    WHERE organization_id = $1 AND mailing_id = $2 AND kind = 'click' AND NOT is_bot
    GROUP BY url ORDER BY clicks DESC, url LIMIT 100
"""
_PROGRAMS = """
    SELECT count(*)::int AS number FROM mailing_hits
    WHERE organization_id = $1 AND mailing_id = $2 AND is_bot
"""
_SENDS = """
    SELECT id, contact_id, step, variant, status, reasons, detail, bounce, address, queued_at, sent_at, delivered_at, opened_at, clicked_at, replied_at, bounced_at,
        unsubscribed_at, complained_at
    FROM mailing_sends
    WHERE organization_id = $1 AND mailing_id = $2 AND ($3::uuid IS NULL OR id > $3)
        AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR variant = $5)
        AND ($6::uuid IS NULL OR contact_id = $6)
    ORDER BY id LIMIT $7
"""
_OF_MEMBERS = f"""
    WITH RECURSIVE whole (id, person) AS (
        SELECT one, one FROM unnest($3::uuid[]) AS one
        UNION SELECT r.record_id, w.person FROM whole w
        JOIN record_redirects r ON r.organization_id = $1 AND r.target_id = w.id)
    SELECT w.person AS contact_id,
        (array_agg(s.status ORDER BY {FAR} DESC, s.id))[1] AS status,
        (array_agg(s.reasons ORDER BY {FAR} DESC, s.id))[1] AS reasons,
        {", ".join(f"min(s.{one}_at) AS {one}_at" for one in HAPPENINGS)}
    FROM whole w
    JOIN mailing_sends s ON s.organization_id = $1 AND s.contact_id = w.id
    JOIN mailings m ON m.organization_id = s.organization_id AND m.id = s.mailing_id
    WHERE m.campaign_id = $2 AND m.deleted_at IS NULL
    GROUP BY w.person
"""  # noqa: S608
_SOUGHT = f"""
    WITH RECURSIVE hit AS MATERIALIZED (
        SELECT DISTINCT s.contact_id AS id FROM mailings m
        JOIN mailing_sends s ON s.organization_id = $1 AND s.mailing_id = m.id
        WHERE m.organization_id = $1 AND m.campaign_id = $2 AND m.deleted_at IS NULL
            AND ($3::text IS NULL OR s.status = $3)
            AND ($4::text IS NULL OR CASE $4
                {" ".join(f"WHEN '{one}' THEN s.{one}_at" for one in HAPPENINGS)} END IS NOT NULL)),
    whole (id) AS (
        SELECT id FROM hit
        UNION SELECT r.target_id FROM whole w
        JOIN record_redirects r ON r.organization_id = $1 AND r.record_id = w.id)
    SELECT id FROM whole WHERE $5::uuid IS NULL OR id > $5 ORDER BY id LIMIT $6
"""  # noqa: S608
_CONTACTED = """
    SELECT DISTINCT m.campaign_id, s.contact_id FROM mailing_sends s
    JOIN mailings m ON m.organization_id = $1 AND m.id = s.mailing_id
    WHERE s.organization_id = $1 AND s.contact_id = ANY($2) AND m.campaign_id IS NOT NULL
        AND (s.handed_at IS NOT NULL OR s.status = 'sending')
"""
_REFUSED = """
    SELECT reason, count(DISTINCT s.contact_id)::int AS count
    FROM mailings m JOIN mailing_sends s ON s.organization_id = $1 AND s.mailing_id = m.id
        AND s.status = 'suppressed',
        jsonb_array_elements_text(s.reasons) AS reason
    WHERE m.organization_id = $1 AND m.campaign_id = $2 AND m.deleted_at IS NULL AND {seen}
    GROUP BY reason
"""
_READ_ON = 20


async def results(tx: Tx, id: UUID) -> dict[str, Any]:
    """What became of a mailing that is seen, over all people."""
    await MailingService(tx).get(id)
    own = (tx.organization_id, id)
    variants = [dict(row) for row in await tx.fetch(_COUNTS, *own)]
    counted = MailingCounts.model_fields
    (programs,) = await tx.fetch(_PROGRAMS, *own)
    return {
        **{name: sum(row[name] for row in variants) for name in counted},
        "variants": variants,
        "reasons": [dict(row) for row in await tx.fetch(_REASONS, *own)],
        "links": [dict(row) for row in await tx.fetch(_LINKS, *own)],
        "programs": programs["number"],
    }


async def sends(
    tx: Tx, id: UUID, asked: SendsAsked, limit: int, cursor: str | None
) -> dict[str, Any]:
    """The mails of a mailing, to those whom the actor sees."""
    await MailingService(tx).get(id)
    tx.actor.require(f"{CONTACTS.area}:read")
    key, after = tx.database.signing_key, None
    context = context_of(tx.organization_id, "mailing_sends", str(id), asked.model_dump_json())
    if cursor is not None:
        after = UUID(unseal(key, context, cursor)[0])
    wanted = (asked.status, asked.variant, asked.contact_id)
    hidden = "emails" in tx.actor.hidden(CONTACTS.entity)
    found: list[dict[str, Any]] = []
    for _ in range(_READ_ON):
        rows = await tx.fetch(_SENDS, tx.organization_id, id, after, *wanted, limit + 1)
        ids = [row["contact_id"] for row in rows[:limit]]
        seen = await among(tx, CONTACTS, sight_of(tx.actor, CONTACTS), ids)
        for row in rows[:limit]:
            if len(found) < limit:
                after = row["id"]
                if row["contact_id"] in seen:
                    found.append(_shown(row, hidden=hidden))
        if len(rows) <= limit and (not rows or after == rows[-1]["id"]):
            after = None
            break
        if len(found) == limit:
            break
    reached = [row["contact_id"] for row in found if row["address"] is not None]
    await saw(tx, CONTACTS.entity, ("email", "emails"), reached)
    return {
        "data": found,
        "next_cursor": None if after is None else seal(key, context, [str(after)]),
    }


async def of_members(
    tx: Tx, campaign_id: UUID, ids: Sequence[UUID]
) -> Mapping[UUID, dict[str, Any]]:
    """What has become of the mails of a campaign to these contacts, and to who merged into them."""
    if not tx.actor.covers(f"{AREA}:read"):
        return {}
    rows = await tx.fetch(_OF_MEMBERS, tx.organization_id, campaign_id, list(ids))
    return {row["contact_id"]: {**row, "reasons": decode(row["reasons"])} for row in rows}


async def sought(
    tx: Tx, campaign_id: UUID, asked: CampaignMembersAsked, after: UUID | None, most: int
) -> Sequence[UUID]:
    """The next people with a mail of a campaign that is so, or to whom that has happened."""
    tx.actor.require(f"{AREA}:read")
    own = (tx.organization_id, campaign_id, asked.status, asked.did, after, most)
    return [row["id"] for row in await tx.fetch(_SOUGHT, *own)]


async def refused(tx: Tx, campaign_id: UUID) -> Mapping[str, int]:
    """How many people were refused the mails of a campaign for each reason, of whom is seen."""
    if not tx.actor.covers(f"{AREA}:read"):
        return {}
    seen, values = whom_is_seen(tx, CONTACTS, "s.contact_id", 2)
    own = (tx.organization_id, campaign_id)
    rows = await tx.fetch(_REFUSED.format(seen=seen), *own, *values)
    return {row["reason"]: row["count"] for row in rows}


async def contacted(tx: Tx, ids: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
    """By which campaigns some contacts were mailed, or are at this moment, whoever asks."""
    rows = await tx.fetch(_CONTACTED, tx.organization_id, list(ids))
    return {(row["campaign_id"], row["contact_id"]) for row in rows}


def _shown(row: Any, *, hidden: bool) -> dict[str, Any]:
    shown = {**row, "reasons": decode(row["reasons"])}
    return {**shown, "address": None, "detail": None} if hidden else shown
