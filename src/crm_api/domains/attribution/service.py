"""Conversions attributed to the touches that led to them, and added up."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.attribution.chains import MOST as MOST_KEYS
from crm_api.domains.attribution.chains import removal_effects
from crm_api.domains.attribution.gathering import (
    Conversion,
    Days,
    Found,
    Gathering,
    Goal,
    Ground,
    seen_people,
)
from crm_api.domains.attribution.settings import half_life
from crm_api.domains.attribution.weighing import Model, Touch, weights
from crm_api.domains.reports.schemas import Bucket
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.money import SCALE, shown_amount, shown_quantity
from crm_api.kit.pricing.rounding import smallest, spread

By = Literal["campaign", "channel", "variant", "kind"]
NONE = ""
"""The key of touches by no campaign that is known, or seen."""
_PART = Decimal(1) / SCALE


@dataclass(frozen=True)
class Asked:
    """What is asked for."""

    model: Model = "linear"
    by: By = "campaign"
    goal: Goal = "won"
    days: Days = field(default_factory=Days)
    period: Bucket | None = None


@dataclass(frozen=True)
class Credit:
    """What a touch is worth of a conversion."""

    conversion: Conversion
    touch: Found
    key: str
    weight: Decimal
    value: Decimal | None


@dataclass
class Attributed:
    """All that was reached, and what each touch is worth of it."""

    ground: Ground
    reached: Sequence[Conversion]
    paths: Mapping[UUID, Sequence[Found]]
    effects: Mapping[str, float]
    credits: list[Credit] = field(default_factory=list[Credit])


class AttributionService:
    """What touches are worth, of the conversions that the actor sees."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.gathering = tx, Gathering(tx)

    async def attributed(self, asked: Asked, ground: Ground, id: UUID | None = None) -> Attributed:
        """The credits of each touch; `id` tells of one conversion alone, weighed among all."""
        asked.days.check()
        reached = await self.gathering.conversions(asked.goal, asked.days, ground)
        paths = await self.gathering.paths(asked.goal, reached, ground)
        effects: Mapping[str, float] = {}
        if asked.model == "markov":
            effects = await self._effects(asked, reached, paths, ground)
        whole = Attributed(ground, reached, paths, effects)
        for one in reached:
            if id in (None, one.id):
                whole.credits += _credits(asked, one, paths.get(one.id, ()), whole)
        return whole

    async def _effects(
        self,
        asked: Asked,
        reached: Sequence[Conversion],
        paths: Mapping[UUID, Sequence[Found]],
        ground: Ground,
    ) -> Mapping[str, float]:
        lost = await self.gathering.lost(asked.days, paths, ground)
        keyed = key_of(asked.by, ground)
        won = Counter(tuple(map(keyed, paths[one.id])) for one in reached if paths.get(one.id))
        not_won = Counter(tuple(map(keyed, path)) for path in lost)
        if len({key for path in (*won, *not_won) for key in path}) > MOST_KEYS:
            message = f"Markov chains tell {MOST_KEYS} apart: ask by channel, or for fewer days."
            raise Invalid.parameter("by", "too_many_keys", message)
        every = dict.fromkeys((*won, *not_won))
        return removal_effects({path: (won[path], not_won[path]) for path in every})

    async def answer(self, asked: Asked) -> dict[str, Any]:
        """What was reached, by campaign, channel or variant."""
        ground, tally = await self.gathering.ground(), Tally()
        found = await self.attributed(asked, ground)
        zone = ZoneInfo(ground.calendar.zone)

        def period(at: Any) -> date | None:
            day = at.astimezone(zone).date()
            return None if asked.period is None else ground.calendar.first(day, asked.period)

        for one in found.credits:
            tally.add((period(one.conversion.at), one.key), one)
        rows = [
            {
                "period": key[0],
                **named(asked.by, key[1], ground),
                **tally.shown(key, asked.goal),
                "removal_effect": found.effects.get(key[1]),
            }
            for key in tally.order()
        ]
        with_path = [one for one in found.reached if found.paths.get(one.id)]
        return {
            **_said(asked, ground),
            **totals("", found.reached, asked.goal),
            **totals("attributed_", with_path, asked.goal),
            "data": rows,
        }

    async def of_conversion(self, id: UUID, asked: Asked) -> dict[str, Any]:
        """Which touch got what of one conversion; raises `NotFound`."""
        ground = await self.gathering.ground()
        those = await self.gathering.conversions(asked.goal, Days(), ground, id)
        if not those:
            raise NotFound("Nothing like that was reached.")
        found = await self._of_one(asked, those[0], ground)
        people = await seen_people(self.tx, [one.touch for one in found.credits])
        path = [
            {
                **named("campaign", key_of("campaign", ground)(one.touch), ground),
                "channel": one.touch.channel,
                "variant": one.touch.variant,
                "kind": one.touch.kind,
                "source": one.touch.source,
                "source_id": one.touch.source_id if one.touch.person_id in people else None,
                "person_id": one.touch.person_id if one.touch.person_id in people else None,
                "occurred_at": one.touch.at,
                "weight": shown_quantity(one.weight),
                "value": None if one.value is None else shown_amount(one.value),
            }
            for one in found.credits
        ]
        value = _amount(those[0].value)
        return {
            **_said(asked, ground),
            "id": id,
            "occurred_at": those[0].at,
            "value": None if value is None else shown_amount(value),
            "touches": path,
        }

    async def _of_one(self, asked: Asked, one: Conversion, ground: Ground) -> Attributed:
        if asked.model == "markov":
            found = await self.attributed(asked, ground, one.id)
            if any(other.id == one.id for other in found.reached):
                return found
            raise Invalid.parameter("from", "outside", "It was not reached in these days.")
        paths = await self.gathering.paths(asked.goal, [one], ground)
        found = Attributed(ground, [one], paths, {})
        found.credits += _credits(asked, one, paths.get(one.id, ()), found)
        return found


