"""Mails on their way out, as the database sees them: claimed, handed over, and what came of it.

From its claim on a mail has a lease and a token that tells its holder from others. Before the end of
its data is sent, `still_held` asks whether it may be, and `hand_over` writes it down at the moment at
which it is. What a dead worker has not handed over is queued again: without the end of its data no
mail server has it. What it has handed over is uncertain, and never sent again; so is what it was
about to hand over when the database itself went down, whose last statement may be lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.campaigns.repository import held_out
from crm_api.domains.mailings.progress import TELL
from crm_api.domains.mailings.repository import HAS_AUDIENCE
from crm_api.domains.mailings.throttling import BURST, slots
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id

LEASE_S = 60
HANDING_S = 600
"""How long what is about to be handed over is left to its holder: who lost the database in that very
moment has till then to note what has left."""
_PICK = """
    SELECT id, contact_id, step, variant, domain, has_slot, tries, queued_at FROM mailing_sends
    WHERE organization_id = $1 AND mailing_id = $2 AND status = 'queued' AND run_at <= now()
    ORDER BY run_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
"""
_KNOW_DOMAINS = """
    INSERT INTO mailing_domains (organization_id, domain, free_from)
    SELECT $1, d, $3 FROM unnest($2::text[]) AS d ORDER BY d ON CONFLICT DO NOTHING
"""
_LOCK_DOMAINS = """
    SELECT domain, free_from FROM mailing_domains
    WHERE organization_id = $1 AND domain = ANY($2) ORDER BY domain FOR NO KEY UPDATE
"""
_MOVE_DOMAINS = """
    UPDATE mailing_domains d SET free_from = r.free_from
    FROM unnest($2::text[], $3::timestamptz[]) AS r (domain, free_from)
    WHERE d.organization_id = $1 AND d.domain = r.domain
"""
_PUT_OFF = """
    UPDATE mailing_sends s SET run_at = r.run_at, has_slot = true
    FROM unnest($2::uuid[], $3::timestamptz[]) AS r (id, run_at)
    WHERE s.organization_id = $1 AND s.id = r.id
"""
_TAKE = f"""
    UPDATE mailing_sends s SET status = 'sending', lease_token = $2, address = r.address, variant = r.variant,
        lease_until = now() + interval '{LEASE_S} seconds', handing_at = NULL, handed_at = NULL
    FROM unnest($3::uuid[], $4::text[], $5::text[]) AS r (id, address, variant)
    WHERE s.organization_id = $1 AND s.id = r.id AND s.status = 'queued'
"""  # noqa: S608
_REFUSE = """
    UPDATE mailing_sends s SET status = r.status, reasons = r.reasons::jsonb, run_at = r.run_at,
        detail = r.detail
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
        AS r (id, status, reasons, run_at, detail)
    WHERE s.organization_id = $1 AND s.id = r.id
"""
_MOVED_TO = """
    UPDATE mailing_sends s SET contact_id = $3 WHERE s.organization_id = $1 AND s.id = $2
        AND NOT EXISTS (SELECT FROM mailing_sends o WHERE o.organization_id = $1
            AND o.mailing_id = s.mailing_id AND o.contact_id = $3 AND o.step = s.step)
    RETURNING s.id
"""
_IS_OUT = "status NOT IN ('queued', 'suppressed', 'failed', 'cancelled')"
_SAME_ADDRESS = f"""
    SELECT step, address FROM mailing_sends
    WHERE organization_id = $1 AND mailing_id = $2 AND address = ANY($3) AND NOT id = ANY($4)
        AND {_IS_OUT}
"""  # noqa: S608
_SAME_PERSON = f"""
    WITH RECURSIVE whole (id, person) AS (
        SELECT one, one FROM unnest($3::uuid[]) AS one
        UNION SELECT r.record_id, w.person FROM whole w
        JOIN record_redirects r ON r.organization_id = $1 AND r.target_id = w.id)
    SELECT s.step, w.person FROM whole w JOIN mailing_sends s ON s.organization_id = $1
        AND s.mailing_id = $2 AND s.contact_id = w.id AND NOT s.id = ANY($4)
    WHERE w.id <> w.person AND {_IS_OUT}
