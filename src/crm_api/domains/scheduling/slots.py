"""When something could be booked, by whom, and why not.

What is offered is what could be booked: the same candidates, the same reading of hours and of what
is taken, and the same choice as for a booking through a type (`choosing.py`), for many starts.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.scheduling.candidates import (
    Candidates,
    Order,
    found_for,
    owners_first,
    required_of,
    turns_of,
)
from crm_api.domains.scheduling.choosing import bounds_of, months_of, started_on
from crm_api.domains.scheduling.grid import Day, Grid, grid_of, places, run
from crm_api.domains.scheduling.openings import Lasting, Openings, hours_of, openings
from crm_api.domains.scheduling.ranking import gaps_of, ranked
from crm_api.domains.scheduling.slot_schemas import Reason, SlotSearch
from crm_api.domains.scheduling.types import BookingTypeService, need_required, need_there
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.working_time import MINUTE, instant_of, ticks_of

_MESSAGES: Mapping[Reason, str] = {
    "too_soon": "It would be sooner than may be booked.",
    "too_far_ahead": "It is farther ahead than may be booked.",
    "closed": "There is not that much working time without a break.",
    "day_full": "As many start on that day as there may be.",
    "no_candidates": "There are not enough resources that could be taken.",
    "booked": "What could be taken is booked.",
}


@dataclass(frozen=True)
class Offer:
    """What is to be booked, whether a type says so or the request."""

    type_id: UUID | None
    zone: ZoneInfo
    step: int
    lasting: Lasting
    calendar_id: UUID | None
    first: datetime
    last: datetime | None
    most_per_day: int | None
    assignment: str
    requirements: Sequence[Mapping[str, Any]]


class Stage(NamedTuple):
    """The starts that one condition leaves."""

    reason: Reason
    requirement: int | None
    left: int


class SlotService:
    """When something could be booked."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def search(self, data: SlotSearch) -> dict[str, Any]:
        """The slots of a window, and of its days without any the reason."""
        self.tx.actor.require("resources:read")
        offer = await self._offer(data)
        grid = grid_of(offer.zone, offer.step, data.start, data.end)
        required = await required_of(self.tx, offer.requirements)
        candidates = await found_for(self.tx, required, alone=offer.assignment != "collective")
        named = _named(candidates, data)
        if offer.assignment == "specific" and not named:
            message = "It is said which resources are wanted."
            raise Invalid.at("/resource_ids", "required", message)
        if not grid.starts:
            return _told(offer, [], [], None)
        found = await openings(self.tx, candidates, grid.starts, offer.lasting, grid.days)
        stages = await self._stages(offer, grid, found)
        first = await self._first(candidates, data)
        months = months_of([day.day for day in grid.days], offer.zone)
        type_id = offer.type_id
        had = {} if type_id is None else await turns_of(self.tx, type_id, months)
        order = Order(offer.assignment, candidates, had, list(dict.fromkeys([*named, *first])))
        if data.rank == "earliest":
            return _answered(offer, grid, found, stages, order, named, data.limit)
        answer = _answered(offer, grid, found, stages, order, named, len(grid.starts))
        gaps = await gaps_of(self.tx, found, grid.days, offer.lasting)
        return {**answer, "slots": ranked(answer["slots"], gaps, offer.lasting)[: data.limit]}

    async def _offer(self, data: SlotSearch) -> Offer:
        if data.booking_type_id is None:
            return await self._ad_hoc(data)
        service = BookingTypeService(self.tx)
        service.need("read")
        await need_there(
            self.tx, service.records.listing, {"/booking_type_id": data.booking_type_id}
        )
        type = await service.records.offered(data.booking_type_id)
        durations = type.durations
        if type.status != "active":
            message = f"{type.name} is not booked."
            raise Invalid.at("/booking_type_id", "booking_type_inactive", message)
        if data.duration is not None and data.duration not in durations:
            offered = ", ".join(str(one) for one in durations)
            raise Invalid.at("/duration", "not_offered", f"{type.name} lasts {offered} minutes.")
        first, last = bounds_of(self.tx, type)
        minutes = (data.duration or durations[0], type.buffer_before, type.buffer_after)
        return Offer(
            type.id,
            ZoneInfo(type.time_zone),
            type.slot_step,
            Lasting(*(one * MINUTE for one in minutes)),
            type.calendar_id,
            first,
            last,
            type.most_per_day,
            type.assignment,
            type.requirements,
        )

    async def _ad_hoc(self, data: SlotSearch) -> Offer:
        requirements: list[dict[str, Any]] = decode(
            encode([one.model_dump() for one in data.requirements or ()])
        )
        await need_required(self.tx, requirements, [])
        minutes = (data.duration or 0, data.buffer_before or 0, data.buffer_after or 0)
        return Offer(
            None,
            ZoneInfo(data.time_zone or self.tx.actor.time_zone),
            data.slot_step or 30,
            Lasting(*(one * MINUTE for one in minutes)),
            None,
            self.tx.now,
            None,
            None,
            data.assignment or "round_robin",
            requirements,
        )

    async def _first(self, candidates: Candidates, data: SlotSearch) -> list[UUID]:
        for listing, at, id in (
            (CONTACTS, "/contact_id", data.contact_id),
            (COMPANIES, "/company_id", data.company_id),
        ):
            if id is not None:
                await need_there(self.tx, listing, {at: id})
        return await owners_first(self.tx, candidates, data.contact_id, data.company_id)

    async def _stages(self, offer: Offer, grid: Grid, found: Openings) -> list[Stage]:
        """What each condition leaves of the starts, in the order in which reasons are told."""
        starts, every = grid.starts, found.every
        soonest = bisect_left(starts, ticks_of(offer.first))
        stages = [Stage("too_soon", None, every & ~run(0, soonest))]
        if offer.last is not None:
            latest = bisect_right(starts, ticks_of(offer.last))
            stages.append(Stage("too_far_ahead", None, run(0, latest)))
        hours = await hours_of(self.tx, [offer.calendar_id], starts, offer.lasting)
        stages.append(Stage("closed", None, hours[offer.calendar_id]))
        if offer.type_id is not None and offer.most_per_day is not None:
            number = await started_on(self.tx, offer.type_id, grid.days)
            open_days = (
                day.mask for n, day in enumerate(grid.days) if number[n] < offer.most_per_day
            )
            stages.append(Stage("day_full", None, sum(open_days)))
        for n, (quantity, ids) in enumerate(
            zip(found.candidates.quantities, found.candidates.of, strict=True)
        ):
            stages += [
                Stage("no_candidates", n, every if len(ids) >= quantity else 0),
                Stage("closed", n, found.hours[n]),
                Stage("booked", n, found.enough[n]),
            ]
        return stages


