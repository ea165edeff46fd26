"""What a recurring booking books: its occurrences, each known by its local start."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from crm_api.domains.scheduling.series_schemas import MOST_OCCURRENCES
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.recurrence import BadRule, Rule, instant, read

HORIZON = timedelta(days=3653)
LONGEST = HORIZON + timedelta(days=366)
"""All occurrences together, of which none overlap: within the horizon, but for the end of the last."""
FORMAT = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True)
class Occurrence:
    """When it is, and its key: the local start by the rule."""

    key: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Expansion:
    """A rule that has been read, and the local times it has, those of exceptions too."""

    rule: Rule
    zone: ZoneInfo
    times: tuple[datetime, ...]

    def occurrences(self, minutes: int, exceptions: frozenset[str]) -> list[Occurrence]:
        """What is to be booked, in order; a length is time that passes, whatever clocks show."""
        found: list[Occurrence] = []
        for at in self.times:
            if (key := key_of(at)) not in exceptions:
                start = instant(at, self.zone)
                found.append(Occurrence(key, start, start + timedelta(minutes=minutes)))
        return found


def key_of(at: datetime) -> str:
    """How an occurrence is called that begins at a wall time."""
    return at.strftime(FORMAT)


def wall_of(key: str) -> datetime:
    """The wall time that an occurrence is called by."""
    return datetime.fromisoformat(key)


def expand(values: Mapping[str, Any]) -> Expansion:
    """The occurrences of a series by its columns; raises `Invalid`."""
    zone, start = ZoneInfo(values["time_zone"]), wall_of(values["starts_local"])
    try:
        rule = read(values["rule"], timed=True)
    except BadRule as error:
        raise Invalid.at("/rule", "invalid_rule", str(error)) from None
    if not rule.ends:
        message = "It is booked up to an end: say COUNT or UNTIL."
        raise Invalid.at("/rule", "rule_without_end", message)
    if rule.outlasts(start, zone, HORIZON):
        raise _too_long()
    times = tuple(islice(rule.occurrences(start, zone, HORIZON), MOST_OCCURRENCES + 1))
    if len(times) > MOST_OCCURRENCES:
        message = f"It has {MOST_OCCURRENCES} occurrences at the most."
        raise Invalid.at("/rule", "too_many_occurrences", message)
    if not times:
        raise Invalid.at("/rule", "no_occurrences", "It never comes.")
    if rule.count is not None and len(times) < rule.count:
        raise _too_long()
    if len(times) * timedelta(minutes=values["duration_minutes"]) > LONGEST:
        # So much that they overlap, each of them many others: what no calendar holds.
        message = "All of its occurrences together last longer than a series does."
        raise Invalid.at("/duration_minutes", "too_long", message)
    known = {key_of(at) for at in times}
    faults = [
        Fault("not_an_occurrence", "The rule has none at that time.", f"/exceptions/{place}")
        for place, key in enumerate(values["exceptions"])
        if key not in known
    ]
    if faults:
        raise Invalid(faults[0].message, faults=faults)
    if known <= set(values["exceptions"]):
        raise Invalid.at("/exceptions", "no_occurrences", "Nothing of it is left.")
    return Expansion(rule, zone, times)


def earliest(zone: ZoneInfo, times: tuple[datetime, ...], now: datetime) -> int:
    """The place of the first that is still to come."""
    at = now.astimezone(UTC)
    return next((n for n, one in enumerate(times) if instant(one, zone) > at), len(times))


def _too_long() -> Invalid:
    return Invalid.at("/rule", "too_long", "It ends within ten years.")