"""  # noqa: S608
# The audience is asked again: as it was queued, somebody held out may not have been one with them, or
# nobody held out by what is above.
_LEFT_OUT = f"""
    SELECT one.id, held.contact_id IS NOT NULL AS is_held_above FROM unnest($2::uuid[]) AS one (id)
    LEFT JOIN campaign_members m ON m.organization_id = $1 AND m.campaign_id = $3
        AND m.contact_id = one.id
    LEFT JOIN (SELECT DISTINCT contact_id FROM ({held_out("$3::uuid")}) AS h
        WHERE contact_id = ANY($2)) AS held ON held.contact_id = one.id
    WHERE held.contact_id IS NOT NULL OR CASE WHEN m.contact_id IS NULL THEN {HAS_AUDIENCE}
        ELSE m.is_holdout OR m.excluded_reason IS NOT NULL END
"""  # noqa: S608
_STILL_HELD = f"""
    UPDATE mailing_sends s SET lease_until = now() + interval '{HANDING_S} seconds',
        handing_at = now()
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS r (organization_id, id, token),
        mailings m
    WHERE s.organization_id = r.organization_id AND s.id = r.id AND s.lease_token = r.token
        AND s.status = 'sending' AND s.lease_until > now() AND s.handed_at IS NULL
        AND m.organization_id = s.organization_id AND m.id = s.mailing_id AND m.status = 'running'
        AND (m.campaign_id IS NULL OR EXISTS (SELECT FROM campaigns c
            WHERE c.organization_id = m.organization_id AND c.id = m.campaign_id
                AND c.status = 'running'))
    RETURNING s.id
"""  # noqa: S608
_HAND_OVER = """
    UPDATE mailing_sends s SET handed_at = now()
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS r (organization_id, id, token)
    WHERE s.organization_id = r.organization_id AND s.id = r.id AND s.lease_token = r.token
        AND s.status = 'sending'
    RETURNING s.id
"""
_FINISH = f"""
    WITH r AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],
            $7::float8[], $8::text[]) AS r (id, token, outcome, reasons, detail, delay_s, bounce)),
    held AS (
        SELECT s.id, r.outcome, r.reasons, r.detail, r.delay_s, r.bounce
        FROM mailing_sends s JOIN r ON r.id = s.id AND r.token = s.lease_token
        WHERE s.organization_id = $1 AND s.status IN ('sending', 'uncertain')
        ORDER BY s.id FOR NO KEY UPDATE OF s),
    left_ AS (
        UPDATE mailing_sends s SET status = h.outcome, lease_until = NULL,
            handed_at = coalesce(s.handed_at, now()),
            sent_at = CASE WHEN h.outcome = 'sent' THEN now() END
        FROM held h WHERE s.organization_id = $1 AND s.id = h.id
            AND h.outcome IN ('sent', 'uncertain')
        RETURNING s.id, s.mailing_id, s.contact_id, s.variant, NULL::text AS detail, s.sent_at AS at),
    stayed AS (
        UPDATE mailing_sends s SET status = h.outcome, lease_until = NULL, handed_at = NULL,
            lease_token = NULL, reasons = h.reasons::jsonb, detail = h.detail, bounce = h.bounce,
            handing_at = NULL, tries = s.tries + CASE WHEN h.detail IS NOT NULL THEN 1 ELSE 0 END,
            run_at = now() + make_interval(secs => h.delay_s),
            bounced_at = CASE WHEN h.outcome = 'bounced' THEN now() END
        FROM held h WHERE s.organization_id = $1 AND s.id = h.id
            AND h.outcome NOT IN ('sent', 'uncertain')
        RETURNING s.id, s.mailing_id, s.contact_id, s.variant, s.detail, s.bounced_at AS at,
            s.address, s.bounce, s.status),
    news AS (SELECT * FROM left_ WHERE at IS NOT NULL),
    bounces AS (SELECT * FROM stayed WHERE status = 'bounced'),
    told AS ({TELL.format(what="sent", moved="news")}),
    told_bounces AS ({TELL.format(what="bounced", moved="bounces")})
    SELECT id, contact_id, address, bounce, status FROM stayed
