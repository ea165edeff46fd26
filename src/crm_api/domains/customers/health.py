"""How companies fare: measured each day for all, and at once for the one that is looked at."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.customers.arithmetic import (
    DROP,
    recency,
    score_of,
    spread,
    text_of,
    trend_of,
)
from crm_api.domains.customers.declared import Declared
from crm_api.kit.calendar import today_of
from crm_api.kit.customer360 import Component, Reading, Signal
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.visibility import among, sight_of

AREA = "customers"
DROPPED = "health.dropped"
_STRETCH = 500
_SCALE = 1_000_000
_LAST = """
    SELECT company_id, max(at) AS at FROM (
        SELECT c.id AS company_id, p.at FROM unnest($2::uuid[]) AS c (id)
        CROSS JOIN LATERAL (
            SELECT at FROM touchpoint_parties WHERE organization_id = $1 AND party_id = c.id
                AND party_kind = 'company' AND at <= $3
            ORDER BY at DESC, touchpoint_id DESC LIMIT 1) p) AS last
    GROUP BY company_id
"""
# Whoever works there with whom there was contact within half a year.
_PEOPLE = """
    SELECT c.company_id, count(*) AS number FROM contacts c
    WHERE c.organization_id = $1 AND c.company_id = ANY($2) AND c.deleted_at IS NULL
        AND EXISTS (SELECT FROM touchpoint_parties p WHERE p.organization_id = $1
            AND p.party_id = c.id AND p.party_kind = 'contact'
            AND p.at > $3::timestamptz - interval '180 days' AND p.at <= $3)
    GROUP BY c.company_id
"""
_NEXT = """
    SELECT id FROM companies WHERE organization_id = $1 AND deleted_at IS NULL
        AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""
_STORE = """
    INSERT INTO company_health (organization_id, company_id, day, score, components, at)
    SELECT $1, id, $2, score, components::jsonb, $3
    FROM unnest($4::uuid[], $5::bigint[], $6::text[]) AS n (id, score, components)
    ON CONFLICT (organization_id, company_id, day) DO NOTHING RETURNING company_id
"""
_BEFORE = """
    SELECT c.id AS company_id, h.score FROM unnest($2::uuid[]) AS c (id)
    CROSS JOIN LATERAL (
        SELECT score FROM company_health WHERE organization_id = $1 AND company_id = c.id
            AND day < $3 AND score IS NOT NULL ORDER BY day DESC LIMIT 1) h
"""
_STORED = """
    SELECT score, components, at, day FROM company_health
    WHERE organization_id = $1 AND company_id = $2 AND at <= $3 ORDER BY day DESC LIMIT 1
"""
_DAYS_OF_TREND = 28
_LATEST = """
    SELECT h.company_id, h.day, h.score, h.components, c.name, c.owner_id
    FROM companies c
    CROSS JOIN LATERAL (
        SELECT * FROM company_health WHERE organization_id = $1 AND company_id = c.id
        ORDER BY day DESC LIMIT 1) h
    WHERE c.organization_id = $1 AND c.deleted_at IS NULL AND ($2::uuid IS NULL OR c.owner_id = $2)
        AND ($3::uuid IS NULL OR (coalesce(h.score, 2000000), h.company_id) > ($4::bigint, $3))
    ORDER BY coalesce(h.score, 2000000), h.company_id LIMIT $5
"""


async def contact_recency(
    tx: Tx, company_ids: Sequence[UUID], at: datetime
) -> Mapping[UUID, Reading]:
    """How long ago there was contact with companies last."""
    rows = await tx.fetch(_LAST, tx.organization_id, list(company_ids), at)
    days = {row["company_id"]: max((at - row["at"]).days, 0) for row in rows}
    return {id: Reading(recency(n), "last_contact_days", n) for id, n in days.items()}


async def breadth(tx: Tx, company_ids: Sequence[UUID], at: datetime) -> Mapping[UUID, Reading]:
    """With how many of their people there was contact."""
    rows = await tx.fetch(_PEOPLE, tx.organization_id, list(company_ids), at)
    return {
        row["company_id"]: Reading(spread(row["number"]), "known_people", row["number"])
        for row in rows
    }


