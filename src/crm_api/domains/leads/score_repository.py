"""What scores are reckoned from and where they are kept: rules, models, leads as they are scored."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from crm_api.domains.leads.facts import ACTIVE_DAYS, USED
from crm_api.domains.leads.score_models import LeadScoreModel, LeadScoreRule
from crm_api.domains.leads.score_schemas import LeadScoreModelOut, LeadScoreRuleOut
from crm_api.domains.leads.states import ENDED
from crm_api.kit.crud.feed import Position
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import encode, parsed
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing

SCORE_RULES: Listing = Listing(
    model=LeadScoreRule,
    out=LeadScoreRuleOut,
    area="lead_rules",
    sorts={"name": LeadScoreRule.sort_name},
)
SCORE_MODELS: Listing = Listing(
    model=LeadScoreModel,
    out=LeadScoreModelOut,
    area="lead_rules",
    sorts={"name": LeadScoreModel.sort_name},
)
SCORED = (
    *("fit_score", "engagement_score", "negative_score", "score", "band", "grade"),
    "probability",
)
"""The columns of leads that are reckoned."""
INSTANTS = ("created_at", "assigned_at", "responded_at")
"""Times of leads that points may fade by; others change with the score, or lie ahead."""
_RULES = """
    SELECT id, name, category, points, filter, event, cap, half_life_days, decays_by
    FROM lead_score_rules
    WHERE organization_id = $1 AND is_active AND deleted_at IS NULL ORDER BY id
"""
_IN_USE = """
    SELECT id, name, kind, status FROM lead_score_models
    WHERE organization_id = $1 AND status IN ('shadow', 'active') AND deleted_at IS NULL
    ORDER BY status, id
"""
_LOCK_USE = "SELECT pg_advisory_xact_lock(hashtextextended('lead_score_models:' || $1, 0))"
_WEIGHTS = "SELECT weights FROM lead_score_models WHERE organization_id = $1 AND id = $2"
# A lead is followed by the contact that it became, else by the one that it may be. Behind row-level
# security COALESCE is not known to be leakproof (ADR-0005), and would keep the index out.
_PERSON = "CASE WHEN l.contact_id IS NULL THEN l.matched_contact_id ELSE l.contact_id END"
_COUNTED = f"""
    SELECT l.id, count(*)::float8 AS number, sum(power(2.0::float8, -least(greatest(
        extract(epoch FROM $3::timestamptz - e.occurred_at)::float8 / 86400, 0)
            / coalesce($7::float8, 1), 1000))) AS weight
    FROM leads l JOIN behaviour_events e ON e.organization_id = l.organization_id
        AND e.contact_id = {_PERSON}
    WHERE l.organization_id = $1 AND l.id = ANY($2) AND e.name = $4 AND e.deleted_at IS NULL
        AND ($5::int IS NULL OR e.occurred_at > $3::timestamptz - make_interval(days => $5))
        AND e.properties @> $6::text::jsonb
    GROUP BY l.id
"""  # noqa: S608 - a constant
_DEEDS = f"""
    SELECT l.id, count(*)::int AS number
    FROM leads l JOIN behaviour_events e ON e.organization_id = l.organization_id
        AND e.contact_id = {_PERSON}
    WHERE l.organization_id = $1 AND l.id = ANY($2) AND e.deleted_at IS NULL
        AND e.occurred_at > $3::timestamptz - interval '{ACTIVE_DAYS} days'
        AND e.occurred_at <= $3
    GROUP BY l.id
"""  # noqa: S608 - a constant
_STORE = """
    INSERT INTO lead_predictions (organization_id, lead_id, model_id, probability, factors,
        input_hash, predicted_at)
    SELECT $1, n.lead_id, n.model_id, n.probability, n.factors::jsonb, n.input_hash, $7
    FROM unnest($2::uuid[], $3::uuid[], $4::float8[], $5::text[], $6::text[])
        AS n (lead_id, model_id, probability, factors, input_hash)
    ON CONFLICT (organization_id, lead_id, model_id) DO UPDATE SET
        probability = excluded.probability, factors = excluded.factors,
        input_hash = excluded.input_hash, predicted_at = excluded.predicted_at
    WHERE lead_predictions.probability <> excluded.probability
        OR lead_predictions.input_hash <> excluded.input_hash
"""
_STORED = """
    SELECT predicted_at FROM lead_predictions
    WHERE organization_id = $1 AND lead_id = $2 AND model_id = $3
