"""How much slots break up the days of their resources.

A slot stands in a free stretch of each of its resources: from where something ends (what is taken,
what it is busy with elsewhere, a closed time, the day before) to where something begins. It fills the
stretch, or leaves one stretch beside something, or two. Of these numbers the sum over the resources
counts first, for each stretch more is a piece that is harder to book; then how long what is left is,
so that narrow gaps are used up and wide ones stay whole (best fit, as bin packing calls it: Johnson,
Near-optimal bin packing algorithms, 1973); then the start.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.busy import busy_between
from crm_api.domains.scheduling.grid import Day, Span
from crm_api.domains.scheduling.openings import Lasting, Openings, full
from crm_api.kit.db.tx import Tx
from crm_api.kit.working_time import MINUTE, instant_of, ticks_of
from crm_api.platform.calendars.service import calendars_at

Gaps = Mapping[UUID, Sequence[Span]]
"""By resource its free stretches, in order."""


async def gaps_of(tx: Tx, found: Openings, days: Sequence[Day], lasting: Lasting) -> Gaps:
    """The free stretches of all candidates on some days."""
    rows = found.candidates.rows
    window = instant_of(days[0].opens), instant_of(days[-1].closes + lasting.duration)
    calendar_ids = {row["calendar_id"] for row in rows.values()} - {None}
    calendars = await calendars_at(tx, calendar_ids, window[0]) if calendar_ids else {}
    open_spans: dict[UUID | None, list[Span]] = {
        id: [(ticks_of(a), ticks_of(b)) for a, b in calendar.spans(*window)]
        for id, calendar in calendars.items()
    }
    # What is always open is looked at by the day.
    open_spans[None] = [(day.opens, day.closes) for day in days]
    away = await busy_between(tx, list(rows), *window)
    units = {
        id: one.units
        for one, ids in zip(found.candidates.required, found.candidates.of, strict=True)
        for id in ids
    }
    gaps: dict[UUID, list[Span]] = {}
    for id, row in rows.items():
        shut = [(ticks_of(a), ticks_of(b)) for a, b in away.get(id, ())]
        if id in found.taken:
            shut += full(found.taken[id], row["capacity"] - units[id])
        gaps[id] = without(open_spans[row["calendar_id"]], shut)
    return gaps


def without(spans: Iterable[Span], shut: Sequence[Span]) -> list[Span]:
    """What is left of spans in order where others, in any order, are taken out."""
    left: list[Span] = []
    closed = sorted(shut)
    for opens, closes in spans:
        at = opens
        for first, last in closed:
            if last <= at:
                continue
            if first >= closes:
                break
            if first > at:
                left.append((at, first))
            at = last
        if at < closes:
            left.append((at, closes))
    return left


def ranked(slots: Iterable[Mapping[str, Any]], gaps: Gaps, lasting: Lasting) -> list[Any]:
    """Slots with what they leave, those first that break up the least."""
    told: list[dict[str, Any]] = []
    opens = {id: [gap[0] for gap in own] for id, own in gaps.items()}
    for slot in slots:
        first, last = ticks_of(slot["start"]), ticks_of(slot["end"])
        stretches = ticks = 0
        for one in slot["resources"]:
            id = one["resource_id"]
            place = bisect_right(opens[id], first) - 1
            sides = _sides(gaps[id][place], first - lasting.before, last + lasting.after)
            stretches += sum(side > 0 for side in sides)
            ticks += sum(sides)
        told.append({**slot, "free_stretches": stretches, "free_minutes": ticks // MINUTE})
    return sorted(
        told, key=lambda slot: (slot["free_stretches"], slot["free_minutes"], slot["start"])
    )


def _sides(gap: Span, first: int, last: int) -> tuple[int, int]:
    """What is left of a stretch before and after; buffers may reach beyond it."""
    return max(first - gap[0], 0), max(gap[1] - last, 0)