"""  # noqa: S608
_LEFT_BEHIND = """
    WITH dropped AS (
        SELECT s.id, coalesce(s.handed_at, CASE WHEN s.handing_at < pg_postmaster_start_time()
            THEN s.handing_at END) AS handed_at
        FROM mailing_sends s
        WHERE s.organization_id = $1 AND s.status = 'sending' AND s.lease_until < now()
        ORDER BY s.id LIMIT 500 FOR NO KEY UPDATE SKIP LOCKED),
    again AS (
        UPDATE mailing_sends s SET status = 'queued', lease_token = NULL, lease_until = NULL,
            handing_at = NULL, run_at = now()
        FROM dropped d WHERE s.organization_id = $1 AND s.id = d.id AND d.handed_at IS NULL),
    left_ AS (
        UPDATE mailing_sends s SET status = 'uncertain', lease_until = NULL,
            handed_at = d.handed_at
        FROM dropped d WHERE s.organization_id = $1 AND s.id = d.id AND d.handed_at IS NOT NULL)
    SELECT count(*)::int AS number FROM dropped
"""


@dataclass(frozen=True)
class Picked:
    """A mail whose turn it is, locked."""

    id: UUID
    contact_id: UUID
    step: str
    variant: str | None
    domain: str
    has_slot: bool
    tries: int
    queued_at: Any


@dataclass(frozen=True)
class Refusal:
    """A mail that does not leave, or not now: its next status, and why."""

    id: UUID
    status: str
    reasons: Sequence[str]
    wait: timedelta = timedelta()
    detail: str | None = None


@dataclass(frozen=True)
class Held:
    """A mail that this worker holds."""

    organization_id: UUID
    id: UUID
    token: UUID


@dataclass(frozen=True)
class Result:
    """What came of a mail: `sent`, `uncertain`, or its next status."""

    held: Held
    outcome: str
    reasons: Sequence[str] = ()
    detail: str | None = None
    delay_s: float = 0.0
    bounce: str | None = None


class Claims:
    """The mails of a mailing, within a transaction."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.token = tx, new_id()

    async def pick(
        self, mailing_id: UUID, most: int, limit_of: Callable[[str], int | None]
    ) -> list[Picked]:
        """Mails whose turn it is, locked; others wait for the moments that their domain has.

        `limit_of` says how many a minute may leave to a domain.
        """
        own, now = self.tx.organization_id, self.tx.now
        rows = await self.tx.write(_PICK, own, mailing_id, most)
        found = [Picked(**dict(row)) for row in rows]
        new = [one for one in found if not one.has_slot]
        limits = {one: limit for one in {o.domain for o in new} if (limit := limit_of(one))}
        if not limits:
            return found
        domains = sorted(limits)
        await self.tx.write(_KNOW_DOMAINS, own, domains, now - BURST)
        free = {
            r["domain"]: r["free_from"] for r in await self.tx.write(_LOCK_DOMAINS, own, domains)
        }
        given: dict[UUID, Any] = {}
        for domain in domains:
            those = [one.id for one in new if one.domain == domain]
            moments, free[domain] = slots(free[domain], now, len(those), limits[domain])
            given |= dict(zip(those, moments, strict=True))
        await self.tx.write(_MOVE_DOMAINS, own, domains, [free[one] for one in domains])
        late = {id: at for id, at in given.items() if at > now}
        if late:
            await self.tx.write(_PUT_OFF, own, list(late), list(late.values()))
        return [one for one in found if one.id not in late]

    async def move_to(self, one: Picked, contact_id: UUID) -> bool:
        """Have a mail be to whom the contact was merged into, unless they have one."""
        args = (self.tx.organization_id, one.id, contact_id)
        return bool(await self.tx.write(_MOVED_TO, *args))

    async def addressed(
        self, mailing_id: UUID, addresses: Sequence[str], but: Sequence[UUID]
    ) -> set[tuple[str, str]]:
        """Steps and addresses in which a mail of the mailing has left, or is leaving."""
        args = (self.tx.organization_id, mailing_id, list(addresses), list(but))
        return {(r["step"], r["address"]) for r in await self.tx.fetch(_SAME_ADDRESS, *args)}

    async def known(
        self, mailing_id: UUID, people: Sequence[UUID], but: Sequence[UUID]
    ) -> set[tuple[str, UUID]]:
        """Steps and people whose mail has left, or is leaving, to somebody merged into them."""
        args = (self.tx.organization_id, mailing_id, list(people), list(but))
        return {(r["step"], r["person"]) for r in await self.tx.fetch(_SAME_PERSON, *args)}

    async def left_out(
        self, campaign_id: UUID | None, people: Sequence[UUID]
    ) -> Mapping[UUID, str]:
        """Which of some people the audience of a campaign is without, with the reason.

        `held_out` by a campaign above; else they are one with somebody it has held out or excluded.
        """
        if campaign_id is None:
            return {}
        args = (self.tx.organization_id, list(people), campaign_id)
        rows = await self.tx.fetch(_LEFT_OUT, *args)
        return {row["id"]: "held_out" if row["is_held_above"] else "merged" for row in rows}

    async def take(self, those: Sequence[tuple[UUID, str, str | None]]) -> None:
        """Hold these mails, each with its address and variant, for as long as the lease runs."""
        if those:
            own = (self.tx.organization_id, self.token)
            await self.tx.write(_TAKE, *own, *map(list, zip(*those, strict=True)))

    async def refuse(self, those: Sequence[Refusal]) -> None:
        """Have these not leave, or not now."""
        if those:
            await self.tx.write(
                _REFUSE,
                self.tx.organization_id,
                [one.id for one in those],
                [one.status for one in those],
                [encode(list(one.reasons)).decode() for one in those],
                [self.tx.now + one.wait for one in those],
                [one.detail for one in those],
            )


