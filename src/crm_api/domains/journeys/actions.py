"""What is done with runs: paused, resumed, migrated, removed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.journeys.definitions import Definition
from crm_api.domains.journeys.keeping import Steps
from crm_api.domains.journeys.models import JourneyRun
from crm_api.domains.journeys.repository import Journeys
from crm_api.domains.journeys.schemas import RunMigration, RunReasonInput, RunVerb
from crm_api.domains.journeys.service import RunService
from crm_api.kit.crud.transitions import Way, need_way, way
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound, WrongState

WAYS: Mapping[RunVerb, Way[str]] = {
    "pause": way("active", "paused", "paused"),
    "resume": way("paused", "active", "resumed"),
    "remove": way("active paused", "exited", "removed"),
    "migrate": way("active paused", "active", "migrated"),
}


class RunActions:
    """The actions of runs, under the lock that the stepper takes as well."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.runs = RunService(tx)

    async def go(self, id: UUID, verb: RunVerb, data: Any, expected: int | None) -> Any:
        """Do it; returns the run after it."""
        self.runs.need("update")
        current = await self.runs.locked(id, expected)
        one = need_way("journey_run", WAYS, current.status, verb)
        if verb == "remove":
            reason = data.reason if isinstance(data, RunReasonInput) else None
            shown = await self.runs.end(current, "exited", "removed", reason)
        elif verb == "migrate":
            shown = await self._migrate(current, one, data)
        else:
            waits = verb == "pause" or self._has_not_begun(current)
            next_at = None if waits else await self.runs.moment()
            values = {"status": one.after, "next_at": next_at}
            shown = await self.runs.change(current, values, verb=one.event)
        return await self.runs.told(shown)

    async def log(self, id: UUID) -> dict[str, Any]:
        """What somebody went through, in order."""
        await self.runs.get(id)
        return {"data": await Steps(self.tx).of(id)}

    @staticmethod
    def _has_not_begun(run: JourneyRun) -> bool:
        return run.journey_version is None

    async def _migrate(self, current: JourneyRun, one: Way[str], data: RunMigration) -> Any:
        """Go on with another version: where they stand, or at another node of it."""
        journeys = Journeys(self.tx)
        journey = await journeys.found(current.journey_id)
        number = data.number or (journey and journey.published_version)
        if number is None:
            raise WrongState("There is no version yet.", code="no_version")
        try:
            definition = Definition(await journeys.definition(current.journey_id, number))
        except NotFound:
            message = f"There is no version {number}."
            raise Invalid.at("/number", "unknown_reference", message) from None
        node = data.node or current.node
        if node not in definition.graph.nodes:
            message = f"Version {number} has no node {node!r}."
            raise Invalid.at("/node", "unknown_reference", message)
        values: dict[str, Any] = {"status": one.after, "journey_version": number}
        if current.waiting_for in {"time", "event"}:
            await Steps(self.tx).leave(current, "skipped", None, {})
        values |= {
            "node": node,
            "node_since": self.tx.now,
            "round": current.round + 1,
            "waiting_for": None,
            "wakes_at": None,
            "next_at": await self.runs.moment(),
        }
        return await self.runs.change(current, values, verb=one.event)
