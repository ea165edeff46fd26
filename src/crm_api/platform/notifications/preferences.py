"""What a user wants to be told when: choices and times, pure arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm_api.platform.notifications.kinds import BUILT_IN, CHANNELS, EVERY, KINDS, Frequency

Choices = Mapping[str, Mapping[str, Frequency]]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TIMES: Mapping[str, Any] = {
    "digest_at": "08:00",
    "digest_weekday": "monday",
    "quiet_from": None,
    "quiet_until": None,
}
"""What holds where nobody says anything."""


@dataclass(frozen=True)
class Preferences:
    """What holds for one user: their own choices, else the organization's, else the product's."""

    own: Choices = field(default_factory=dict[str, Mapping[str, Frequency]])
    common: Choices = field(default_factory=dict[str, Mapping[str, Frequency]])
    times: Mapping[str, Any] = field(default_factory=lambda: TIMES)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def frequency(self, kind: str, channel: str) -> Frequency:
        """How often something of a kind is told by a channel.

        What somebody says of a kind goes before what they say of all, and what the user says goes
        before the organization.
        """
        for choices in (self.own, self.common, BUILT_IN):
            for named in (kind, EVERY):
                found = choices.get(named, {}).get(channel)
                if found is not None:
                    return found
        return "off"

    def wants(self, kind: str) -> bool:
        """Whether somebody wants to be told of a kind at all."""
        return any(self.frequency(kind, channel) != "off" for channel in CHANNELS)

    def effective(self) -> dict[str, dict[str, Frequency]]:
        """What holds for every kind and channel."""
        return {
            kind: {channel: self.frequency(kind, channel) for channel in CHANNELS} for kind in KINDS
        }

    def due(self, frequency: Frequency, now: datetime) -> datetime:
        """When what happens now is sent; never in quiet hours."""
        return self._after_quiet(self._next(frequency, now))

    def _next(self, frequency: Frequency, now: datetime) -> datetime:
        local = now.astimezone(self.zone)
        if frequency == "hourly":
            # Of the local clock, whose hours begin at half past elsewhere.
            past = timedelta(minutes=local.minute, seconds=local.second)
            return now - past - timedelta(microseconds=now.microsecond) + timedelta(hours=1)
        if frequency not in {"daily", "weekly"}:
            return now
        day, at = local.date(), _time(self.times["digest_at"])
        for _ in range(15):
            wanted = frequency == "daily" or WEEKDAYS[day.weekday()] == self.times["digest_weekday"]
            instant = _instant(datetime.combine(day, at), self.zone)
            if wanted and instant > now:
                return instant
            day += timedelta(days=1)
        raise AssertionError("a week has each of its days")

    def _after_quiet(self, at: datetime) -> datetime:
        if self.times["quiet_from"] is None:
            return at
        begins, ends = _time(self.times["quiet_from"]), _time(self.times["quiet_until"])
        local = at.astimezone(self.zone)
        clock = local.time()
        over_midnight = begins > ends
        quiet = (clock >= begins or clock < ends) if over_midnight else begins <= clock < ends
        if not quiet:
            return at
        day = local.date() + timedelta(days=int(over_midnight and clock >= begins))
        # Where the clock is set back, the end of the quiet may have been a moment ago.
        return max(at, _instant(datetime.combine(day, ends), self.zone))


def combined(
    own: Mapping[str, Any] | None, common: Mapping[str, Any] | None, zone: str
) -> Preferences:
    """What holds for a user who said one thing in an organization that said another."""
    times = dict(TIMES)
    for said in (common, own):
        given: Mapping[str, Any] = said["times"] if said else {}
        times |= {name: value for name, value in given.items() if value is not None}
    return Preferences(
        own["choices"] if own else {}, common["choices"] if common else {}, times, ZoneInfo(zone)
    )


def merged(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """An object after a merge patch (RFC 7396), whatever its depth."""
    after = dict(before)
    for name, value in patch.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, Mapping):
            inner = merged(before.get(name) or {}, value)  # pyright: ignore[reportUnknownArgumentType]
            after[name] = inner
            if not inner:
                del after[name]
        else:
            after[name] = value
    return after


def _time(said: str) -> time:
    return time.fromisoformat(said)


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """A local time as an instant, by PEP 495: in a gap by the offset before it, of two the first."""
    return local.replace(tzinfo=zone).astimezone(UTC)
