"""The rules of recurring bookings: a series is booked with all of its occurrences, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.scheduling.allocating import Allocations
from crm_api.domains.scheduling.choosing import need_once
from crm_api.domains.scheduling.expanding import Expansion, Occurrence, expand
from crm_api.domains.scheduling.models import Booking
from crm_api.domains.scheduling.series_models import RecurringBooking
from crm_api.domains.scheduling.series_repository import SeriesRecords
from crm_api.domains.scheduling.series_schemas import (
    RecurringBookingCreate,
    RecurringBookingUpdate,
)
from crm_api.domains.scheduling.series_taking import Clash, SeriesTaking, place_at
from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import values_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode, encode
from crm_api.kit.errors import Conflict
from crm_api.kit.ids import new_id

_COPIED = (
    *("title", "description", "company_id", "contact_id", "deal_id", "project_id"),
    *("buffer_before", "buffer_after", "resources", "ignores_calendars"),
)
_OWN = frozenset(
    {
        *("title", "description", "company_id", "contact_id", "deal_id", "project_id"),
        *("owner_id", "custom", "external_ids"),
    }
)


@dataclass(frozen=True)
class Planned:
    """What a series books, under the locks of its resources."""

    expansion: Expansion
    occurrences: Sequence[Occurrence]
    clashes: Mapping[str, Clash]
    resources: Mapping[UUID, Any]

    @property
    def free(self) -> list[Occurrence]:
        """What can be had."""
        return [one for one in self.occurrences if one.key not in self.clashes]


class SeriesService(CrudService[RecurringBooking]):
    """Rules by which the same is booked again and again."""

    repository = SeriesRecords
    area = "bookings"
    plural = "booking_series"
    personal = About(
        ("contact_id",), end="kept", reason="What is booked; it names people by no more."
    )
    create_shape = RecurringBookingCreate
    update_shape = RecurringBookingUpdate
    # When it is moves by `reschedule`, which a call that also creates could not mean.
    upserts = False
    begins_with: ClassVar[Mapping[str, Any]] = {"status": "active", "parent_id": None}
    records: SeriesRecords

    @property
    def bookings(self) -> BookingService:
        """The service of what it books."""
        return BookingService(self.tx)

    async def prepare(
        self, values: dict[str, Any], current: RecurringBooking | None
    ) -> dict[str, Any]:
        """A new series has the time of all of its occurrences."""
        values = await super().prepare(values, current)
        if current is not None:
            return values
        values |= self.settled(values)
        values["id"] = values.get("id") or new_id()
        planned = await self.plan(values)
        if planned.clashes and values["on_conflict"] == "refuse":
            seen = self.bookings.seen
            raise await SeriesTaking(self.tx).refusal(planned.occurrences, planned.clashes, seen)
        if not planned.free:
            raise Conflict("None of its occurrences can be had.", code="nothing_free")
        values["rule"] = planned.expansion.rule.text
        values["skipped"] = [
            {"occurrence": key, "code": clash.code} for key, clash in planned.clashes.items()
        ]
        values["booked"] = await self._rows(values, planned)
        return values

    def add(self, values: dict[str, Any]) -> Any:
        """A series and its bookings are stored by one statement."""
        booked = values.pop("booked", ())
        shown = super().add(values)
        for row in booked:
            self.bookings.add({**self.bookings.begins_with, **row})
        return shown

    async def preview(self, data: RecurringBookingCreate) -> dict[str, Any]:
        """What a rule would book as things are, and what it would clash with."""
        self.need("create")
        values = values_of(data)
        values |= self.settled(values)
        planned = await self.plan(values, locked=False)
        seen = self.bookings.seen
        told = await SeriesTaking(self.tx).told(planned.occurrences, planned.clashes, seen)
        return {
            "rule": planned.expansion.rule.text,
            "occurrences": told,
            "clashes": len(planned.clashes),
        }

    def settled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is derived without a look-up; raises `Invalid`."""
        booked: list[dict[str, Any]] = decode(encode(values["resources"]))
        need_once(booked)
        zone = values["time_zone"] or self.tx.actor.time_zone
        return {"time_zone": zone, "resources": booked, "exceptions": sorted(values["exceptions"])}

    async def plan(
        self, values: Mapping[str, Any], *, locked: bool = True, kept: Sequence[UUID] = ()
    ) -> Planned:
        """The occurrences of a series by its columns, and what they would clash with.

        `kept` are resources that it has already. Raises `Invalid`, `Forbidden`.
        """
        expansion = expand(values)
        minutes, exceptions = values["duration_minutes"], frozenset(values["exceptions"])
        occurrences = expansion.occurrences(minutes, exceptions)
        return await self.fit(values, expansion, occurrences, locked=locked, kept=kept)

    async def fit(
        self,
        values: Mapping[str, Any],
        expansion: Expansion,
        occurrences: Sequence[Occurrence],
        *,
        locked: bool = True,
        kept: Sequence[UUID] = (),
    ) -> Planned:
        """How occurrences fit in with what is booked."""
        taking, bookings = SeriesTaking(self.tx), self.bookings
        bookings.need_right(ignores=values["ignores_calendars"])
        place = place_at(occurrences[0], values)
        if locked:
            resources = await Allocations(self.tx).lock([*place.ids, *kept])
        else:
            resources = await taking.resources(place.ids)
        await bookings.need_resources(place, resources, values, kept)
        clashes = await taking.clashes(occurrences, values, resources, locked=locked)
        return Planned(expansion, occurrences, clashes, resources)

    async def _rows(self, values: Mapping[str, Any], planned: Planned) -> list[dict[str, Any]]:
        """The bookings of a new series, whose time is taken herewith."""
        bookings = self.bookings
        custom = bookings.fields.completed({}, self.tx.actor)
        shared: dict[str, Any] = {
            **{name: values[name] for name in _COPIED},
            "owner_id": values["owner_id"],
            "external_ids": {},
            "status": "confirmed",
            "hold_expires_at": None,
            "reserved_for": None,
            "case_id": None,
            "series_id": values["id"],
        }
        rows: list[dict[str, Any]] = [
            {
                **bookings.begins_with,
                **shared,
                "id": new_id(),
                "custom": dict(custom),
                "starts_at": one.starts_at,
                "ends_at": one.ends_at,
                "occurrence": one.key,
            }
            for one in planned.free
        ]
        for row in rows:
            await bookings.admit(row, None)
        places = {
            row["id"]: place_at(one, values) for row, one in zip(rows, planned.free, strict=True)
        }
        await SeriesTaking(self.tx).take(places, planned.resources)
        return rows

    async def locked_bookings(self, id: UUID) -> list[Booking]:
        """What a series, which is locked, has booked, locked in the order of their ids."""
        ids, bookings = await self.records.bookings(id), self.bookings
        found = await bookings.records.locked(ids)
        await bookings.guard.permit([one.id for one in found], "update")
        return found

    async def check_purge(self, current: RecurringBooking) -> None:
        """What it has booked goes with it."""
        for id in await self.records.bookings(current.id):
            await self.bookings.purge(id)

    async def put_back(self, record: RecurringBooking, values: dict[str, Any]) -> Any:
        """What an undo takes back is nothing of what is booked."""
        kept = {name: value for name, value in values.items() if name in _OWN}
        return await super().put_back(record, kept)
