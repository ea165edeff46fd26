"""The rules of journeys and of their runs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.journeys.definitions import Definition, check
from crm_api.domains.journeys.keeping import Steps
from crm_api.domains.journeys.models import Journey, JourneyRun, JourneyState
from crm_api.domains.journeys.repository import AREA, RUNS_AREA, JourneyRuns, Journeys
from crm_api.domains.journeys.schemas import (
    JourneyCreate,
    JourneyRunCreate,
    JourneyRunUpdate,
    JourneyUpdate,
)
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.partaking import Partaking
from crm_api.kit.crud.personal import About, Impersonal
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.crud.transitions import Way, need_way, way
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid, WrongState

JOURNEY_WAYS: Mapping[str, Way[str]] = {
    "publish": way("draft active paused", "active", "published"),
    "pause": way("active", "paused", "paused"),
    "resume": way("paused", "active", "resumed"),
    "stop": way("draft active paused", "stopped", "stopped"),
}
_ENGINE: Mapping[str, Any] = {
    **dict.fromkeys(("leave_reason", "leave_detail", "wakes_at", "ended_at")),
    "target": "contact",
    "status": "active",
    "round": 0,
    "results": {},
}
_MOVED = frozenset(
    {*_ENGINE, "journey_version", "node", "node_since", "next_at", "waiting_for", "begun_by"}
)


class JourneyService(NamedService[Journey]):
    """Graphs that people go through: waits, conditions, splits, steps, goals and exits."""

    repository = Journeys
    area = AREA
    plural = "journeys"
    personal = Impersonal("What is done with whoever enters; runs name people.")
    create_shape = JourneyCreate
    update_shape = JourneyUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "draft",
        "published_version": None,
        "actor": None,
    }
    records: Journeys

    async def prepare(self, values: dict[str, Any], current: Journey | None) -> dict[str, Any]:
        """What is stopped stays as it is; nested parts are kept as JSON."""
        for name in ("entry", "re_entry", "exits"):
            if name in values:
                values[name] = decode(encode(values[name]))
        if current is not None and current.status == "stopped":
            changed = [n for n in values if n in self.create_shape.model_fields]
            changed = [n for n in changed if n not in self.beside]
            if any(values[n] != getattr(current, n) for n in changed):
                message = "A journey that is stopped stays as it is."
                raise WrongState(message, code="journey_stopped")
        return await super().prepare(values, current)

    async def go(self, id: UUID, verb: str, expected: int | None = None) -> Any:
        """Publish the draft as the next version, pause, resume or stop."""
        self.need("update")
        current = await self.locked(id, expected)
        one = need_way("journey", JOURNEY_WAYS, current.status, verb)
        values: dict[str, Any] = {"status": one.after}
        if verb == "publish":
            definition = Definition.of(current)
            await check(self.tx, definition)
            number = (current.published_version or 0) + 1
            self.records.publish(id, number, definition.source)
            values["published_version"] = number
            if current.status == "paused":
                values["status"] = "paused"
            await FeedPlace(self.tx, JourneyState.__tablename__).begin()
        if verb in {"publish", "resume"}:
            values["actor"] = decode(encode(self.tx.actor.stored()))
        shown = await self.change(current, values, verb=one.event)
        if values["status"] == "active":
            await self.records.wake(id)
        elif verb == "stop":
            await self.records.end(id)
        return await self.told(shown)

    async def versions(self, id: UUID) -> dict[str, Any]:
        """Every version of a journey that is seen."""
        await self.get(id)
        return {"data": await self.records.versions(id)}

    async def put_back(self, record: Journey, values: dict[str, Any]) -> Any:
        """What an undo takes back is no version."""
        kept = self.begins_with.keys()
        return await super().put_back(record, {n: v for n, v in values.items() if n not in kept})


class RunService(Partaking[JourneyRun]):
    """Those who go through journeys, and where they stand."""

    repository = JourneyRuns
    area = RUNS_AREA
    plural = "journey_runs"
    personal = About(("contact_id",), end="removed", reason="Who was to go through it.")
    create_shape = JourneyRunCreate
    update_shape = JourneyRunUpdate
    upserts = False
    begins_with: ClassVar[Mapping[str, Any]] = _ENGINE
    of = "journey_id"
    moved = _MOVED
    records: JourneyRuns
    begun_by: str = "manual"
    """What those who are made now have entered by."""

    async def prepare(self, values: dict[str, Any], current: JourneyRun | None) -> dict[str, Any]:
        """A journey that is not stopped, and somebody who may enter it."""
        values = await super().prepare(values, current)
        if current is not None:
            return values
        journey = await self._journey(values["journey_id"])
        begun = await self.begun(journey)
        policy = await self.policy(journey)
        contact_id = values["contact_id"]
        known = await self.records.is_there(contact_id)
        if known and not await self.records.may_enter(
            journey, [contact_id], through_by(policy, self.tx.now)
        ):
            if await self.records.held_out(journey.campaign_id, [contact_id]):
                raise held_out()
            raise not_again()
        return {**values, **begun, "begun_by": self.begun_by}

    async def begun(self, journey: Journey) -> dict[str, Any]:
        """The first node of the version that is published, if there is one yet."""
        number = journey.published_version
        if number is None:
            nothing = ("journey_version", "node", "node_since", "next_at")
            return {**dict.fromkeys(nothing), "waiting_for": "journey"}
        definition = Definition(await Journeys(self.tx).definition(journey.id, number))
        return {
            "journey_version": number,
            "node": definition.graph.first,
            "node_since": self.tx.now,
            "next_at": await self.moment(),
            "waiting_for": None,
        }

    async def policy(self, journey: Journey) -> Mapping[str, Any]:
        """Whether people enter again, as it is published, or else as it is written."""
        if journey.published_version is None:
            return journey.re_entry
        number = journey.published_version
        return (await Journeys(self.tx).definition(journey.id, number))["re_entry"]

    async def _journey(self, id: UUID) -> Journey:
        # Locked, so that nobody enters twice, and whoever stops it finds all who did.
        found = await JourneyService(self.tx).records.find(id, lock=True)
        if found is None:
            raise Invalid.at("/journey_id", "unknown_reference", "There is no such journey.")
        if found.status == "stopped":
            message = "Nobody enters a journey that is stopped."
            faults = [Fault("journey_stopped", message, "/journey_id")]
            raise WrongState(message, code="journey_stopped", faults=faults)
        return found

    async def under_way(self, contact_ids: Sequence[UUID]) -> list[UUID]:
        """What some people are under way in."""
        return await self.records.of_contacts(contact_ids)

    async def leave(self, one: JourneyRun, detail: str) -> None:
        """Take somebody out; the record is locked."""
        await self.end(one, "exited", "removed", detail)

    async def end(
        self, one: JourneyRun, status: str, reason: str | None = None, detail: str | None = None
    ) -> Any:
        """Have somebody be through with a journey; the run is locked."""
        values: dict[str, Any] = {
            "status": status,
            "leave_reason": reason,
            "leave_detail": detail[:500] if detail else None,
            "next_at": None,
            "wakes_at": None,
            "waiting_for": None,
            "ended_at": self.tx.now,
        }
        if one.waiting_for in {"time", "event"}:
            await Steps(self.tx).leave(one, "skipped", None, {})
        told = {"journey_id": one.journey_id, "contact_id": one.contact_id}
        return await self.change(one, values, verb=status, told=told)


def through_by(policy: Mapping[str, Any], now: datetime) -> datetime | None:
    """By when somebody must have been through to enter again; None where nobody does."""
    if policy.get("mode") == "always":
        return now
    if policy.get("mode") == "after":
        return now - timedelta(days=policy["days"])
    return None


def not_again() -> Conflict:
    """The error for somebody who is in a journey, or may not enter it again."""
    message = "They are in this journey, or do not enter it again."
    faults = [Fault("not_again", message, "/contact_id")]
    return Conflict(message, code="not_again", faults=faults)


def held_out() -> Conflict:
    """The error for somebody whom the campaign of a journey, or one above it, has held out."""
    message = "They are held out by its campaign, or by one above it: nobody is to contact them."
    return Conflict(message, code="held_out", faults=[Fault("held_out", message, "/contact_id")])


async def forget_purged(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Take away what was kept of journeys and runs that were destroyed."""
    if entity == JourneyRun.entity:
        await Steps(tx).forget(ids)
    elif entity == Journey.entity:
        await Journeys(tx).forget(ids)
