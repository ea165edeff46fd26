"""What touches are worth of what was reached, added up by the database."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.attribution.chains import MOST as MOST_KEYS
from crm_api.domains.attribution.chains import Move, removal_effects
from crm_api.domains.attribution.gathering import Asked, Goal, Ground, period_of
from crm_api.domains.attribution.paths import Half, Ways, ways
from crm_api.domains.attribution.weighing import STEPS, shapes_of, values_of, ways_of, weights_of
from crm_api.kit.db.beside import still
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.money import SCALE
from crm_api.kit.pricing.rounding import smallest
from crm_api.kit.report_words import MOST_BEHIND

EVERY = "*"
"""The label of all that is labelled, together."""
# What is told of all of them together is of any of the facets that have a label. On the way to how
# many something was is what its touches say that are the first of their kind, unless several kinds
# have the same label. Of all of them, fewer are looked through: those that have a label, or none.
_WEIGHED = f"""
    tallied AS MATERIALIZED (
        SELECT s.period, s.path[x.k] AS facet, sum(x.weight * s.number) AS weight,
            sum(s.number) FILTER (WHERE array_position(s.path, s.path[x.k]) = x.k)::bigint
                AS touched
        FROM {{shapes}} s JOIN weight x ON x.pattern = s.pattern GROUP BY 1, 2),
    labelled AS MATERIALIZED (
        SELECT facet, label, dense_rank() OVER (ORDER BY label)::int AS number,
            count(*) OVER (PARTITION BY label) = 1 AS is_alone FROM label),
    member AS MATERIALIZED (
        SELECT facet, label FROM label UNION SELECT facet, '{EVERY}' FROM label),
    weighed AS (
        SELECT t.period, m.label, sum(t.weight) AS weight
        FROM tallied t JOIN member m ON m.facet = t.facet GROUP BY 1, 2),
    touched_by AS (
        SELECT t.period, l.label, t.touched
        FROM tallied t JOIN labelled l ON l.facet = t.facet WHERE l.is_alone
        UNION ALL SELECT t.period, l.label, t.touched
        FROM (SELECT period, number, sum(times)::bigint AS touched
            FROM (SELECT DISTINCT s.shape, s.period, s.number AS times, l.number
                FROM shape s CROSS JOIN unnest(s.path) AS u (facet)
                JOIN labelled l ON l.facet = u.facet WHERE NOT l.is_alone) m
            GROUP BY 1, 2) t
        JOIN (SELECT DISTINCT number, label FROM labelled) l ON l.number = t.number
        UNION ALL SELECT period, '{EVERY}', sum(number)::bigint
        FROM shape s, (SELECT ARRAY(SELECT facet FROM label) AS these,
            ARRAY(SELECT facet FROM facet EXCEPT SELECT facet FROM label) AS others) a
        WHERE CASE WHEN cardinality(others) < cardinality(these)
            THEN NOT path <@ others ELSE path && these END GROUP BY 1)
"""  # noqa: S608
_VALUED = """
    valued AS (
        SELECT p.period, m.label, sum(p.part) AS value
        FROM (SELECT period, facet, sum(part) AS part FROM part GROUP BY 1, 2) p
        JOIN member m ON m.facet = p.facet GROUP BY 1, 2)
"""
_CREDITS = """
    SELECT w.period, w.label, w.weight, t.touched, v.value
    FROM weighed w JOIN touched_by t ON t.period = w.period AND t.label = w.label
    LEFT JOIN valued v ON v.period = w.period AND v.label = w.label
"""
_WEIGHTS = """
    SELECT w.period, w.label, w.weight, t.touched, NULL AS value
    FROM weighed w JOIN touched_by t ON t.period = w.period AND t.label = w.label
"""
_REACHED = """
    UNION ALL SELECT NULL, NULL, NULL, count(*), sum(value) FROM reached
"""
# From each touch to the next, from the beginning to the first and from the last to the end.
_WALKS = """
    walk AS (
        SELECT row_number() OVER () AS walk, w.* FROM (
            SELECT path, sum(number) AS won, 0 AS lost FROM shape GROUP BY path
            UNION ALL SELECT path, 0, count(*) FROM lost GROUP BY path) w)
"""
_MOVES = """
    SELECT here, there, sum(won)::bigint AS won, sum(lost)::bigint AS lost FROM (
        SELECT lag(f.key) OVER (PARTITION BY w.walk ORDER BY u.k) AS here, f.key AS there,
            w.won, w.lost
        FROM walk w, unnest(w.path) WITH ORDINALITY AS u (facet, k) JOIN facet f USING (facet)
        UNION ALL SELECT f.key, NULL, w.won, w.lost
        FROM walk w JOIN facet f ON f.facet = w.path[cardinality(w.path)]) m
    GROUP BY 1, 2 LIMIT {most}