"""
_LIVE = """
    SELECT p.probability, l.status = 'converted' AS converted
    FROM lead_predictions p JOIN leads l
        ON l.organization_id = p.organization_id AND l.id = p.lead_id
    WHERE p.organization_id = $1 AND p.model_id = $2
        AND l.status IN ('converted', 'disqualified')
    ORDER BY p.lead_id LIMIT 100000
"""
# As they came: what the event of their creation says. Of who was erased it says nothing.
_PAST = f"""
    SELECT l.id, l.created_at, l.status = 'converted' AS converted, e.data, (
        SELECT count(*)::int FROM behaviour_events b
        WHERE b.organization_id = l.organization_id
            AND b.contact_id = (e.data ->> 'matched_contact_id')::uuid AND b.deleted_at IS NULL
            AND b.occurred_at > l.created_at - interval '{ACTIVE_DAYS} days'
            AND b.occurred_at <= l.created_at) AS deeds
    FROM leads l JOIN events e ON e.organization_id = l.organization_id AND e.record_id = l.id
        AND e.type = 'lead.created'
    WHERE l.organization_id = $1 AND l.deleted_at IS NULL AND l.created_at >= $2
        AND (l.created_at, l.id) > ($3, $4) AND e.data ? 'status'
        AND (l.status IN ('converted', 'disqualified') OR l.created_at < $5)
    ORDER BY l.created_at, l.id LIMIT $6
"""  # noqa: S608 - a constant
_BEGIN = """
    INSERT INTO lead_score_states (organization_id) VALUES ($1)
    ON CONFLICT (organization_id) DO NOTHING
"""
_LOCK = """
    SELECT tx, seq FROM lead_score_states WHERE organization_id = $1
    FOR NO KEY UPDATE SKIP LOCKED
"""
_MOVE = "UPDATE lead_score_states SET tx = $2, seq = $3 WHERE organization_id = $1"
_AGED = """
    UPDATE lead_score_states s SET aged_on = (now() AT TIME ZONE o.time_zone)::date
    FROM organizations o WHERE s.organization_id = $1 AND o.id = $1
        AND (s.aged_on IS NULL OR s.aged_on < (now() AT TIME ZONE o.time_zone)::date)
    RETURNING s.aged_on
"""
_RESCORE = """
    UPDATE leads l SET fit_score = n.fit, engagement_score = n.engagement,
        negative_score = n.negative, score = n.score, band = n.band, grade = n.grade,
        probability = n.probability, version = l.version + 1, updated_at = $10, updated_by = $11
    FROM unnest($2::uuid[], $3::int[], $4::int[], $5::int[], $6::int[], $7::text[], $8::text[],
        $9::int[]) AS n (id, fit, engagement, negative, score, band, grade, probability)
    WHERE l.organization_id = $1 AND l.id = n.id
"""
_FORGET = """
    WITH gone AS (
        DELETE FROM lead_predictions WHERE organization_id = $1 AND lead_id = ANY($2) RETURNING 1)
    SELECT count(*)::int AS number FROM gone
