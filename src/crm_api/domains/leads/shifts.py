"""When those who get leads work: by the calendars and absences of members of pools."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.kit.calendar import Calendar
from crm_api.kit.db.json import parsed
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.platform.calendars.service import calendars_at

_MEMBERSHIPS = """
    SELECT p.calendar_id, m.member FROM lead_pools p
    CROSS JOIN LATERAL jsonb_array_elements(p.members) AS m (member)
    WHERE p.organization_id = $1 AND p.is_active AND p.deleted_at IS NULL
        AND (m.member ->> 'user_id')::uuid = ANY($2)
    ORDER BY p.id
"""


class Membership(NamedTuple):
    """Somebody in a pool, with the calendar of the pool."""

    member: Mapping[str, Any]
    of_pool: UUID | None

    @property
    def calendar_id(self) -> UUID | None:
        """By which they work; None: at any time."""
        own = self.member["calendar_id"]
        return self.of_pool if own is None else UUID(own)


class Shifts:
    """Whether members are at work now, when they are next, and until when they respond."""

    def __init__(self, now: datetime, times: Mapping[UUID | None, Calendar]) -> None:
        self._now, self._times = now, times

    @classmethod
    async def of(cls, tx: Tx, memberships: Iterable[Membership]) -> "Shifts":
        """Those of some members."""
        ids = {one.calendar_id for one in memberships} - {None}
        return cls(tx.now, await calendars_at(tx, ids, tx.now) if ids else {})

    def away(self, one: Membership) -> str | None:
        """Why somebody is not at work, in a word."""
        if self.is_absent(one):
            return "absent"
        time = self._time(one)
        return None if time is None or time.is_open(self._now) else "off_shift"

    def is_absent(self, one: Membership) -> bool:
        """Whether a time that they get nothing has begun and not ended."""
        return any(
            datetime.fromisoformat(absence["starts_at"])
            <= self._now
            < datetime.fromisoformat(absence["ends_at"])
            for absence in one.member["absences"]
        )

    def opening(self, one: Membership) -> datetime | None:
        """When somebody is at work next; None: never."""
        time = self._time(one)
        if time is None:
            return self._now
        try:
            return time.opening(self._now)
        except Conflict:
            return None

    def respond_by(self, one: Membership, minutes: int) -> datetime:
        """When so much of their working time has passed."""
        given, time = timedelta(minutes=minutes), self._time(one)
        return self._now + given if time is None else time.add(self._now, given)

    def _time(self, one: Membership) -> Calendar | None:
        id = one.calendar_id
        return None if id is None else self._times.get(id)


class OwnShifts:
    """The same of users whom no pool was asked for: by all active pools that they are members of.

    Whoever is absent in one of them is. Of several calendars each is theirs; whoever has none, or
    is in no pool, is at work at any time.
    """

    def __init__(self, shifts: Shifts, known: Mapping[UUID, Sequence[Membership]]) -> None:
        self._shifts, self._known = shifts, known

    @classmethod
    async def of(cls, tx: Tx, users: Sequence[UUID]) -> "OwnShifts":
        """Those of some users."""
        known: dict[UUID, list[Membership]] = {}
        rows = await tx.fetch(_MEMBERSHIPS, tx.organization_id, list(users)) if users else []
        for row in rows:
            one = Membership(parsed(row["member"]), row["calendar_id"])
            known.setdefault(UUID(one.member["user_id"]), []).append(one)
        memberships = [one for some in known.values() for one in some]
        return cls(await Shifts.of(tx, memberships), known)

    def away(self, user_id: UUID) -> str | None:
        """Why somebody is not at work, in a word."""
        own = self._known.get(user_id, ())
        if any(self._shifts.is_absent(one) for one in own):
            return "absent"
        timed = self._timed(user_id)
        return "off_shift" if timed and all(map(self._shifts.away, timed)) else None

    def opening(self, user_id: UUID) -> datetime | None:
        """When somebody who is off shift is at work next; None: never."""
        found = map(self._shifts.opening, self._timed(user_id))
        return min((at for at in found if at is not None), default=None)

    def respond_by(self, user_id: UUID, minutes: int) -> datetime | None:
        """When so much of their working time has passed; None: never."""
        found: list[datetime] = []
        for one in self._timed(user_id) or [_ALWAYS]:
            try:
                found.append(self._shifts.respond_by(one, minutes))
            except Conflict:
                continue
        return min(found, default=None)

    def _timed(self, user_id: UUID) -> list[Membership]:
        return [one for one in self._known.get(user_id, ()) if one.calendar_id is not None]


_ALWAYS = Membership({"calendar_id": None, "absences": ()}, None)
