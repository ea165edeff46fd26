"""The SQL of the ways to conversions: whose touches led to each, in their order.

A way is a list of facets, numbers of what touches are told apart by. Those that are alike are a
shape, of which weights are reckoned once however many conversions came by it. ADR-0118.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from crm_api.domains.attribution.gathering import (
    Asked,
    By,
    Gathering,
    Ground,
    seen_of_touches,
)
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
# A lead that became whom a deal names is that person already, unless others were merged into it.
_OF_DEALS = """
    SELECT c.*, p.contact_id AS another FROM deal_contacts p
    JOIN reached c ON c.id = p.deal_id WHERE p.organization_id = $1 AND p.deleted_at IS NULL
    UNION ALL SELECT c.*, l.id FROM leads l
    JOIN reached c ON c.id = l.deal_id WHERE l.organization_id = $1 AND l.deleted_at IS NULL
        AND (l.contact_id IS DISTINCT FROM c.person
            OR l.id IN (SELECT target_id FROM record_redirects WHERE organization_id = $1))
"""
_OF_COMPANIES = """
    UNION ALL SELECT c.*, x.id FROM reached c JOIN contacts x ON x.organization_id = $1
        AND x.company_id = c.also AND x.deleted_at IS NULL
"""
_OF_LEADS = """
    SELECT c.*, c.also AS another FROM reached c WHERE c.also <> c.person
"""
# Those who were merged into people are them, and so are the leads that became them: that is looked
# up once for each person, however many conversions are theirs.
_PEOPLE = """
    reached AS MATERIALIZED ({reached}),
    named AS MATERIALIZED ({named}),
    somebody AS MATERIALIZED (
        SELECT person FROM reached WHERE person IS NOT NULL UNION SELECT another FROM named),
    merged (person, record) AS (
        SELECT s.person, r.record_id FROM somebody s
        JOIN record_redirects r ON r.organization_id = $1 AND r.target_id = s.person
        UNION SELECT m.person, r.record_id FROM merged m
        JOIN record_redirects r ON r.organization_id = $1 AND r.target_id = m.record),
    same AS MATERIALIZED (
        SELECT person, person AS record FROM somebody UNION SELECT person, record FROM merged),
    related AS MATERIALIZED (
        SELECT person, record FROM same
        UNION SELECT s.person, l.id FROM same s JOIN leads l ON l.organization_id = $1
            AND l.contact_id = s.record AND l.deleted_at IS NULL
        UNION SELECT s.person, l.id FROM same s JOIN leads l ON l.organization_id = $1
            AND l.matched_contact_id = s.record AND l.deleted_at IS NULL),
    kin AS MATERIALIZED (
        SELECT * FROM unnest(ARRAY(SELECT person FROM related), ARRAY(SELECT record FROM related))
            AS k (person, record)),
    claim AS (
        SELECT id, at, value, period, person FROM reached
        UNION ALL SELECT id, at, value, period, another FROM named)
"""
Half = Literal["<", ">="]
"""Which half of the people: of those whose hash is below zero, or of the others."""
_HALF = "SELECT * FROM ({reached}) AS r WHERE uuid_hash(coalesce(person, id)) {half} 0"
_AMONG = "AND t.person_id IN (SELECT record FROM kin)"
# What touched people of the half, or whoever else comes with these.
_OF_HALF = """
    AND (uuid_hash(t.person_id) {half} 0 OR t.person_id IN (
        SELECT record FROM related WHERE NOT uuid_hash(record) {half} 0))
"""
_DIRECT = f"(r.channel = '{DIRECT}' AND r.campaign IS NULL)"
_OF_THESE = """
    t.organization_id = $1 AND t.kind = ANY($2)
        AND ($8::timestamptz IS NULL OR t.occurred_at >= $8)
        AND ($9::timestamptz IS NULL OR t.occurred_at < $9) {among}