class Health:
    """The health of companies."""

    signals: ClassVar[Sequence[Signal]] = (
        Signal("recency", contact_recency, AREA),
        Signal("relationship", breadth, AREA),
    )
    """Those of points of contact, beside what other parts declare."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def read(
        self, company_ids: Sequence[UUID], at: datetime
    ) -> dict[UUID, dict[Component, Reading]]:
        """The components of companies that are open to the actor: a statement or two for each."""
        found: dict[UUID, list[tuple[Component, Reading]]] = defaultdict(list)
        for signal in (*self.signals, *Declared.signals):
            if self.tx.actor.covers(f"{signal.area}:read"):
                for id, reading in (await signal.load(self.tx, company_ids, at)).items():
                    found[id].append((signal.component, reading))
        # Where several parts speak of one component, the worst of them counts.
        return {
            id: {c: min((r for of, r in those if of == c), key=_value) for c, _ in those}
            for id, those in found.items()
        }

    async def of(self, company_id: UUID, as_of: datetime | None) -> dict[str, Any]:
        """How a company fares now, or fared by the last figure that was stored by a moment."""
        moment = as_of or self.tx.now
        if as_of is None:
            score, components = score_of(
                (await self.read([company_id], moment)).get(company_id, {})
            )
            measured: datetime | None = moment
        else:
            score, components, measured = await self._stored(company_id, moment)
            components = self._open(components)
        before, *_ = await self._stored(company_id, moment - timedelta(days=_DAYS_OF_TREND))
        return {
            "status": "insufficient_data" if score is None else "known",
            "score": text_of(score),
            "trend": trend_of(score, before),
            "measured_at": measured,
            "components": components,
        }

    async def _stored(
        self, company_id: UUID, moment: datetime
    ) -> tuple[Decimal | None, list[dict[str, Any]], datetime | None]:
        rows = await self.tx.fetch(_STORED, self.tx.organization_id, company_id, moment)
        if not rows:
            return None, [], None
        return _score(rows[0]["score"]), decode(rows[0]["components"]), rows[0]["at"]

    def _open(self, components: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those components of a stored figure whose areas are open to the actor."""
        areas = {s.component: s.area for s in (*Declared.signals, *self.signals)}
        covers = self.tx.actor.covers
        return [
            one
            for one in components
            if (area := areas.get(one["component"])) and covers(f"{area}:read")
        ]

    async def measure(self, after: UUID | None) -> UUID | None:
        """Store today's figures of the next companies; the last of them, or None at the end.

        Whoever falls far below the figure before is told of by `health.dropped`, once.
        """
        tx = self.tx
        await tx.learned.learn()
        tx.actor.require(f"{AREA}:write")
        own, today = tx.organization_id, today_of(tx)
        ids = [row["id"] for row in await tx.fetch(_NEXT, own, after, _STRETCH)]
        if not ids:
            return None
        found = await self.read(ids, tx.now)
        scored = {id: score_of(found.get(id, {})) for id in ids}
        numbers = [None if s is None else int(s * _SCALE) for s, _ in scored.values()]
        texts = [encode(components).decode() for _, components in scored.values()]
        stored = await tx.write(_STORE, own, today, tx.now, ids, numbers, texts)
        before = await tx.fetch(_BEFORE, own, [row["company_id"] for row in stored], today)
        for row in before:
            was, (now, components) = _score(row["score"]), scored[row["company_id"]]
            if was is not None and now is not None and was - now >= DROP:
                await self._tell(row["company_id"], was, now, components)
        return ids[-1] if len(ids) == _STRETCH else None

    async def _tell(
        self, id: UUID, was: Decimal, now: Decimal, components: Sequence[Mapping[str, Any]]
    ) -> None:
        worst = min(components, key=lambda one: Decimal(one["value"]))
        rows = await self.tx.fetch(
            "SELECT version, owner_id FROM companies WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            id,
        )
        data = {
            "company_id": id,
            "owner_id": rows[0]["owner_id"],
            "score": text_of(now),
            "before": text_of(was),
            "reason": worst["reason"],
            "count": worst["count"],
        }
        self.tx.record(
            DROPPED, entity="company", record_id=id, version=rows[0]["version"], data=data
        )

    async def portfolio(
        self, *, owner_id: UUID | None, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """Companies that the actor sees by their last figures, the worst first."""
        tx = self.tx
        tx.actor.require(f"{AREA}:read")
        tx.actor.need("companies", "read")
        own, key = tx.organization_id, tx.database.signing_key
        context = context_of(own, "health", owner_id and str(owner_id))
        at: list[Any] = [2 * _SCALE, None] if cursor is None else unseal(key, context, cursor)
        found: list[Any] = []
        after, step = (None if at[1] is None else UUID(at[1]), at[0]), limit + 1
        sight = sight_of(tx.actor, COMPANIES)
        while len(found) <= limit:
            rows = await tx.fetch(_LATEST, own, owner_id, *after, step)
            seen = await among(tx, COMPANIES, sight, [row["company_id"] for row in rows])
            found += [row for row in rows if row["company_id"] in seen]
            if len(rows) < step:
                break
            after = (rows[-1]["company_id"], _rank(rows[-1]))
            step = min(step * 4, 2_000)
        more, found = len(found) > limit, found[:limit]
        last = (
            seal(key, context, [_rank(found[-1]), str(found[-1]["company_id"])]) if more else None
        )
        return {"data": [self._listed(row) for row in found], "next_cursor": last}

    def _listed(self, row: Any) -> dict[str, Any]:
        return {
            **{name: row[name] for name in ("company_id", "name", "owner_id", "day")},
            "score": text_of(_score(row["score"])),
            "components": self._open(decode(row["components"])),
        }


def _value(reading: Reading) -> Decimal:
    return reading.value


def _rank(row: Any) -> int:
    return 2 * _SCALE if row["score"] is None else row["score"]


def _score(number: int | None) -> Decimal | None:
    return None if number is None else Decimal(number) / _SCALE