"""
_FORGET_MODELS = "DELETE FROM lead_predictions WHERE organization_id = $1 AND model_id = ANY($2)"


class ScoreRules(Repository[LeadScoreRule]):
    """The rules for scores of an organization."""

    model = LeadScoreRule
    listing = SCORE_RULES

    async def active(self) -> list[dict[str, Any]]:
        """Those that count."""
        rows = await self.tx.fetch(_RULES, self.tx.organization_id)
        return [{name: parsed(value) for name, value in row.items()} for row in rows]


class ScoreModels(Repository[LeadScoreModel]):
    """The models of an organization."""

    model = LeadScoreModel
    listing = SCORE_MODELS

    async def in_use(self) -> Sequence[Any]:
        """The active one, and the one on trial."""
        return await self.tx.fetch(_IN_USE, self.tx.organization_id)

    async def lock_use(self) -> None:
        """Have whoever else changes which models are in use wait till the commit."""
        await self.tx.write(_LOCK_USE, str(self.tx.organization_id))

    async def of_status(self, status: str) -> list[LeadScoreModel]:
        """Those of a status, locked."""
        query = self.select_all().where(
            LeadScoreModel.status == status, LeadScoreModel.deleted_at.is_(None)
        )
        query = query.order_by(LeadScoreModel.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def weights(self, id: UUID) -> dict[str, Any]:
        """What a model has learned, as it is stored; it does not change while it is in use."""
        rows = await self.tx.fetch(_WEIGHTS, self.tx.organization_id, id)
        return parsed(rows[0]["weights"]) if rows else {}


@cache
def _subjects(after: bool) -> str:  # noqa: FBT001 - a key
    columns = ", ".join(dict.fromkeys(("id", "version", "status", *SCORED, *INSTANTS, *USED)))
    place = "AND id > $3" if after else ""
    ended = ", ".join(f"'{one}'" for one in sorted(ENDED))
    return (
        f"SELECT {columns}, custom FROM leads WHERE organization_id = $1 "  # noqa: S608 - columns
        f"AND deleted_at IS NULL AND status NOT IN ({ended}) {place} "
        "ORDER BY id LIMIT $2 FOR NO KEY UPDATE"
    )


class Scores:
    """Leads as they are scored, and what is kept of that."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self._own = tx, tx.organization_id

    async def next(self, after: UUID | None, limit: int) -> list[dict[str, Any]]:
        """The next leads that have not ended, locked, with what scores are reckoned from."""
        place = () if after is None else (after,)
        rows = await self.tx.write(_subjects(after is not None), self._own, limit, *place)
        return [{name: parsed(value) for name, value in row.items()} for row in rows]

    async def counted(
        self, ids: Sequence[UUID], rule: Mapping[str, Any], now: datetime
    ) -> dict[UUID, float]:
        """By lead, how many of the events of a rule there are, each as far as it has not faded."""
        event, half_life = rule["event"], rule["half_life_days"]
        where = encode(event.get("where") or {}).decode()
        asked = (event["did"], event.get("within_days"), where, half_life)
        rows = await self.tx.fetch(_COUNTED, self._own, list(ids), now, *asked)
        column = "number" if half_life is None else "weight"
        return {row["id"]: row[column] for row in rows}

    async def deeds(self, ids: Sequence[UUID], now: datetime) -> dict[UUID, int]:
        """By lead, how many events its contact had in the last time."""
        rows = await self.tx.fetch(_DEEDS, self._own, list(ids), now)
        return {row["id"]: row["number"] for row in rows}

    async def rescore(self, found: Mapping[UUID, Mapping[str, Any]]) -> None:
        """Have leads, which are locked, have these scores."""
        columns = [[one[name] for one in found.values()] for name in SCORED]
        tx = self.tx
        await tx.write(_RESCORE, self._own, list(found), *columns, tx.now, tx.actor.id)

    async def store(self, rows: Sequence[tuple[UUID, UUID, float, str, str]]) -> None:
        """Keep what models say of leads: lead, model, probability, factors and hash of the facts."""
        if rows:
            columns = map(list, zip(*rows, strict=True))
            await self.tx.write(_STORE, self._own, *columns, self.tx.now)

    async def stored_at(self, lead_id: UUID, model_id: UUID) -> datetime | None:
        """When a model said of a lead what is kept."""
        rows = await self.tx.fetch(_STORED, self._own, lead_id, model_id)
        return rows[0]["predicted_at"] if rows else None

    async def live(self, model_id: UUID) -> list[tuple[float, bool]]:
        """What a model said last of leads that have ended, and whether they were converted."""
        rows = await self.tx.fetch(_LIVE, self._own, model_id)
        return [(row["probability"], row["converted"]) for row in rows]

    async def past(
        self, since: datetime, after: tuple[datetime, UUID], stale: datetime | None, limit: int
    ) -> list[Any]:
        """The next leads of the past that have ended, or are open since before `stale`."""
        # Nothing is older than the beginning.
        before = stale or since
        return await self.tx.fetch(_PAST, self._own, since, *after, before, limit)

    async def begin(self) -> None:
        """Follow from here on what scores depend on, unless that was begun before."""
        await self.tx.write(_BEGIN, self._own)

    async def lock(self) -> Position | None:
        """How far the feed was read; None while another is at it."""
        rows = await self.tx.write(_LOCK, self._own)
        return Position(rows[0]["tx"], rows[0]["seq"]) if rows else None

    async def move(self, to: Position) -> None:
        """Have it be read so far."""
        await self.tx.write(_MOVE, self._own, to.tx, to.seq)

    async def age(self) -> bool:
        """Note that scores age today; whether that is not known yet."""
        return bool(await self.tx.write(_AGED, self._own))

    async def forget(self, leads: Sequence[UUID]) -> int:
        """Take away what was said of some leads; how much there was."""
        return (await self.tx.write(_FORGET, self._own, list(leads)))[0]["number"]

    async def forget_models(self, models: Sequence[UUID]) -> None:
        """Take away what some models said."""
        await self.tx.write(_FORGET_MODELS, self._own, list(models))
