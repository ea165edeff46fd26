"""The SQL of the ways to conversions: whose touches led to each, in their order.

A way is a list of facets, numbers of what touches are told apart by. Those that are alike are a
shape, of which weights are reckoned once however many conversions came by it. ADR-0118.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.attribution.gathering import Asked, By, Gathering, Ground
from crm_api.domains.attribution.settings import half_life
from crm_api.kit.db.tx import Tx
from crm_api.kit.touches import DIRECT

NONE = ""
"""The key of touches by no campaign that is known, or seen."""
OTHER = "other"
_CAMPAIGN = f"coalesce(s.id::text, '{NONE}')"
_KEYS: Mapping[By, str] = {
    "campaign": _CAMPAIGN,
    "variant": f"{_CAMPAIGN} || '/' || coalesce(r.variant, '{NONE}')",
    "channel": "r.channel",
    "kind": "r.kind",
}
_OF_DEALS = """
    SELECT p.deal_id AS conversion, p.contact_id AS person FROM deal_contacts p
    JOIN reached c ON c.id = p.deal_id WHERE p.organization_id = $1 AND p.deleted_at IS NULL
    UNION SELECT l.deal_id, l.id FROM leads l
    JOIN reached c ON c.id = l.deal_id WHERE l.organization_id = $1 AND l.deleted_at IS NULL
"""
_OF_COMPANIES = """
    UNION SELECT c.id, x.id FROM reached c JOIN contacts x ON x.organization_id = $1
        AND x.company_id = c.also AND x.deleted_at IS NULL
"""
_OF_LEADS = """
    SELECT c.id AS conversion, c.also AS person FROM reached c WHERE c.also IS NOT NULL
"""
# Those who were merged into people are them, and so are the leads that became them. Most have
# nobody but the one whom the conversion itself names, whose rows need not be told apart.
_PEOPLE = """
    reached AS MATERIALIZED ({reached}),
    named (conversion, person) AS MATERIALIZED ({named}),
    merged (conversion, person) AS (
        SELECT n.conversion, r.record_id FROM (SELECT id AS conversion, person FROM reached
            UNION ALL SELECT conversion, person FROM named) n
        JOIN record_redirects r ON r.organization_id = $1 AND r.target_id = n.person
        UNION SELECT m.conversion, r.record_id FROM merged m
        JOIN record_redirects r ON r.organization_id = $1 AND r.target_id = m.person),
    whole AS (
        SELECT id AS conversion, person FROM reached UNION ALL SELECT conversion, person FROM named
        UNION ALL SELECT conversion, person FROM merged),
    others AS (
        SELECT conversion, person FROM named UNION SELECT conversion, person FROM merged
        UNION SELECT w.conversion, l.id FROM whole w JOIN leads l ON l.organization_id = $1
            AND l.contact_id = w.person AND l.deleted_at IS NULL
        UNION SELECT w.conversion, l.id FROM whole w JOIN leads l ON l.organization_id = $1
            AND l.matched_contact_id = w.person AND l.deleted_at IS NULL),
    people AS (
        SELECT id, at, value, period, person FROM reached WHERE person IS NOT NULL
        UNION ALL SELECT c.id, c.at, c.value, c.period, o.person
        FROM others o JOIN reached c ON c.id = o.conversion AND c.person IS DISTINCT FROM o.person)
"""
_DIRECT = f"(r.channel = '{DIRECT}' AND r.campaign IS NULL)"
# `before` is the touch of the same session that it came behind, if any.
_TOUCHES = """
    resolved AS (
        SELECT t.source, t.source_id, t.kind, t.person_id, t.person_kind, t.variant, t.occurred_at,
            coalesce(t.campaign_id, a.id) AS campaign_id,
            coalesce(t.campaign_id::text, a.id::text, t.campaign) AS campaign,
            coalesce(t.channel, k.kind, '{other}') AS channel
        FROM campaign_touches t
        LEFT JOIN unnest($5::text[], $6::uuid[]) AS a (said, id)
            ON t.campaign_id IS NULL AND t.campaign = a.said
        LEFT JOIN campaigns k ON k.organization_id = $1 AND k.deleted_at IS NULL
            AND k.id = coalesce(t.campaign_id, a.id)
        WHERE t.organization_id = $1 AND t.kind = ANY($2)
            AND ($8::timestamptz IS NULL OR t.occurred_at >= $8)
            AND ($9::timestamptz IS NULL OR t.occurred_at < $9) {among}),
    touched AS MATERIALIZED (
        SELECT {columns}, {key} AS key, {extra} AS extra, {direct} AS is_direct,
            row_number() OVER (
                ORDER BY r.occurred_at, r.source, r.source_id, r.kind, r.person_id)::int AS place,
            lag(r.occurred_at) OVER (PARTITION BY r.person_id, r.campaign, r.channel
                ORDER BY r.occurred_at, r.source, r.source_id, r.kind) AS before
        FROM resolved r LEFT JOIN unnest($7::uuid[]) AS s (id) ON s.id = r.campaign_id),
    facet AS MATERIALIZED (
        SELECT row_number() OVER ()::int AS facet, key, extra, is_direct
        FROM (SELECT DISTINCT key, extra, is_direct FROM touched) d),
    step AS MATERIALIZED (
        SELECT t.person_id, t.occurred_at, t.place, f.facet,
            CASE WHEN t.occurred_at - t.before <= $4::interval THEN t.before END AS before
        FROM touched t JOIN facet f USING (key, extra, is_direct))
