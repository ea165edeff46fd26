"""What a campaign and all below it come to: people, leads, deals, revenue, against its cost."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.attribution.costing import Cost, costs
from crm_api.domains.attribution.counting import Counting
from crm_api.domains.attribution.crediting import (
    EVERY,
    NEVER,
    Credit,
    Crediting,
    Credits,
    shares_of,
    together,
)
from crm_api.domains.attribution.gathering import Asked, Days, Gathering, Ground
from crm_api.domains.attribution.service import named, ordered, shown
from crm_api.domains.attribution.weighing import Model
from crm_api.domains.campaigns.service import CampaignService
from crm_api.kit.db.beside import beside, both, in_turn, still
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.proportions import newcombe, two_proportions, wilson

People = Mapping[UUID | None, Mapping[str, int]]
"""Numbers of people, by campaigns; of None, of all of them."""
K = TypeVar("K")
V = TypeVar("V")
_DID = ("sent", "opened", "clicked", "responded")
_AUDIENCE = ("members", "holdout", "excluded")
_NOBODY = dict.fromkeys((*_AUDIENCE, *_DID), 0)
CHANNEL = "channel/"
_CHANNEL, _NOTHING = f"'{CHANNEL}' || r.channel", "''"
_SIXTH = Decimal("0.000001")
_FOURTH = Decimal("0.0001")


@dataclass(frozen=True)
class Gathered:
    """All that results are made of, by the campaigns that it is of."""

    ground: Ground
    tree: Mapping[UUID, Any]
    members: People
    did: People
    leads: Mapping[UUID | None, int]
    months: Mapping[date, int]
    """How many leads there were in which month, where that was asked for."""
    begun: Credits
    """Of each campaign with all below it."""
    won: Credits
    """By months and of channels, too, where that was asked for."""
    costs: Mapping[UUID, Sequence[Cost]] | None

    @cached_property
    def within(self) -> Mapping[UUID | None, Sequence[UUID]]:
        """Each campaign with all below it; of None, all of them."""
        return _within(self.tree)

    @cached_property
    def totals(self) -> tuple[Mapping[str, Credit], Mapping[str, Credit]]:
        """What was begun, and what was won, at whatever time."""
        return _whole(self.begun), _whole(self.won)


def _whole(credits: Credits) -> Mapping[str, Credit]:
    found: dict[str, Credit] = defaultdict(Credit)
    for (_, label), one in credits.items():
        found[label] += one
    return found


def some(grouped: Mapping[K, Sequence[V]], ids: Iterable[K]) -> list[V]:
    """What there is of some campaigns."""
    return [one for id in ids for one in grouped.get(id, ())]


def _grouped(those: Iterable[V], key: Callable[[V], K]) -> dict[K, list[V]]:
    found: dict[K, list[V]] = defaultdict(list)
    for one in those:
        found[key(one)].append(one)
    return found


class Results:
    """The results of campaigns, of what the actor sees."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, id: UUID, model: Model, days: Days) -> dict[str, Any]:
        """What a campaign comes to; raises `NotFound`, `Forbidden`."""
        days.check()
        service = CampaignService(self.tx)
        service.need("read")
        await service.get(id)
        found, counting = await self.gathered(id, model, days, in_parts=True)
        ground, tree = found.ground, found.tree
        plan = await service.records.plan(id)
        arms = [] if plan.launched_at is None else await counting.arms(id, plan.launched_at)
        if plan.waits:
            # Nobody has tried to reach them yet.
            arms = [row for row in arms if row["is_holdout"] or row["key"] is not None]
        total = figures(found, None)
        return {
            "campaign_id": id,
            "model": model,
            "first_day": days.first,
            "last_day": days.last,
            "time_zone": ground.calendar.zone,
            "currency": ground.calendar.currency,
            "lookback_days": ground.settings.lookback_days,
            "total": total,
            "exclusions": await counting.excluded(),
            "campaigns": [_row(found, one, row) for one, row in tree.items()],
            "channels": _channels(found),
            "periods": _periods(found),
            "variants": [_variant(row) for row in arms if not row["is_holdout"]],
            "uplift": _uplift(arms),
            "funnel": _funnel(total),
        }

    async def gathered(
        self, id: UUID | None, model: Model, days: Days, *, in_parts: bool = False
    ) -> tuple[Gathered, Counting]:
        """What figures are made of, of a campaign and all below it, or of all; of what is seen.

        What was won is told by months and of channels as well where that is wanted `in_parts`.
        """
        ground = await Gathering(self.tx).ground()
        tree = ground.campaigns if id is None else _tree(id, ground.campaigns)
        parents = {one: row["parent_id"] for one, row in tree.items()}
        span = _span(days, ground, self.tx.now)
        begun = Asked(model, "campaign", "opportunity", days, valued=False)
        won = Asked(model, "campaign", "won", days, "month" if in_parts else None)
        extra = _CHANNEL if in_parts else _NOTHING
        within = _within(tree).items()
        labels = [(str(id), _label(of)) for of, ids in within if of is not None for id in ids]
        share, rest = shares_of(begun, won)
        async with still(self.tx) as one, beside(one) as other:
            counting, counting_beside = (Counting(tx, parents, ground, span) for tx in (one, other))
            spent = await costs(one, tree, days)
            (credited, did), (more, (members, leads, months)) = await both(
                in_turn(
                    Crediting(one, ground).by_labels(share, labels, extra=extra), counting.did()
                ),
                in_turn(
                    Crediting(other, ground).by_labels(rest, labels, extra=extra),
                    _numbers(counting_beside, in_parts=in_parts),
                ),
                at_once=other is not one,
            )
        by_campaign = None if spent is None else _grouped(spent, lambda one: one.campaign_id)
        sums = together((credited, more))
        begun_by, won_by = (sums.get(of.goal, {}) for of in (begun, won))
        found = Gathered(ground, tree, members, did, leads, months, begun_by, won_by, by_campaign)
        return found, Counting(self.tx, parents, ground, span)