"""
_MOST_MOVES = (MOST_KEYS + 1) ** 2
_CREDITED = """
    SELECT DISTINCT w.id FROM {ways} w
    JOIN weight x ON x.pattern = w.pattern JOIN facet f ON f.facet = w.path[x.k]
    WHERE x.weight > 0 AND f.key = ANY(${keys}) LIMIT {most}
"""
_OF_ONE = """
    SELECT t.*, x.weight, p.part FROM walked t
    JOIN weight x ON x.k = t.k LEFT JOIN part p ON p.k = t.k ORDER BY t.k
"""
_BY_KEY = "label AS (SELECT facet, key AS label FROM facet)"
_BY_LABELS = """
    label AS (
        SELECT f.facet, l.label FROM facet f
        JOIN unnest(${at}::text[], ${behind}::text[]) AS l (key, label) ON l.key = f.key
        UNION ALL SELECT f.facet, f.extra FROM facet f
        WHERE f.extra <> '' AND f.key = ANY(${at}))
"""
# Nothing is known of parts of a statement beforehand, so the planner would rather sort what is
# joined or grouped than look it up in memory, or go through all of it again for each row. Where
# sorts or loops are the only way they are taken all the same, which PostgreSQL up to 17 reckons as
# so dear that it would compile the statement: seconds, where a pooler leaves that on.
_PLANNED = """
    SELECT name, current_setting(name) AS ever, set_config(name, value, true)
    FROM unnest($1::text[], $2::text[]) AS s (name, value)
"""
_AS_EVER = """
    SELECT set_config(name, ever, true) FROM unnest($1::text[], $2::text[]) AS s (name, ever)