"""
_LED = """
    t.person_id = p.person AND t.occurred_at <= p.at AND t.occurred_at > p.at - $3::interval
"""
_WAYS = f"""
    way AS (
        SELECT p.id, p.value, p.period, array_agg(t.facet ORDER BY t.place) AS path,
            {{ages}} AS ages {{more}}
        FROM people p JOIN step t ON {_LED}
            AND (t.before IS NULL OR t.before <= p.at - $3::interval)
        GROUP BY p.id, p.value, p.period),
    shape AS MATERIALIZED (
        SELECT row_number() OVER ()::int AS shape, w.*
        FROM (SELECT period, path, ages, count(*) AS number FROM way GROUP BY period, path, ages) w)
"""  # noqa: S608
# Of those of whom nothing came, once in a session.
LOST = f"""
    came AS (SELECT DISTINCT t.person_id FROM people p JOIN step t ON {_LED}),
    lost AS (
        SELECT array_agg(t.facet ORDER BY t.place) AS path FROM step t
        WHERE t.before IS NULL
            AND NOT EXISTS (SELECT FROM came c WHERE c.person_id = t.person_id)
        GROUP BY t.person_id)
"""  # noqa: S608
_MICROSECOND = timedelta(microseconds=1)
_AGES = """
    array_agg(((extract(epoch FROM p.at - t.occurred_at) * 1000000)::float8 / {half_life})
        ORDER BY t.place)
"""
_SQL = f"{_PEOPLE}, {_TOUCHES}, {_WAYS}"
_OWN = 9
"""How many parameters come before those of what was reached."""


@dataclass(frozen=True)
class Ways:
    """The ways to conversions as parts of a statement, and the values of these."""

    sql: str
    values: Sequence[Any]

    @property
    def behind(self) -> int:
        """How many parameters there are."""
        return len(self.values)

    def with_values(self, *values: Any) -> "Ways":
        """The same with more parameters behind."""
        return Ways(self.sql, [*self.values, *values])

    def then(self, *parts: str) -> tuple[str, Sequence[Any]]:
        """A statement of more parts, of which the last one selects, and its values."""
        *more, chosen = parts
        return f"WITH RECURSIVE {', '.join((self.sql, *more))} {chosen}", self.values


def ways(
    tx: Tx, ground: Ground, wanted: Asked, *, extra: str = "''", id: UUID | None = None
) -> Ways:
    """The ways to what the actor sees of it, or to one alone.

    `way` has one row for each conversion (`id, value, period, path, ages`), `shape` those that are
    alike, with their `number`; `facet` is what touches are told apart by, `extra` the SQL of what
    else is told of it. Of one conversion alone, `way` knows the `places` of its touches in
    `touched` as well. Raises `Forbidden`, `Invalid`.
    """
    told, is_one = ground.settings, id is not None
    reached, values = Gathering(tx).reached(wanted, ground, _OWN, id)
    named = _OF_DEALS + (_OF_COMPANIES if told.company_contacts else "")
    lookback = timedelta(days=told.lookback_days)
    begin, end = ground.span(wanted.days)
    said = ground.names.called(ground.names.kinds)
    sql = _SQL.format(
        reached=reached,
        named=_OF_LEADS if wanted.goal == "lead" else named,
        other=OTHER,
        among="AND t.person_id IN (SELECT person FROM people)" if is_one else "",
        columns="r.*" if is_one else "r.person_id, r.occurred_at",
        key=_KEYS[wanted.by],
        extra=extra,
        direct=_DIRECT if wanted.model == "last_non_direct" else "false",
        ages=_AGES.format(half_life=half_life(told) // _MICROSECOND)
        if wanted.model == "time_decay"
        else "'{}'::float8[]",
        more=", array_agg(t.place ORDER BY t.place) AS places" if is_one else "",
    )
    own = [
        tx.organization_id,
        list(told.counted_kinds),
        lookback,
        timedelta(minutes=told.session_minutes),
        [name for name, _ in said],
        [id for _, id in said],
        list(ground.campaigns),
        None if begin is None else begin - lookback,
        end,
    ]
    return Ways(sql, [*own, *values])
