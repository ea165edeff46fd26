"""Who was reached by campaigns, what they did, and what came of those who were held out."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.attribution.gathering import Ground
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.leads.repository import LEADS
from crm_api.domains.segments.asking import asked, whom_is_seen
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.report_words import MOST_BEHIND

# What a campaign was called where a touch came from counts as soon as one is called so.
_TOUCHED = """
    SELECT coalesce(t.campaign_id, a.id) AS campaign_id, t.person_id, t.person_kind, t.kind,
        t.occurred_at
    FROM campaign_touches t
    LEFT JOIN unnest($3::text[], $4::uuid[]) AS a (said, id)
        ON t.campaign_id IS NULL AND t.campaign = a.said
    WHERE t.organization_id = $1 AND t.occurred_at >= $5 AND t.occurred_at < $6
        AND (t.campaign_id = ANY($2) OR (t.campaign_id IS NULL AND t.campaign = ANY($3)))
"""
# Each campaign counts for those above it as well, and each person once: hashed by who they are, which
# is less than to sort all of it by them for each count.
_MEMBERS = """
    SELECT above, count(*) FILTER (WHERE members)::int AS members,
        count(*) FILTER (WHERE holdout)::int AS holdout,
        count(*) FILTER (WHERE excluded)::int AS excluded
    FROM (SELECT u.above, m.contact_id,
            bool_or(excluded_reason IS NULL AND NOT is_holdout) AS members,
            bool_or(is_holdout) AS holdout, bool_or(excluded_reason IS NOT NULL) AS excluded
        FROM campaign_members m
        JOIN unnest($2::uuid[], $3::uuid[]) AS u (id, above) ON u.id = m.campaign_id
        WHERE m.organization_id = $1 AND {seen}
        GROUP BY GROUPING SETS ((u.above, m.contact_id), (m.contact_id))) m
    GROUP BY above
"""
_EXCLUDED = """
    SELECT reason, count(*)::int AS count FROM (
        SELECT DISTINCT m.contact_id, m.excluded_reason AS reason FROM campaign_members m
        WHERE m.organization_id = $1 AND m.campaign_id = ANY($2)
            AND m.excluded_reason IS NOT NULL AND {seen}) each
    GROUP BY reason ORDER BY reason
"""
_DOING = """
    bool_or(kind = 'sent') AS sent, bool_or(kind = 'opened') AS opened,
        bool_or(kind = 'clicked') AS clicked,
        bool_or(kind IN ('responded', 'submitted', 'met')) AS responded
"""
_DID = f"""
    SELECT above, count(*) FILTER (WHERE sent)::int AS sent,
        count(*) FILTER (WHERE opened)::int AS opened,
        count(*) FILTER (WHERE clicked)::int AS clicked,
        count(*) FILTER (WHERE responded)::int AS responded
    FROM (SELECT u.above, m.person_id, {_DOING} FROM ({_TOUCHED}) m
        JOIN unnest($7::uuid[], $8::uuid[]) AS u (id, above) ON u.id = m.campaign_id
        WHERE m.kind IN ('sent', 'opened', 'clicked', 'responded', 'submitted', 'met') AND {{seen}}
        GROUP BY GROUPING SETS ((u.above, m.person_id), (m.person_id))) m
    GROUP BY above
"""  # noqa: S608
# Those that were merged into others are these: of a path but its end is not in the bin.
_LEADS = f"""
    WITH RECURSIVE t AS MATERIALIZED (SELECT * FROM ({_TOUCHED}) AS t WHERE kind = 'lead'),
    path (lead, person_id) AS (
        SELECT person_id, person_id FROM t
        UNION SELECT p.lead, r.target_id FROM path p
        JOIN record_redirects r ON r.organization_id = $1 AND r.record_id = p.person_id),
    led AS (
        SELECT t.campaign_id, m.person_id, min(t.occurred_at) AS occurred_at
        FROM t JOIN path m ON m.lead = t.person_id
        WHERE {{seen}} GROUP BY 1, 2)
"""  # noqa: S608
_LED_BY = f"""
    {_LEADS} SELECT above, count(*)::int AS number
    FROM (SELECT u.above, l.person_id
        FROM led l JOIN unnest($7::uuid[], $8::uuid[]) AS u (id, above) ON u.id = l.campaign_id
        GROUP BY GROUPING SETS ((u.above, l.person_id), (l.person_id))) l
    GROUP BY above
"""  # noqa: S608
_LED_IN = f"""
    {_LEADS} SELECT month, count(*)::int AS number
    FROM (SELECT DISTINCT person_id,
        date_trunc('month', occurred_at AT TIME ZONE $7)::date AS month FROM led) l
    GROUP BY month
"""  # noqa: S608
_LED = f"""
    {_LEADS} SELECT DISTINCT person_id FROM led WHERE campaign_id = ANY($7) LIMIT {MOST_BEHIND + 1}
