"""Going on with runs: by the clock, and by what happens."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.journeys.definitions import ENTITY, Definition
from crm_api.domains.journeys.entering import among, contact_of, fits, let_in
from crm_api.domains.journeys.keeping import Steps
from crm_api.domains.journeys.models import JourneyState
from crm_api.domains.journeys.repository import AREA, JourneyRuns, Journeys
from crm_api.domains.journeys.service import JourneyService, RunService
from crm_api.domains.journeys.stepping import Walker
from crm_api.domains.segments.ways import Ways
from crm_api.kit.actor import Actor
from crm_api.kit.automation import condition_of
from crm_api.kit.crud.feed import Feed
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Unauthenticated, Unavailable
from crm_api.kit.rounds import Rounds
from crm_api.platform.automations.service import AutomationService

STRETCH = 200
_ALWAYS = (
    *("contact.created", "contact.updated", "contact.deleted", "contact.restored"),
    *("behaviour_event.created", "segment.entered", "segment.left", "consent.*"),
)


class Stepping(Rounds):
    """Takes the nodes whose time has come; of several workers one takes each."""

    sql = "SELECT organization_id, id, actor FROM crm_journey_steps_due($1)"

    async def acting(self, row: Any) -> Actor:
        """Whoever published the journey, with the rights of now."""
        stored: dict[str, Any] = decode(row["actor"]) if row["actor"] is not None else {}
        try:
            return await AutomationService.restored(self.database, stored)
        except Unauthenticated:
            system = await super().acting(row)
            async with unit_of_work(Tx(self.database, system)) as tx:
                await _pause(tx, row["id"])
            raise

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take the next node of a run; whether there may be another at once."""
        if AREA in tx.actor.closed:
            await JourneyRuns(tx).put_off(id)
            return False
        return await step_once(tx, id)


class Listening(Rounds):
    """Has people enter, and those be looked at whom something happened to.

    What it makes of the feed and the place in it are one transaction.
    """

    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_journey_news($1) AS id"
    leaves = True

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new to an organization."""
        del id
        await tx.learned.learn()
        tx.actor.require(f"{AREA}:write")
        place = FeedPlace(tx, JourneyState.__tablename__)
        start = await place.lock()
        if start is None:
            return False
        live = await Journeys(tx).live()
        named = {t for one in live for t in one["definition"]["entry"].get("topics") or ()}
        ways = await _ways(tx)
        topics = sorted({*_ALWAYS, *named, *ways.topics})
        stretch = await Feed(tx, {}).stretch(start, STRETCH, types=topics)
        told = [(row, _data(row)) for row in stretch.rows]
        for one in live:
            await self._enter(tx, one, told)
        concerned = {contact_of(row, data) for row, data in told} - {None}
        concerned |= await ways.touched(tx, stretch.rows)
        if concerned:
            await tx.flush()
            await JourneyRuns(tx).nudge(sorted(id for id in concerned if id is not None))
        await place.move(stretch.end)
        return not stretch.whole

    async def _enter(
        self, tx: Tx, one: Mapping[str, Any], told: Sequence[tuple[Any, Mapping[str, Any]]]
    ) -> None:
        definition = Definition(one["definition"])
        found = [
            contact_of(row, data)
            for row, data in told
            if row["occurred_at"] >= one["published_at"] and fits(definition, row, data)
        ]
        ids = list(dict.fromkeys(id for id in found if id is not None))
        if not ids:
            return
        try:
            actor = await AutomationService.restored(self.database, one["actor"] or {})
        except Unauthenticated:
            return
        ids = await among(tx, actor, definition.entry.get("filter"), ids)
        journey = await Journeys(tx).find(one["id"], lock=True) if ids else None
        if journey is not None and journey.status == "active":
            await let_in(tx, journey, ids, definition.entry["type"])


async def _ways(tx: Tx) -> Ways:
    """What it hangs on beside somebody themselves whether they have arrived, or leave."""
    found = Ways()
    for source in await Journeys(tx).followed():
        definition = Definition(source)
        filters = [definition.goal, *(filter for _, _, filter in definition.leaving())]
        for filter in filters:
            # What names something that is no longer there nobody passes.
            with suppress(CrmError):
                ways = Ways.of(condition_of(tx, ENTITY, filter), CONTACTS)
                if ways.terms or ways.records.keys() != {ENTITY}:
                    found.add(ways)
    return found


def _data(row: Any) -> dict[str, Any]:
    data = row["data"]
    plain = data if isinstance(data, str | bytes) else encode(data)
    return decode(plain) or {}


async def step_once(tx: Tx, id: UUID) -> bool:
    """Take the next node of a run whose time has come; whether there was one to take."""
    now = await JourneyRuns(tx).due(id)
    if now is None:
        return False
    try:
        async with tx.atomic():
            await (await walker_of(tx, id, now)).go()
    except Unavailable:
        raise
    except CrmError as error:
        detail = "; ".join(fault.message for fault in error.faults) or error.detail
        walker = await walker_of(tx, id, now)
        run = walker.run
        if run.node is not None and run.waiting_for not in {"time", "event"}:
            Steps(tx).note(run, _type(walker), "failed", result={"detail": detail[:500]})
        await RunService(tx).end(run, "failed", "error", detail)
    return True


def _type(walker: Walker) -> str:
    try:
        return walker.node.type
    except CrmError:
        return "unknown"


async def walker_of(tx: Tx, id: UUID, now: datetime) -> Walker:
    """Whoever goes on with a run that is locked; `now` is by the clock of the database."""
    run = await JourneyRuns(tx).taken(id)
    assert run is not None
    journeys = Journeys(tx)
    journey = await journeys.found(run.journey_id)
    assert journey is not None
    if run.journey_version is None and journey.published_version is not None:
        service = RunService(tx)
        service.now = now
        tx.change(run, await service.begun(journey))
    number = run.journey_version
    source = None if number is None else await journeys.definition(run.journey_id, number)
    return Walker(tx, run, journey, None if source is None else Definition(source), now)


async def _pause(tx: Tx, run_id: UUID) -> None:
    run = await JourneyRuns(tx).taken(run_id)
    journey = None if run is None else await Journeys(tx).found(run.journey_id)
    if journey is not None and journey.status == "active":
        await JourneyService(tx).go(journey.id, "pause")
