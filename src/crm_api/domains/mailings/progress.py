"""What becomes of mails that have left: each thing counts once, and is told once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from crm_api.kit.db.events import NEW_ID
from crm_api.kit.db.tx import Tx

Happening = Literal[
    "delivered", "opened", "clicked", "replied", "bounced", "unsubscribed", "complained"
]
TOPICS = tuple(
    f"mailing.{one}"
    for one in (
        *("sent", "delivered", "opened", "clicked", "replied", "bounced"),
        *("unsubscribed", "complained"),
    )
)
# How far a mail is: nothing that happens earlier takes it back.
_RANKS = (
    *("queued", "sending", "cancelled", "failed", "suppressed", "uncertain", "sent"),
    *("delivered", "opened"),
    *("clicked", "replied", "bounced", "unsubscribed", "complained"),
)
_ORDER = f"ARRAY[{', '.join(map(repr, _RANKS))}]"
FAR = f"array_position({_ORDER}, s.status)"
"""How far a send `s` is, as a number."""
FARTHER = (
    f"CASE WHEN {FAR} < array_position({_ORDER}, '{{status}}') THEN '{{status}}' ELSE s.status END"
)
"""The status after something has happened."""
TELL = f"""
    INSERT INTO events (organization_id, id, type, entity, record_id, version, data, actor_kind,
        cause_id, occurred_at)
    SELECT $1, {NEW_ID}, 'mailing.{{what}}', 'contact', c.id, c.version,
        jsonb_build_object('mailing_id', m.id, 'mailing_name', m.name, 'send_id', x.id,
            'variant', x.variant, 'detail', x.detail),
        'system', m.id, x.at
    FROM {{moved}} x
    JOIN mailings m ON m.organization_id = $1 AND m.id = x.mailing_id
    JOIN contacts c ON c.organization_id = $1 AND c.id = x.contact_id
"""  # noqa: S608
"""Tells of rows with `id, mailing_id, contact_id, variant, detail, at`."""
# What happens to a mail proves that it was sent, whether or not anybody knew.
_HAPPEN = """
    WITH before AS (
        SELECT s.id, s.sent_at FROM mailing_sends s
        WHERE s.organization_id = $1 AND s.id = ANY($2) AND s.{what}_at IS NULL
            AND s.handed_at IS NOT NULL
        ORDER BY s.id FOR NO KEY UPDATE),
    moved AS (
        UPDATE mailing_sends s SET {what}_at = $3, {also} status = {farther},
            sent_at = coalesce(s.sent_at, s.handed_at), lease_until = NULL,
            detail = coalesce($4, s.detail), bounce = coalesce($5, s.bounce)
        FROM before b WHERE s.organization_id = $1 AND s.id = b.id
        RETURNING s.id, s.mailing_id, s.contact_id, s.variant, $4::text AS detail, s.{what}_at AS at,
            b.sent_at AS was, s.sent_at),
    proven AS (
        SELECT id, mailing_id, contact_id, variant, NULL::text AS detail, sent_at AS at
        FROM moved WHERE was IS NULL),
    told_sent AS ({tell_sent}),
    told AS ({tell})
    SELECT id FROM moved
"""
_ALSO = {"clicked": "opened_at = coalesce(s.opened_at, $3),"}
_STATEMENTS = {
    topic.partition(".")[2]: _HAPPEN.format(
        what=(what := topic.partition(".")[2]),
        also=_ALSO.get(what, ""),
        farther=FARTHER.format(status=what),
        tell=TELL.format(what=what, moved="moved"),
        tell_sent=TELL.format(what="sent", moved="proven"),
    )
    for topic in TOPICS[1:]
}


async def happen(
    tx: Tx,
    ids: Sequence[UUID],
    what: Happening,
    *,
    at: datetime | None = None,
    detail: str | None = None,
    bounce: str | None = None,
) -> bool:
    """Write down what happened to mails that were handed over; whether it is news of any."""
    said = None if detail is None else detail[:500]
    args = (list(ids), at or tx.now, said, bounce)
    return bool(await tx.write(_STATEMENTS[what], tx.organization_id, *args))