"""  # noqa: S608
# A member is whoever all those are who were merged; touches stay with whom they were of.
_ARMS = f"""
    WITH RECURSIVE d AS MATERIALIZED ({{deals}}), named AS (
        SELECT d.contact_id AS person FROM d WHERE d.contact_id IS NOT NULL
        UNION SELECT p.contact_id FROM deal_contacts p JOIN d ON p.deal_id = d.id
        WHERE p.organization_id = $1 AND p.deleted_at IS NULL),
    t AS MATERIALIZED ({_TOUCHED}),
    became (was, id) AS (
        SELECT r.record_id, r.target_id FROM record_redirects r
        WHERE r.organization_id = $1 AND r.record_id IN (SELECT person_id FROM t)
        UNION SELECT b.was, r.target_id FROM became b
        JOIN record_redirects r ON r.organization_id = $1 AND r.record_id = b.id),
    did AS (
        SELECT person_id, {_DOING} FROM (
            SELECT person_id, kind FROM t
            UNION ALL SELECT b.id, t.kind FROM t JOIN became b ON b.was = t.person_id) AS all_of
        GROUP BY person_id)
    SELECT m.variant AS key, m.is_holdout, count(*)::int AS members,
        count(*) FILTER (WHERE did.sent)::int AS sent,
        count(*) FILTER (WHERE did.opened)::int AS opened,
        count(*) FILTER (WHERE did.clicked)::int AS clicked,
        count(*) FILTER (WHERE did.responded)::int AS responded,
        count(n.person)::int AS converted
    FROM campaign_members m LEFT JOIN did ON did.person_id = m.contact_id
    LEFT JOIN named n ON n.person = m.contact_id
    WHERE m.organization_id = $1 AND m.campaign_id = $7 AND m.excluded_reason IS NULL AND {{seen}}
    GROUP BY 1, 2 ORDER BY 1 NULLS FIRST
"""  # noqa: S608


Parents = Mapping[UUID, UUID | None]
"""Campaigns, and which of them each is below."""


def _above(parents: Parents) -> list[tuple[UUID, UUID]]:
    """Each with itself and all above it."""
    found: list[tuple[UUID, UUID]] = []
    for id in parents:
        above: UUID | None = id
        while above is not None and above in parents:
            found.append((id, above))
            above = parents[above]
    return found


class Counting:
    """Counts over the members and touches of some campaigns, of the people who are seen."""

    def __init__(
        self, tx: Tx, parents: Parents, ground: Ground, span: tuple[datetime, datetime]
    ) -> None:
        self.tx, self.ids, self.span = tx, list(parents), span
        self._zone = ground.calendar.zone
        self._said = ground.names.called(set(self.ids))
        self._above = list(zip(*_above(parents), strict=True)) or [(), ()]

    async def members(self) -> dict[UUID | None, Mapping[str, int]]:
        """Who is in their audiences and those below; None for all of them, each person once."""
        seen, values = self._seen("m.contact_id", 3)
        own = (self.tx.organization_id, *map(list, self._above))
        rows = await self.tx.fetch(_MEMBERS.format(seen=seen), *own, *values)
        return {row["above"]: dict(row) for row in rows}

    async def excluded(self) -> list[dict[str, Any]]:
        """How many were excluded for each reason from all of them, each person once for it."""
        seen, values = self._seen("m.contact_id", 2)
        own = (self.tx.organization_id, self.ids)
        return [
            dict(row) for row in await self.tx.fetch(_EXCLUDED.format(seen=seen), *own, *values)
        ]

    async def did(self) -> dict[UUID | None, Mapping[str, int]]:
        """How many people were touched how by them and those below; None for all of them."""
        seen, values = self._seen("m.person_id", 8, "OR m.person_kind = 'lead'")
        own = (*self._given(), *map(list, self._above))
        rows = await self.tx.fetch(_DID.format(seen=seen), *own, *values)
        return {row["above"]: dict(row) for row in rows}

    async def leads(self) -> dict[UUID | None, int]:
        """How many leads they and those below brought; None for all of them, each lead once."""
        self.tx.actor.require(f"{LEADS.area}:read")
        seen, values = self._living(8)
        own = (*self._given(), *map(list, self._above))
        rows = await self.tx.fetch(_LED_BY.format(seen=seen), *own, *values)
        return {row["above"]: row["number"] for row in rows}

    async def months(self) -> dict[date, int]:
        """How many leads all of them brought, by the first days of months."""
        self.tx.actor.require(f"{LEADS.area}:read")
        seen, values = self._living(7)
        rows = await self.tx.fetch(_LED_IN.format(seen=seen), *self._given(), self._zone, *values)
        return {row["month"]: row["number"] for row in rows}

    async def led(self, ids: Sequence[UUID]) -> list[UUID]:
        """The leads that some of them brought; no more than can be told, and one."""
        seen, values = self._living(7)
        rows = await self.tx.fetch(_LED.format(seen=seen), *self._given(), list(ids), *values)
        return sorted(row["person_id"] for row in rows)

    async def arms(self, id: UUID, since: datetime) -> list[Any]:
        """How the members of one fared since its launch, by variant, and those held out."""
        tx = self.tx
        source = {"status": "won", "closed_at": {"gte": since.isoformat()}}
        filter = parse(source, DEALS, tx)
        model: Any = DEALS.model
        chosen = select(model.id, model.contact_id)
        deals, more = asked(tx, DEALS, chosen, filter, behind=7, named="arms")
        seen, values = self._seen("m.contact_id", 7 + len(more))
        statement = _ARMS.format(deals=deals, seen=seen)
        return await tx.fetch(statement, *self._given(), id, *more, *values)

    def _given(self) -> list[Any]:
        said: Sequence[tuple[str, UUID]] = self._said
        names, ids = [one for one, _ in said], [id for _, id in said]
        return [self.tx.organization_id, self.ids, names, ids, *self.span]

    def _living(self, behind: int) -> tuple[str, list[Any]]:
        """The condition that leads of a path are seen and in no bin: of those merged the end alone."""
        model: Any = LEADS.model
        one = select(model.id)
        sql, values = asked(self.tx, LEADS, one, Filter(), behind=behind, named="people")
        return f"m.person_id IN ({sql})", values

    def _seen(self, column: str, behind: int, more: str = "") -> tuple[str, list[Any]]:
        """The condition that contacts are seen, and its values; those in the bin count as well."""
        sql, values = whom_is_seen(self.tx, CONTACTS, column, behind)
        return f"({sql} {more})", values