async def _numbers(
    counting: Counting, *, in_parts: bool
) -> tuple[People, Mapping[UUID | None, int], Mapping[date, int]]:
    months = await counting.months() if in_parts else {}
    return await counting.members(), await counting.leads(), months


def _within(tree: Mapping[UUID, Any]) -> dict[UUID | None, list[UUID]]:
    found: dict[UUID | None, list[UUID]] = {None: list(tree)}
    for id in tree:
        above: UUID | None = id
        while above is not None and above in tree:
            found.setdefault(above, []).append(id)
            above = tree[above]["parent_id"]
    return found


def _label(of: UUID | None) -> str:
    return EVERY if of is None else str(of)


def _tree(id: UUID, campaigns: Mapping[UUID, Any]) -> dict[UUID, Any]:
    """A campaign and all below it that are seen, each behind the one above."""
    below: dict[UUID | None, list[UUID]] = defaultdict(list)
    for one, row in campaigns.items():
        below[row["parent_id"]].append(one)
    found: dict[UUID, Any] = {}
    waiting = [id]
    while waiting:
        one = waiting.pop(0)
        if one in campaigns:
            found[one] = campaigns[one]
        waiting[:0] = sorted(below[one])
    return found


def _span(days: Days, ground: Ground, now: datetime) -> tuple[datetime, datetime]:
    zone = ZoneInfo(ground.calendar.zone)
    first = days.first or date(1900, 1, 1)
    after = None if days.last is None else days.last + timedelta(days=1)
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    end = now if after is None else datetime.combine(after, time(), zone).astimezone(UTC)
    return begin, end + timedelta(seconds=0 if after else 1)


def figures(found: Gathered, of: UUID | None) -> dict[str, Any]:
    """What a campaign of the tree comes to with all below it; of None, all of it."""
    ids = found.within[of]
    whole = {**_NOBODY, **found.members.get(of, {}), **found.did.get(of, {})}
    leads = found.leads.get(of, 0)
    begun, won = (credits.get(_label(of), Credit()) for credits in found.totals)
    spent = None if found.costs is None else _spent(some(found.costs, ids))
    return {
        **{name: whole[name] for name in (*_AUDIENCE, *_DID)},
        "leads": leads,
        "opportunities": shown_quantity(begun.weight),
        "won": shown_quantity(won.weight),
        "touched_opportunities": begun.touched,
        "touched_won": won.touched,
        **money(won.value, spent, leads, begun.weight, won.weight),
    }


