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
from crm_api.domains.attribution.settings import AttributionSettings, half_life
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
_OF_THESE = """
    t.organization_id = $1 AND t.kind = ANY($2)
        AND ($8::timestamptz IS NULL OR t.occurred_at >= $8)
        AND ($9::timestamptz IS NULL OR t.occurred_at < $9) {among}
"""
_NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
_SAID = f"""
    coalesce(t.campaign_id, {_NOBODY}) AS said_id, coalesce(t.campaign, '') AS said,
        coalesce(t.channel, '') AS said_channel, coalesce(t.variant, '') AS said_variant, t.kind
"""
# What touches say is looked up once for all that say the same. `session` is what counts once for a
# person within so long, `before` the touch of the same session that another came behind, if any.
_TOUCHES = f"""
    sayings AS (
        SELECT DISTINCT t.campaign_id, t.campaign, t.channel, t.variant, t.kind
        FROM campaign_touches t WHERE {_OF_THESE}),
    resolved AS (
        SELECT {_SAID}, t.variant, coalesce(t.campaign_id, a.id) AS campaign_id,
            coalesce(t.campaign_id::text, a.id::text, t.campaign) AS campaign,
            coalesce(t.channel, k.kind, '{OTHER}') AS channel
        FROM sayings t
        LEFT JOIN unnest($5::text[], $6::uuid[]) AS a (said, id)
            ON t.campaign_id IS NULL AND t.campaign = a.said
        LEFT JOIN campaigns k ON k.organization_id = $1 AND k.deleted_at IS NULL
            AND k.id = coalesce(t.campaign_id, a.id)),
    mark AS MATERIALIZED (
        SELECT m.*, dense_rank() OVER (ORDER BY campaign, channel)::int AS session,
            dense_rank() OVER (ORDER BY key, extra, is_direct)::int AS facet
        FROM (SELECT r.*, {{key}} AS key, {{extra}} AS extra, {{direct}} AS is_direct
            FROM resolved r LEFT JOIN unnest($7::uuid[]) AS s (id) ON s.id = r.campaign_id) m),
    facet AS MATERIALIZED (SELECT DISTINCT facet, key, extra, is_direct FROM mark),
    touched AS (
        SELECT t.person_id, t.occurred_at, t.source, t.source_id, t.kind, m.facet {{columns}},
            lag(t.occurred_at) OVER (PARTITION BY t.person_id, m.session
                ORDER BY t.occurred_at, t.source, t.source_id, t.kind) AS last
        FROM (SELECT t.person_id, t.person_kind, t.occurred_at, t.source, t.source_id, {_SAID}
            FROM campaign_touches t WHERE {_OF_THESE}) t
        JOIN mark m USING (said_id, said, said_channel, said_variant, kind)),
    step AS MATERIALIZED (
        SELECT t.*, CASE WHEN occurred_at - last <= $4::interval THEN last END AS before
        FROM touched t)
"""  # noqa: S608
_IN_ORDER = "t.occurred_at, t.source, t.source_id, t.kind"
_LED = """
    t.person_id = p.person AND t.occurred_at <= p.at AND t.occurred_at > p.at - $3::interval
"""
_COUNTED = f"{_LED} AND (t.before IS NULL OR t.before <= p.at - $3::interval)"
_MERGED_WAYS = f"""
    SELECT p.id, p.value, p.period,
        array_agg(t.facet ORDER BY {_IN_ORDER}, t.person_id) AS path, {{ages}} AS ages
    FROM {{crowd}} p JOIN step t ON {_COUNTED} GROUP BY p.id, p.value, p.period
"""  # noqa: S608
# Of a conversion with one person the way is a stretch of all that touched that person, and found in
# it; that is so unless a touch counts since the one before it in its session is too long ago.
_TRAILS = f"""
    trail AS MATERIALIZED (
        SELECT t.person_id,
            array_agg(t.occurred_at ORDER BY {_IN_ORDER}) FILTER (WHERE t.before IS NULL) AS moments,
            array_agg(t.facet ORDER BY {_IN_ORDER}) FILTER (WHERE t.before IS NULL) AS facets,
            range_agg(tstzrange(t.before, t.occurred_at)) FILTER (WHERE t.before < t.occurred_at)
                AS again
        FROM step t GROUP BY t.person_id),
    apart AS MATERIALIZED (
        SELECT conversion AS id FROM others
        UNION SELECT c.id FROM reached c JOIN trail t ON t.person_id = c.person
        WHERE t.again IS NOT NULL AND c.at - $3::interval <@ t.again),
    crowd AS MATERIALIZED (SELECT p.* FROM apart a JOIN people p ON p.id = a.id)
"""  # noqa: S608
_LONE_WAYS = """
    SELECT p.id, p.value, p.period, p.facets[p.first + 1:p.last] AS path, {lone_ages} AS ages
    FROM (SELECT c.*, t.facets, t.moments, width_bucket(c.at - $3::interval, t.moments) AS first,
            width_bucket(c.at, t.moments) AS last
        FROM reached c JOIN trail t ON t.person_id = c.person
        WHERE NOT EXISTS (SELECT FROM apart a WHERE a.id = c.id)) p
    WHERE p.first < p.last
"""
_WAYS = f"""
    {_TRAILS}, way AS MATERIALIZED ({_LONE_WAYS} UNION ALL {_MERGED_WAYS})
"""
_WAY_OF_ONE = f"""
    way AS ({_MERGED_WAYS}),
    walked AS (
        SELECT t.*, row_number() OVER (ORDER BY {_IN_ORDER}, t.person_id) AS k
        FROM people p JOIN step t ON {_COUNTED})
"""  # noqa: S608
_SHAPES = """
    shape AS MATERIALIZED (
        SELECT row_number() OVER ()::int AS shape, w.*
        FROM (SELECT {periods}, path, {every_age} AS ages, count(*) AS number FROM way
            GROUP BY path {groups} {age_groups}) w)
"""
# Of those of whom nothing came, once in a session.
LOST = f"""
    came AS (SELECT DISTINCT t.person_id FROM people p JOIN step t ON {_LED}),
    lost AS (
        SELECT array_agg(t.facet ORDER BY {_IN_ORDER}) AS path FROM step t
        WHERE t.before IS NULL
            AND NOT EXISTS (SELECT FROM came c WHERE c.person_id = t.person_id)
        GROUP BY t.person_id)
"""  # noqa: S608
_MICROSECOND = timedelta(microseconds=1)
_AGE = "(extract(epoch FROM p.at - {at}) * 1000000)::float8 / {half_life}"
_YOUNG = "'{}'::float8[]"
_COLUMNS = ", t.person_kind, m.campaign_id, m.channel, m.variant"
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
    else is told of it. Of one conversion alone `walked` has its touches, of which `k` is the place
    on the path. Raises `Forbidden`, `Invalid`.
    """
    told, is_one = ground.settings, id is not None
    reached, values = Gathering(tx).reached(wanted, ground, _OWN, id)
    named = _OF_DEALS + (_OF_COMPANIES if told.company_contacts else "")
    lookback = timedelta(days=told.lookback_days)
    begin, end = ground.span(wanted.days)
    said = ground.names.called(ground.names.kinds)
    ways = _WAY_OF_ONE if is_one else _WAYS
    of_lead = wanted.goal == "lead"
    sql = f"{_PEOPLE}, {_TOUCHES}, {ways}, {_SHAPES}".format(
        reached=reached,
        named=_OF_LEADS if of_lead else named,
        among="AND t.person_id IN (SELECT person FROM people)" if is_one else "",
        columns=_COLUMNS if is_one else "",
        key=_KEYS[wanted.by],
        extra=extra,
        direct=_DIRECT if wanted.model == "last_non_direct" else "false",
        crowd="people" if is_one else "crowd",
        periods="period" if wanted.period is not None else "min(period) AS period",
        groups=", period" if wanted.period is not None else "",
        **_ages(told, aged=wanted.model == "time_decay"),
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


def _ages(told: AttributionSettings, *, aged: bool) -> dict[str, str]:
    """How many half-lives ago the touches of a way were, where that matters."""
    if not aged:
        every = {"every_age": "min(ages)", "age_groups": ""}
        return {"ages": _YOUNG, "lone_ages": _YOUNG, **every}
    half = half_life(told) // _MICROSECOND
    age, lone = (_AGE.format(at=at, half_life=half) for at in ("t.occurred_at", "m.at"))
    touches = "unnest(p.moments[p.first + 1:p.last]) WITH ORDINALITY AS m (at, n)"
    return {
        "ages": f"array_agg({age} ORDER BY {_IN_ORDER}, t.person_id)",
        "lone_ages": f"ARRAY(SELECT {lone} FROM {touches} ORDER BY m.n)",  # noqa: S608
        "every_age": "ages",
        "age_groups": ", ages",
    }