async def still_held(shared: Database, those: Sequence[Held]) -> set[UUID]:
    """Which of these may be handed over: nobody has taken or stopped them. The worker's role."""
    return {row["id"] for row in await shared.ask(_STILL_HELD, *_columns(those))}


async def hand_over(shared: Database, those: Sequence[Held], end: Callable[[], None]) -> None:
    """Write down that these are handed over, and `end` them as the statement leaves."""
    await shared.ask_as(end, _HAND_OVER, *_columns(those))


def _columns(those: Sequence[Held]) -> tuple[list[UUID], list[UUID], list[UUID]]:
    return (
        [one.organization_id for one in those],
        [one.id for one in those],
        [one.token for one in those],
    )


async def finish(tx: Tx, results: Sequence[Result]) -> list[Any]:
    """Note what came of mails; whoever lost the lease changes nothing. Returns what did not leave."""
    return await tx.write(
        _FINISH,
        tx.organization_id,
        [one.held.id for one in results],
        [one.held.token for one in results],
        [one.outcome for one in results],
        [encode(list(one.reasons)).decode() for one in results],
        [one.detail for one in results],
        [one.delay_s for one in results],
        [one.bounce for one in results],
    )


async def settle_left_behind(tx: Tx) -> int:
    """Queue again what dead workers have not handed over; what they have is uncertain."""
    rows = await tx.write(_LEFT_BEHIND, tx.organization_id)
    return rows[0]["number"]
