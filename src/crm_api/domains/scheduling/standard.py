"""The standard reports of resources."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crm_api.domains.scheduling.times_schemas import UtilisationAsked
from crm_api.domains.scheduling.utilisation import (
    FIELDS,
    asked_for,
    need_few_days,
    utilisation_in,
)
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.page import PageQuery
from crm_api.kit.reporting import SPAN, Computed, ComputedReport, Line, Records, ReportField

MOST = 2_000
_PAGE = 200
_SUMMED = (
    *("capacity_minutes", "booked_minutes", "outside_minutes", "buffer_minutes", "held_minutes"),
    *("bookings", "no_shows"),
)


async def _utilised(tx: Tx, given: Mapping[str, Any]) -> Computed:
    """Each resource that is seen, by the figures of resources."""
    asked = _asked(given)
    lines: list[Line] = []
    cursor: str | None = None
    while True:
        query = PageQuery(asked_for(), limit=_PAGE, cursor=cursor)
        found = await utilisation_in(tx, asked, query)
        lines += [_line(one) for one in found["data"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
        if len(lines) >= MOST:
            raise Invalid(f"There are more than {MOST:,} resources.", code="too_many_records")
    return Computed(lines, [_whole(lines)] if lines else [])


async def _spanned(tx: Tx, given: Mapping[str, Any]) -> None:
    """Raise `Invalid` for more days than are told by month."""
    del tx
    if {"from", "to"} <= given.keys():
        need_few_days(_asked(given))


def _asked(given: Mapping[str, Any]) -> UtilisationAsked:
    return UtilisationAsked(since=given["from"], until=given["to"], by="month")


def _line(one: Mapping[str, Any]) -> Line:
    whole = one["total"]
    values = {
        "resource_id": one["resource_id"],
        "resource": one["name"],
        **{name: whole[name] for name in _SUMMED},
        "utilisation": _share(whole["booked_minutes"], whole["capacity_minutes"]),
    }
    return Line(values, Records({"id": {"eq": str(one["resource_id"])}}))


def _whole(lines: list[Line]) -> Line:
    sums = {name: sum(line.values[name] for line in lines) for name in _SUMMED}
    share = _share(sums["booked_minutes"], sums["capacity_minutes"])
    return Line({**sums, "utilisation": share}, Records({}))


def _share(part: int, whole: int) -> Decimal | None:
    return Decimal(part) / whole if whole else None


UTILISATION = ComputedReport(
    name="resource_utilisation",
    title="Utilisation of resources",
    text="By resource, what of its working time was booked within the days, as at "
    "`/v1/resources/utilisation`: all bookings count, also those that whoever asks does not "
    "see. Capacities and calendars are those of now.",
    formula="utilisation = booked minutes within working time / (working time × capacity); "
    "null without working time",
    source="resource",
    also_of=("booking", "calendar_exception", "working_calendar"),
    parameters=SPAN,
    chart="utilisation",
    reads=tuple(name for name in FIELDS if name not in {"id", "cost_per_hour"}),
    columns=(
        ReportField("resource_id", "grouping", "uuid", "The resource.", label="resource"),
        ReportField("resource", "column", "text", "Its name."),
        ReportField("capacity_minutes", "measure", "integer", "What could be booked."),
        ReportField("booked_minutes", "measure", "integer", "What was, in working time."),
        ReportField("outside_minutes", "measure", "integer", "What was outside of it."),
        ReportField("buffer_minutes", "measure", "integer", "What was taken around bookings."),
        ReportField("held_minutes", "measure", "integer", "What is held, not confirmed."),
        ReportField("bookings", "measure", "integer", "Bookings that begin within the days."),
        ReportField("no_shows", "measure", "integer", "To how many of these nobody came."),
        ReportField("utilisation", "measure", "ratio", "Booked by what could be booked."),
    ),
    judge=_spanned,
    compute=_utilised,
)
STANDARD_REPORTS = (UTILISATION,)
