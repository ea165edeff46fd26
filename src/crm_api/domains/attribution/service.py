"""Conversions attributed to the touches that led to them, as they are told."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.attribution.crediting import Credit, Crediting, Credits
from crm_api.domains.attribution.gathering import (
    Asked,
    By,
    Days,
    Gathering,
    Goal,
    Ground,
    seen_people,
)
from crm_api.domains.attribution.paths import NONE
from crm_api.domains.attribution.weighing import STEPS
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.money import SCALE, shown_amount, shown_quantity


class AttributionService:
    """What touches are worth, of the conversions that the actor sees."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.gathering = tx, Gathering(tx)

    async def answer(self, asked: Asked) -> dict[str, Any]:
        """What was reached, by campaign, channel, variant or kind."""
        asked.days.check()
        ground = await self.gathering.ground()
        found = await Crediting(self.tx, ground).by_key(asked)
        data = [
            {
                "period": None if asked.period is None else key[0],
                **named(asked.by, key[1], ground),
                **shown(found.credits[key], asked.goal),
                "removal_effect": found.effects.get(key[1]),
            }
            for key in ordered(found.credits)
        ]
        return {
            **_said(asked, ground),
            **_totals("", found.reached, asked.goal),
            **_totals("attributed_", found.attributed, asked.goal),
            "data": data,
        }

    async def of_conversion(self, id: UUID, asked: Asked) -> dict[str, Any]:
        """Which touch got what of one conversion; raises `NotFound`."""
        ground = await self.gathering.ground()
        crediting = Crediting(self.tx, ground)
        ever = replace(asked, days=Days())
        one = await self._reached(ever, ground, id)
        if one is None:
            raise NotFound("Nothing like that was reached.")
        asked.days.check()
        if asked.model == "markov" and await self._reached(asked, ground, id) is None:
            raise Invalid.parameter("from", "outside", "It was not reached in these days.")
        rows = await crediting.of_one(ever, id, await crediting.effects(asked))
        people = await seen_people(
            self.tx, [(row["person_kind"], row["person_id"]) for row in rows]
        )
        return {
            **_said(asked, ground),
            "id": id,
            "occurred_at": one["at"],
            "value": _shown_value(one["value"]),
            "touches": [_touch(row, ground, is_seen=row["person_id"] in people) for row in rows],
        }

    async def _reached(self, asked: Asked, ground: Ground, id: UUID) -> Any:
        sql, values = self.gathering.reached(asked, ground, 0, id)
        return next(iter(await self.tx.fetch(sql, *values)), None)


def _touch(row: Any, ground: Ground, *, is_seen: bool) -> dict[str, Any]:
    campaign = ground.campaigns.get(row["campaign_id"])
    return {
        "campaign_id": None if campaign is None else campaign["id"],
        "campaign_name": None if campaign is None else campaign["name"],
        "channel": row["channel"],
        "variant": row["variant"],
        "kind": row["kind"],
        "source": row["source"],
        "source_id": row["source_id"] if is_seen else None,
        "person_id": row["person_id"] if is_seen else None,
        "occurred_at": row["occurred_at"],
        "weight": shown_quantity(Decimal(row["weight"]) / STEPS),
        "value": _shown_value(row["part"]),
    }


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


def ordered(credits: Credits) -> list[tuple[date, str]]:
    """What is credited, by periods and the most worth first."""

    def rank(key: tuple[date, str]) -> Any:
        return key[0], -credits[key].weight, -credits[key].value, key[1]

    return sorted(credits, key=rank)


def shown(one: Credit, goal: Goal) -> dict[str, Any]:
    """What something is credited with, as it is told."""
    return {
        "conversions": shown_quantity(one.weight),
        "value": None if goal == "lead" else shown_amount(one.value),
        "touched": one.touched,
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


def _totals(prefix: str, whole: Credit, goal: Goal) -> dict[str, Any]:
    return {
        f"{prefix}conversions": whole.touched,
        f"{prefix}value": None if goal == "lead" else shown_amount(whole.value),
    }


def _shown_value(parts: int | None) -> str | None:
    return None if parts is None else shown_amount(Decimal(parts) / SCALE)