def money(
    revenue: Decimal, spent: Decimal | None, leads: int, begun: Decimal, won: Decimal
) -> dict[str, Any]:
    """Revenue against cost; null wherever it would be by nothing."""
    profit = None if spent is None else revenue - spent
    return {
        "revenue": shown_amount(revenue),
        "cost": None if spent is None else shown_amount(spent),
        "profit": None if profit is None else shown_amount(profit),
        "roi": _ratio(profit, spent),
        "roas": _ratio(revenue, spent),
        "cost_per_lead": _each(spent, Decimal(leads)),
        "cost_per_opportunity": _each(spent, begun),
        "cost_per_sale": _each(spent, won),
    }


def _ratio(above: Decimal | None, below: Decimal | None) -> str | None:
    if above is None or not below:
        return None
    return shown_quantity((above / below).quantize(_SIXTH, ROUND_HALF_UP))


def _each(spent: Decimal | None, number: Decimal) -> str | None:
    if spent is None or not number:
        return None
    return shown_amount((spent / number).quantize(_FOURTH, ROUND_HALF_UP))


def _spent(those: Iterable[Cost]) -> Decimal:
    return sum((one.amount for one in those), Decimal(0))


def _row(found: Gathered, id: UUID, row: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: row[name] for name in ("parent_id", "name", "level")}
    return {"campaign_id": id, **told, **figures(found, id)}


def _channels(found: Gathered) -> list[dict[str, Any]]:
    _, won = found.totals
    channels = {
        (NEVER, label.removeprefix(CHANNEL)): one
        for label, one in won.items()
        if label.startswith(CHANNEL)
    }
    return [
        {
            "period": None,
            **named("channel", key[1], found.ground),
            **shown(channels[key], "won"),
            "removal_effect": None,
        }
        for key in ordered(channels)
    ]


def _periods(found: Gathered) -> list[dict[str, Any]]:
    calendar = found.ground.calendar
    won = {period: one for (period, label), one in found.won.items() if label == _label(None)}
    leads = found.months
    costs = some(found.costs or {}, found.tree)
    spent = _grouped(costs, lambda one: calendar.first(one.spent_on, "month"))
    told: list[dict[str, Any]] = []
    for first in sorted({*won, *leads, *spent}):
        one = won.get(first, Credit())
        row = {"period": first, "leads": leads.get(first, 0), "won": shown_quantity(one.weight)}
        cost = None if found.costs is None else shown_amount(_spent(spent.get(first, ())))
        told.append({**row, "revenue": shown_amount(one.value), "cost": cost})
    return told


def _variant(row: Mapping[str, Any]) -> dict[str, Any]:
    low, high = wilson(row["converted"], row["members"])
    rate = row["converted"] / row["members"] if row["members"] else None
    names = ("key", "members", *_DID, "converted")
    return {**{name: row[name] for name in names}, "rate": rate, "low": low, "high": high}


def _uplift(arms: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Those who were reached against those who were held out, if anybody was."""
    held = [row for row in arms if row["is_holdout"]]
    if not held:
        return None
    reached = [row for row in arms if not row["is_holdout"]]
    had, of = (sum(row[name] for row in reached) for name in ("converted", "members"))
    other, of_other = (sum(row[name] for row in held) for name in ("converted", "members"))
    low, high = newcombe((had, of), (other, of_other))
    z, p = two_proportions((had, of), (other, of_other))
    rate, base = (had / of if of else None), other / of_other
    uplift = None if rate is None else rate - base
    return {
        "members": of,
        "converted": had,
        "rate": rate,
        "holdout": of_other,
        "holdout_converted": other,
        "holdout_rate": base,
        "uplift": uplift,
        "low": low,
        "high": high,
        "z": z,
        "p": p,
        "incremental": None if uplift is None else uplift * of,
    }


def _funnel(total: Mapping[str, Any]) -> list[dict[str, Any]]:
    counts = {name: total[name] for name in ("members", *_DID, "leads")}
    counts["opportunities"] = total["touched_opportunities"]
    counts["won"] = total["touched_won"]
    numbers = list(counts.values())
    return [
        {
            "step": name,
            "count": number,
            "of_previous": _share(number, numbers[max(place - 1, 0)]),
            "of_first": _share(number, numbers[0]),
        }
        for place, (name, number) in enumerate(counts.items())
    ]


def _share(number: int, of: int) -> float | None:
    return number / of if of else None