def _named(candidates: Candidates, data: SlotSearch) -> list[UUID]:
    """The resources that have to be among the chosen; raises `Invalid` for what none asks for."""
    of_user = {row["user_id"]: id for id, row in candidates.rows.items()}
    named = {f"/resource_ids/{n}": id for n, id in enumerate(data.resource_ids)}
    named |= {f"/user_ids/{n}": of_user.get(id) for n, id in enumerate(data.user_ids)}
    known = {at: id for at, id in named.items() if id is not None and id in candidates.rows}
    strange = [at for at in named if at not in known]
    if strange:
        message = "No requirement asks for it."
        faults = [Fault("not_required", message, at) for at in strange]
        raise Invalid(message, faults=faults)
    return list(dict.fromkeys(known.values()))


def _answered(
    offer: Offer,
    grid: Grid,
    found: Openings,
    stages: Sequence[Stage],
    order: Order,
    named: Sequence[UUID],
    limit: int,
) -> dict[str, Any]:
    """The slots up to a limit, and the days before that which have none."""
    possible = found.together
    for stage in stages:
        possible &= stage.left
    slots: list[dict[str, Any]] = []
    empty: list[dict[str, Any]] = []
    orders = found.orders(order, grid.days, _months(grid.days))
    for day, asked in zip(grid.days, orders, strict=True):
        begun, before = len(slots), -1
        chosen: list[list[UUID]] | None = None
        for place in places(possible & day.mask):
            # Of one day the same are chosen for as long as the same are free.
            if before < 0 or found.changed & run(before + 1, place + 1):
                chosen = found.chosen(place, asked, named)
            before = place
            if chosen is None:
                continue
            if len(slots) == limit:
                return _told(offer, slots, empty, instant_of(grid.starts[place]))
            slots.append(_slot(offer, grid.starts[place], found.candidates, chosen))
        if day.mask and len(slots) == begun:
            empty.append(_empty(day, stages))
    return _told(offer, slots, empty, None)


def _months(days: Sequence[Day]) -> list[int]:
    """Of each day its month, counted from that of the first."""
    firsts = list(dict.fromkeys((day.day.year, day.day.month) for day in days))
    return [firsts.index((day.day.year, day.day.month)) for day in days]


def _slot(
    offer: Offer, start: int, candidates: Candidates, chosen: Sequence[Sequence[UUID]]
) -> dict[str, Any]:
    resources = [
        {"resource_id": id, "quantity": candidates.required[n].units, "requirement": n}
        for n, ids in enumerate(chosen)
        for id in ids
    ]
    end = instant_of(start + offer.lasting.duration)
    slot = {"start": instant_of(start), "end": end, "resources": resources}
    return {**slot, "free_stretches": None, "free_minutes": None}


def _empty(day: Day, stages: Sequence[Stage]) -> dict[str, Any]:
    left = day.mask
    reason, requirement = "booked", None
    for stage in stages:
        left &= stage.left
        if not left:
            reason, requirement = stage.reason, stage.requirement
            break
    return {
        "day": day.day,
        "reason": reason,
        "requirement": requirement,
        "message": _MESSAGES[reason],
    }


def _told(
    offer: Offer,
    slots: list[dict[str, Any]],
    empty: list[dict[str, Any]],
    next_start: datetime | None,
) -> dict[str, Any]:
    return {
        "time_zone": offer.zone.key,
        "slots": slots,
        "empty_days": empty,
        "next_start": next_start,
    }