def _credits(
    asked: Asked, one: Conversion, path: Sequence[Found], whole: Attributed
) -> list[Credit]:
    ground, value = whole.ground, _amount(one.value)
    keyed = key_of(asked.by, ground)
    touches = [Touch(keyed(touch), touch.at, touch.is_direct) for touch in path]
    shares = weights(
        asked.model,
        touches,
        one.at,
        half_life=half_life(ground.settings),
        effects=whole.effects,
    )
    values: Sequence[Decimal | None] = [None] * len(shares)
    if value is not None and shares:
        coin = smallest(ground.calendar.currency)
        values = spread(value, shares, coin if value % coin == 0 else _PART)
    return [
        Credit(one, touch, told.key, weight, part)
        for touch, told, weight, part in zip(path, touches, shares, values, strict=True)
    ]


def key_of(by: By, ground: Ground) -> Callable[[Found], str]:
    """What touches are told apart by."""

    def campaign(one: Found) -> str:
        return str(one.campaign_id) if one.campaign_id in ground.campaigns else NONE

    def variant(one: Found) -> str:
        return f"{campaign(one)}/{one.variant or NONE}"

    def channel(one: Found) -> str:
        return one.channel

    def kind(one: Found) -> str:
        return one.kind

    return {"campaign": campaign, "channel": channel, "variant": variant, "kind": kind}[by]


def named(by: By, key: str, ground: Ground) -> dict[str, Any]:
    """What a row is of."""
    id, _, variant = key.partition("/") if by in {"campaign", "variant"} else (NONE, "", NONE)
    campaign = ground.campaigns.get(UUID(id)) if id else None
    return {
        "campaign_id": UUID(id) if id else None,
        "campaign_name": None if campaign is None else campaign["name"],
        "channel": key if by == "channel" else None,
        "variant": variant or None,
        "kind": key if by == "kind" else None,
    }


class Tally:
    """Credits, added up by keys."""

    def __init__(self) -> None:
        self._weights: dict[Any, Decimal] = defaultdict(Decimal)
        self._values: dict[Any, Decimal] = defaultdict(Decimal)
        self._touched: dict[Any, set[UUID]] = defaultdict(set)

    def add(self, key: Any, one: Credit) -> None:
        """Count what a touch is worth."""
        self._weights[key] += one.weight
        self._values[key] += one.value or 0
        self._touched[key].add(one.conversion.id)

    def order(self) -> list[Any]:
        """The keys, by their periods and the most worth first."""

        def rank(key: Any) -> Any:
            return (key[0] or date.min, -self._weights[key], -self._values[key], key[1])

        return sorted(self._weights, key=rank)

    def shown(self, key: Any, goal: Goal) -> dict[str, Any]:
        """What a key comes to."""
        return {
            "conversions": shown_quantity(self._weights[key]),
            "value": None if goal == "lead" else shown_amount(self._values[key]),
            "touched": len(self._touched[key]),
        }


def _said(asked: Asked, ground: Ground) -> dict[str, Any]:
    return {
        "model": asked.model,
        "by": asked.by,
        "goal": asked.goal,
        "first_day": asked.days.first,
        "last_day": asked.days.last,
        "time_zone": ground.calendar.zone,
        "currency": ground.calendar.currency,
        "lookback_days": ground.settings.lookback_days,
    }


def totals(prefix: str, those: Sequence[Conversion], goal: Goal) -> dict[str, Any]:
    """How many were reached, and for how much."""
    value = sum((_amount(one.value) or Decimal(0) for one in those), Decimal(0))
    return {
        f"{prefix}conversions": len(those),
        f"{prefix}value": None if goal == "lead" else shown_amount(value),
    }


def _amount(parts: int | None) -> Decimal | None:
    return None if parts is None else Decimal(parts) / SCALE