"""
# Not days, which are of some time zone: to take off a number of seconds is quicker.
_LOOKBACK, _SESSION = "make_interval(secs => $3)", "make_interval(secs => $4)"
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
            FROM campaign_touches t WHERE {_OF_THESE} OFFSET 0) t
        LEFT JOIN mark m USING (said_id, said, said_channel, said_variant, kind)),
    step AS MATERIALIZED (
        SELECT t.*, CASE WHEN last >= occurred_at - {_SESSION} THEN last END AS before
        FROM touched t)
"""  # noqa: S608
_IN_ORDER = "t.occurred_at, t.source, t.source_id, t.kind, t.person_id"
_LED = f"""
    t.person_id = p.record AND t.occurred_at <= p.at AND t.occurred_at > p.at - {_LOOKBACK}
"""
_COUNTED = f"{_LED} AND (t.before IS NULL OR t.before <= p.at - {_LOOKBACK})"
_CROWD = """
    crowd AS MATERIALIZED (
        SELECT DISTINCT c.id, c.at, c.value, c.period, k.record
        FROM apart a JOIN claim c ON c.id = a.id JOIN kin k ON k.person = c.person)
"""
_MERGED_WAYS = f"""
    SELECT p.id, p.value, p.period, array_agg(t.facet ORDER BY {_IN_ORDER}) AS path, {{ages}} AS ages
    FROM crowd p JOIN step t ON {_COUNTED} GROUP BY p.id, p.value, p.period
"""  # noqa: S608
# Of a conversion with one person the way is a stretch of all that touched that person, and found in
# it; that is so unless a touch counts since the one before it in its session is too long ago.
_TRAILS = f"""
    trail AS MATERIALIZED (
        SELECT k.person,
            array_agg(t.occurred_at ORDER BY {_IN_ORDER}) FILTER (WHERE t.before IS NULL) AS moments,
            array_agg(t.facet ORDER BY {_IN_ORDER}) FILTER (WHERE t.before IS NULL) AS facets,
            range_agg(tstzrange(t.before, t.occurred_at)) FILTER (WHERE t.before < t.occurred_at)
                AS again
        FROM kin k JOIN step t ON t.person_id = k.record GROUP BY k.person),
    apart AS MATERIALIZED (
        SELECT unnest(ARRAY(
            SELECT n.id FROM named n JOIN trail t ON t.person = n.another
            JOIN kin k ON k.person = n.another
            WHERE NOT EXISTS (SELECT FROM kin o WHERE o.person = n.person AND o.record = k.record)
            UNION SELECT c.id FROM reached c JOIN trail t ON t.person = c.person
            WHERE t.again IS NOT NULL AND c.at - {_LOOKBACK} <@ t.again)) AS id)
"""  # noqa: S608
_LONE_WAYS = f"""
    SELECT p.id, p.value, p.period, p.facets[p.first + 1:p.last] AS path, {{lone_ages}} AS ages
    FROM (SELECT c.*, t.facets, t.moments, width_bucket(c.at - {_LOOKBACK}, t.moments) AS first,
            width_bucket(c.at, t.moments) AS last
        FROM reached c JOIN trail t ON t.person = c.person
        WHERE NOT EXISTS (SELECT FROM apart a WHERE a.id = c.id)) p
    WHERE p.first < p.last
"""  # noqa: S608
_WAYS = f"""
    {_TRAILS}, {_CROWD}, way AS ({_LONE_WAYS} UNION ALL {_MERGED_WAYS})
"""
_WAY_OF_ONE = f"""
    apart AS (SELECT id FROM reached), {_CROWD}, way AS ({_MERGED_WAYS}),
    walked AS (
        SELECT t.*, row_number() OVER (ORDER BY {_IN_ORDER}) AS k
        FROM crowd p JOIN step t ON {_COUNTED})
"""  # noqa: S608
_SHAPES = """
    shape AS MATERIALIZED (
        SELECT row_number() OVER ()::int AS shape, w.*
        FROM (SELECT period, path, {every_age} AS ages, count(*) AS number FROM way
            GROUP BY period, path {age_groups}) w)
"""
# Of those who are seen and of whom nothing came, once in a session.
_LOST = f"""
    came AS (
        SELECT DISTINCT t.person_id
        FROM (SELECT c.at, k.record FROM claim c JOIN kin k ON k.person = c.person) p
        JOIN step t ON {_LED}),
    lost AS (
        SELECT array_agg(t.facet ORDER BY {_IN_ORDER}) AS path FROM step t
        WHERE t.before IS NULL AND {{seen}}
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

    def with_lost(self, tx: Tx) -> "Ways":
        """The same with `lost`, the `path` of each of those seen of whom nothing came."""
        seen, values = seen_of_touches(tx, "t.person_id", self.behind)
        return Ways(f"{self.sql}, {_LOST.format(seen=seen)}", [*self.values, *values])

    def then(self, *parts: str) -> tuple[str, Sequence[Any]]:
        """A statement of more parts, of which the last one selects, and its values."""
        *more, chosen = parts
        return f"WITH RECURSIVE {', '.join((self.sql, *more))} {chosen}", self.values


def _reached(
    tx: Tx, ground: Ground, goals: Sequence[Asked], id: UUID | None, half: Half | None
) -> tuple[str, list[Any]]:
    """What was reached of all goals, or of half of the people, and its values."""
    chosen, values = list[str](), list[Any]()
    for goal in goals:
        one, more = Gathering(tx).reached(goal, ground, _OWN + len(values), id)
        chosen.append(f"({one})")
        values += more
    reached = " UNION ALL ".join(chosen)
    return (reached if half is None else _HALF.format(reached=reached, half=half)), values


def ways(
    tx: Tx,
    ground: Ground,
    *goals: Asked,
    extra: str = "''",
    id: UUID | None = None,
    half: Half | None = None,
) -> Ways:
    """The ways to what the actor sees of some goals that are asked for alike, or to one alone.

    `way` has one row for each conversion (`id, value, period, path, ages`), `shape` those that are
    alike, with their `number`; `facet` is what touches are told apart by, `extra` the SQL of what
    else is told of it. Of one conversion alone `walked` has its touches, of which `k` is the place
    on the path. A `half` has the conversions of half of the people. Raises `Forbidden`, `Invalid`.
    """
    wanted, told, is_one = goals[0], ground.settings, id is not None
    reached, values = _reached(tx, ground, goals, id, half)
    named = _OF_DEALS + (_OF_COMPANIES if told.company_contacts else "")
    lookback = timedelta(days=told.lookback_days)
    begin, end = ground.span(wanted.days)
    said = ground.names.called(ground.names.kinds)
    ways = _WAY_OF_ONE if is_one else _WAYS
    of_lead = wanted.goal == "lead"
    sql = f"{_PEOPLE}, {_TOUCHES}, {ways}, {_SHAPES}".format(
        reached=reached,
        named=_OF_LEADS if of_lead else named,
        among=_AMONG if is_one else "" if half is None else _OF_HALF.format(half=half),
        columns=_COLUMNS if is_one else "",
        key=_KEYS[wanted.by],
        extra=extra,
        direct=_DIRECT if wanted.model == "last_non_direct" else "false",
        **_ages(told, aged=wanted.model == "time_decay"),
    )
    own = [
        tx.organization_id,
        list(told.counted_kinds),
        lookback.total_seconds(),
        timedelta(minutes=told.session_minutes).total_seconds(),
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
        every = {"every_age": _YOUNG, "age_groups": ""}
        return {"ages": _YOUNG, "lone_ages": _YOUNG, **every}
    half = half_life(told) // _MICROSECOND
    age, lone = (_AGE.format(at=at, half_life=half) for at in ("t.occurred_at", "m.at"))
    touches = "unnest(p.moments[p.first + 1:p.last]) WITH ORDINALITY AS m (at, n)"
    return {
        "ages": f"array_agg({age} ORDER BY {_IN_ORDER})",
        "lone_ages": f"ARRAY(SELECT {lone} FROM {touches} ORDER BY m.n)",  # noqa: S608
        "every_age": "ages",
        "age_groups": ", ages",
    }
