"""What touches are worth of what was reached, added up by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.attribution.chains import MOST as MOST_KEYS
from crm_api.domains.attribution.chains import Move, removal_effects
from crm_api.domains.attribution.gathering import Asked, Ground
from crm_api.domains.attribution.paths import LOST, Ways, ways
from crm_api.domains.attribution.weighing import STEPS, values_of, weights_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.money import SCALE
from crm_api.kit.pricing.rounding import smallest
from crm_api.kit.report_words import MOST_BEHIND

_WEIGHED = """
    counted AS (
        SELECT x.shape, l.label, sum(x.weight) AS weight
        FROM weight x JOIN label l ON l.facet = x.facet GROUP BY 1, 2),
    weighed AS (
        SELECT s.period, c.label, sum(c.weight * s.number) AS weight,
            sum(s.number)::bigint AS touched
        FROM counted c JOIN shape s ON s.shape = c.shape GROUP BY 1, 2)
"""
_VALUED = """
    valued AS (
        SELECT p.period, l.label, sum(p.part) AS value
        FROM (SELECT period, facet, sum(part) AS part FROM part GROUP BY 1, 2) p
        JOIN label l ON l.facet = p.facet GROUP BY 1, 2)
"""
_CREDITS = """
    SELECT w.period, w.label, w.weight, w.touched, v.value
    FROM weighed w LEFT JOIN valued v ON v.period = w.period AND v.label = w.label
"""
_WEIGHTS = "SELECT period, label, weight, touched, NULL AS value FROM weighed"
_TOTALS = """
    UNION ALL SELECT NULL, 'reached', NULL, count(*), sum(value) FROM reached
    UNION ALL SELECT NULL, 'attributed', NULL, count(*), sum(value) FROM way
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
    SELECT DISTINCT w.id FROM way w
    JOIN shape s ON s.path = w.path AND s.ages = w.ages AND s.period = w.period
    JOIN weight x ON x.shape = s.shape JOIN facet f ON f.facet = x.facet
    WHERE x.weight > 0 AND f.key = ANY(${keys}) LIMIT {most}
"""
_OF_ONE = """
    SELECT t.*, x.weight, p.part FROM way w, unnest(w.places) WITH ORDINALITY AS u (place, k)
    JOIN touched t USING (place) JOIN weight x ON x.k = u.k LEFT JOIN part p ON p.k = u.k
    ORDER BY u.k
"""
_BY_KEY = "label AS (SELECT facet, key AS label FROM facet)"
_BY_LABELS = """
    label AS (
        SELECT f.facet, l.label FROM facet f
        JOIN unnest(${at}::text[], ${behind}::text[]) AS l (key, label) ON l.key = f.key
        UNION ALL SELECT f.facet, f.extra FROM facet f
        WHERE f.extra <> '' AND f.key = ANY(${at}))
"""
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


@dataclass(frozen=True)
class Answer:
    """What keys are credited with, and what all of it is."""

    credits: Credits
    effects: Mapping[str, float]
    """What share of the conversions is lost without each key of a Markov chain."""
    reached: Credit
    attributed: Credit
    """What there was a touch on the way to."""


class Crediting:
    """Conversions shared out over the touches before them, of what the actor sees."""

    def __init__(self, tx: Tx, ground: Ground) -> None:
        self.tx, self.ground = tx, ground

    async def by_key(self, asked: Asked) -> Answer:
        """What each campaign, channel, variant or kind comes to."""
        effects = await self.effects(asked)
        found = ways(self.tx, self.ground, asked)
        parts = (self._values, _BY_KEY, _WEIGHED, _VALUED, _CREDITS + _TOTALS)
        rows = await self._fetch(found, asked, effects, *parts)
        whole = {row["label"]: _credit(row) for row in rows if row["period"] is None}
        return Answer(_credits(rows), effects, whole["reached"], whole["attributed"])

    async def by_labels(
        self, asked: Asked, labels: Sequence[tuple[str, str]], *, extra: str = "''", valued: bool
    ) -> Credits:
        """What labels come to, each of some keys, and what is told of these besides; of one each
        conversion counts once. The value of what is not `valued` is none.
        """
        found = ways(self.tx, self.ground, asked, extra=extra)
        behind = found.behind + 1
        found = found.with_values([key for key, _ in labels], [label for _, label in labels])
        told = _BY_LABELS.format(at=behind, behind=behind + 1)
        parts = (self._values, told, _WEIGHED, _VALUED, _CREDITS)
        if not valued:
            parts = (told, _WEIGHED, _WEIGHTS)
        return _credits(await self._fetch(found, asked, await self.effects(asked), *parts))

    async def credited(self, asked: Asked, keys: Sequence[str]) -> list[UUID]:
        """The conversions of which some keys got anything; no more than can be told, and one."""
        found = ways(self.tx, self.ground, asked)
        chosen = _CREDITED.format(keys=found.behind + 1, most=MOST_BEHIND + 1)
        found = found.with_values(list(keys))
        rows = await self._fetch(found, asked, await self.effects(asked), chosen)
        return sorted(row["id"] for row in rows)

    async def of_one(self, asked: Asked, id: UUID, effects: Mapping[str, float]) -> list[Any]:
        """The touches on the way to one conversion, the earliest first, with `weight` and `part`."""
        found = ways(self.tx, self.ground, asked, id=id)
        return await self._fetch(found, asked, effects, self._values, _OF_ONE)

    async def effects(self, asked: Asked) -> Mapping[str, float]:
        """The removal effects of the keys; none but in a Markov chain. Raises `Invalid`."""
        if asked.model != "markov":
            return {}
        found = ways(self.tx, self.ground, replace(asked, period=None))
        sql, values = found.then(LOST, _WALKS, _MOVES.format(most=_MOST_MOVES + 1))
        rows = await self.tx.fetch(sql, *values)
        moves = [Move(row["here"], row["there"], row["won"], row["lost"]) for row in rows]
        if len(moves) > _MOST_MOVES or len({one.here for one in moves}) > MOST_KEYS + 1:
            message = f"Markov chains tell {MOST_KEYS} apart: ask by channel, or for fewer days."
            raise Invalid.parameter("by", "too_many_keys", message)
        return removal_effects(moves)

    @property
    def _values(self) -> str:
        return values_of(int(smallest(self.ground.calendar.currency) * SCALE))

    async def _fetch(
        self, found: Ways, asked: Asked, effects: Mapping[str, float], *parts: str
    ) -> list[Any]:
        weights = weights_of(asked.model, found.behind + 1)
        if asked.model == "markov":
            found = found.with_values(list(effects), list(effects.values()))
        sql, values = found.then(weights, *parts)
        return await self.tx.fetch(sql, *values)


def _credits(rows: Sequence[Any]) -> Credits:
    return {(row["period"], row["label"]): _credit(row) for row in rows if row["period"]}


def _credit(row: Any) -> Credit:
    weight, value = (Decimal(row[name] or 0) for name in ("weight", "value"))
    return Credit(weight / STEPS, value / SCALE, row["touched"])