"""
_CHOICES = ("enable_mergejoin", "enable_sort", "enable_nestloop")
# Two halves at once take the place of processes beside one statement.
_SETTINGS = {"work_mem": "128MB", "jit": "off", "max_parallel_workers_per_gather": "0"}
NEVER = date.min
"""The period of all, where none are asked for."""


@dataclass(frozen=True, slots=True)
class Credit:
    """What something is credited with."""

    weight: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    touched: int = 0
    """On the way to how many it was."""

    def __add__(self, other: "Credit") -> "Credit":
        """Both, of different conversions."""
        touched = self.touched + other.touched
        return Credit(self.weight + other.weight, self.value + other.value, touched)


Credits = Mapping[tuple[date, str], Credit]
"""By the first days of their periods, and by what they are of."""
Share = tuple[Sequence[Asked], Half | None]
"""Goals that one statement tells of, and whether of half of the people."""


@dataclass(frozen=True)
class Answer:
    """What keys are credited with, and what all of it is."""

    credits: Credits
    effects: Mapping[str, float]
    """What share of the conversions is lost without each key of a Markov chain."""
    reached: Credit
    """All of it, whether there was a touch on the way or not."""
    attributed: Credit


class Crediting:
    """Conversions shared out over the touches before them, of what the actor sees."""

    def __init__(self, tx: Tx, ground: Ground) -> None:
        self.tx, self.ground = tx, ground

    async def by_key(self, asked: Asked) -> Answer:
        """What each campaign, channel, variant or kind comes to."""
        effects = await self.effects(asked)
        found = ways(self.tx, self.ground, asked)
        parts = (self._values(asked), _BY_KEY, self._weighed(asked), _VALUED, _CREDITS + _REACHED)
        rows = await self._fetch(found, asked, effects, *parts)
        reached = next(_credit(row) for row in rows if row["period"] is None)
        every = _credits(rows)[asked.goal]
        attributed = sum((one for (_, of), one in every.items() if of == EVERY), Credit())
        credits = {key: one for key, one in every.items() if key[1] != EVERY}
        return Answer(credits, effects, reached, attributed)

    async def by_labels(
        self, share: Share, labels: Sequence[tuple[str, str]], *, extra: str = "''"
    ) -> Mapping[Goal, Credits]:
        """What labels come to, each of some keys, what is told of these besides, and `EVERY`.

        It is told of each goal that there is anything of. Of each label a conversion counts once.
        Where no amounts are told their value is none.
        """
        goals, half = share
        asked = replace(goals[0], valued=any(one.valued for one in goals))
        found = ways(self.tx, self.ground, *goals, extra=extra, half=half)
        behind = found.behind + 1
        found = found.with_values([key for key, _ in labels], [label for _, label in labels])
        told = _BY_LABELS.format(at=behind, behind=behind + 1)
        parts = (told, self._weighed(asked), _WEIGHTS)
        if asked.valued:
            parts = (self._values(asked), told, self._weighed(asked), _VALUED, _CREDITS)
        return _credits(await self._fetch(found, asked, await self.effects(asked), *parts))

    async def credited(self, asked: Asked, keys: Sequence[str]) -> list[UUID]:
        """The conversions of which some keys got anything; no more than can be told, and one."""
        found = ways(self.tx, self.ground, asked)
        places = {"keys": found.behind + 1, "most": MOST_BEHIND + 1}
        chosen = _CREDITED.format(ways=ways_of(asked.model), **places)
        found = found.with_values(list(keys))
        rows = await self._fetch(found, asked, await self.effects(asked), chosen)
        return sorted(row["id"] for row in rows)

    async def of_one(self, asked: Asked, id: UUID, effects: Mapping[str, float]) -> list[Any]:
        """The touches on the way to one conversion, the earliest first, with `weight` and `part`."""
        found = ways(self.tx, self.ground, asked, id=id)
        parts = (self._values(asked), _OF_ONE)
        return await self._fetch(found, asked, effects, *parts, planned="on")

    async def effects(self, asked: Asked) -> Mapping[str, float]:
        """The removal effects of the keys; none but in a Markov chain. Raises `Invalid`."""
        if asked.model != "markov":
            return {}
        found = ways(self.tx, self.ground, replace(asked, period=None)).with_lost(self.tx)
        sql, values = found.then(_WALKS, _MOVES.format(most=_MOST_MOVES + 1))
        rows = await self._rows(sql, values)
        moves = [Move(row["here"], row["there"], row["won"], row["lost"]) for row in rows]
        if len(moves) > _MOST_MOVES or len({one.here for one in moves}) > MOST_KEYS + 1:
            message = f"Markov chains tell {MOST_KEYS} apart: ask by channel, or for fewer days."
            raise Invalid.parameter("by", "too_many_keys", message)
        return removal_effects(moves)

    def _values(self, asked: Asked) -> str:
        coin = smallest(self.ground.calendar.currency)
        return values_of(asked.model, int(coin * SCALE))

    def _weighed(self, asked: Asked) -> str:
        return _WEIGHED.format(shapes=shapes_of(asked.model))

    async def _fetch(
        self,
        found: Ways,
        asked: Asked,
        effects: Mapping[str, float],
        *parts: str,
        planned: str = "off",
    ) -> list[Any]:
        weights = weights_of(asked.model, found.behind + 1)
        if asked.model == "markov":
            found = found.with_values(list(effects), list(effects.values()))
        return await self._rows(*found.then(weights, *parts), planned)

    async def _rows(self, sql: str, values: Sequence[Any], planned: str = "off") -> list[Any]:
        """`planned` says whether the planner may do as it would."""
        async with still(self.tx) as tx:
            wanted = {**_SETTINGS, **dict.fromkeys(_CHOICES, planned)}
            ever = await tx.fetch(_PLANNED, list(wanted), list(wanted.values()))
            rows = await tx.fetch(sql, *values)
            # What is read by the same transaction after that is planned as ever. A setting that is
            # taken back would be the server's, which behind a pooler is not the one from before.
            await tx.fetch(_AS_EVER, [row["name"] for row in ever], [row["ever"] for row in ever])
            return rows


def shares_of(*goals: Asked) -> tuple[Share, Share]:
    """Two statements that take about as long and together tell of two goals that are asked for alike.

    All of it is read for both goals at once, of one half of the people and of the other. The chains
    of Markov are of everybody, and each goal has its own.
    """
    if goals[0].model == "markov":
        one, other = goals
        return ([one], None), ([other], None)
    return (goals, "<"), (goals, ">=")


def together(those: Iterable[Mapping[Goal, Credits]]) -> Mapping[Goal, Credits]:
    """What several shares come to."""
    found: dict[Goal, dict[tuple[date, str], Credit]] = defaultdict(lambda: defaultdict(Credit))
    for share in those:
        for goal, credits in share.items():
            for key, one in credits.items():
                found[goal][key] += one
    return found


def _credits(rows: Sequence[Any]) -> Mapping[Goal, Credits]:
    found: dict[Goal, dict[tuple[date, str], Credit]] = defaultdict(dict)
    for row in rows:
        if row["period"] is not None:
            goal, first = period_of(row["period"])
            found[goal][first, row["label"]] = _credit(row)
    return found


def _credit(row: Any) -> Credit:
    weight, value = (Decimal(row[name] or 0) for name in ("weight", "value"))
    return Credit(weight / STEPS, value / SCALE, row["touched"])
