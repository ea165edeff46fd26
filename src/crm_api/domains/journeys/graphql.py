"""Journeys and their runs over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.campaigns.graphql import Campaign
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.journeys import schemas
from crm_api.domains.journeys.actions import RunActions
from crm_api.domains.journeys.definitions import described
from crm_api.domains.journeys.entering import enter
from crm_api.domains.journeys.results import results
from crm_api.domains.journeys.service import AREA, JourneyService, RunService
from crm_api.domains.journeys.simulating import simulate
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from


@type_from(schemas.JourneyEntryOut)
class JourneyEntry:
    """Who enters by themselves."""


@type_from(schemas.ReEntryOut)
class JourneyReEntry:
    """Whether somebody enters again."""


@type_from(schemas.JourneyExitsOut)
class JourneyExits:
    """Who leaves, wherever they are."""


@type_from(schemas.JourneyOut)
class Journey:
    """A graph that people go through: its draft, and how the published version stands."""

    campaign = related(JourneyService, "campaign", Campaign)


@type_from(schemas.JourneyRunOut)
class JourneyRun:
    """Somebody who goes through a journey, and where they stand in it."""

    journey = related(RunService, "journey", Journey)
    contact = related(RunService, "contact", Contact)


@type_from(schemas.JourneyVersionOut)
class JourneyVersion:
    """What was published; never changed."""


@type_from(schemas.JourneyVocabulary)
class JourneyVocabulary:
    """What journeys are made of."""


@type_from(schemas.JourneyStepOut)
class JourneyStep:
    """A node that somebody went through."""


@type_from(schemas.SimulatedStep)
class JourneySimulatedStep:
    """A node that would be gone through."""


@type_from(schemas.SimulatedNode)
class JourneySimulatedNode:
    """How many of the sample would come to a node."""


@type_from(schemas.SimulatedEnd)
class JourneySimulatedEnd:
    """How many of the sample would end so."""


@type_from(schemas.JourneySimulated)
class JourneySimulated:
    """What would happen from now on; nothing of it has."""


@type_from(schemas.NodeResult)
class JourneyNodeResult:
    """How a node of a version fares."""


@type_from(schemas.JourneyResults)
class JourneyResults:
    """How a journey fares."""


@type_from(schemas.Entered)
class JourneyEntered:
    """How many entered."""


_JOURNEYS = Collection(JourneyService, Journey)
_RUNS = Collection(RunService, JourneyRun)


@strawberry.type
class JourneyQuery:
    """What is asked of journeys beyond their records."""

    @strawberry.field
    async def journey_vocabulary(self, info: GraphInfo) -> JourneyVocabulary:
        """Every kind of node and step with its JSON Schema."""
        info.context.tx.actor.require(f"{AREA}:read")
        return cast("Any", described())

    @strawberry.field
    async def journey_versions(self, info: GraphInfo, id: UUID) -> list[JourneyVersion]:
        """What was published of a journey, the newest first."""
        return (await JourneyService(info.context.tx).versions(id))["data"]

    @strawberry.field
    async def journey_results(self, info: GraphInfo, id: UUID) -> JourneyResults:
        """How many entered, came to each node, and were a success."""
        return cast("Any", await results(info.context.tx, id))

    @strawberry.field
    async def journey_simulation(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.JourneySimulation),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> JourneySimulated:
        """How people would go through a journey; nothing of it happens."""
        data = shape_given(schemas.JourneySimulation, input)
        return cast("Any", await simulate(info.context.tx, id, data))

    @strawberry.field
    async def journey_run_steps(self, info: GraphInfo, id: UUID) -> list[JourneyStep]:
        """What somebody went through, in order."""
        return (await RunActions(info.context.tx).log(id))["data"]


def _acting(verb: schemas.JourneyVerb, description: str) -> Any:
    async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> Journey:
        return await JourneyService(info.context.tx).go(id, verb, expected_version)

    return mutation(resolver, description=description)


def _run(verb: schemas.RunVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> JourneyRun:
        return await RunActions(info.context.tx).go(id, verb, None, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class JourneyMutation:
    """What is done with journeys and their runs."""

    publish_journey = _acting("publish", "Publish the draft of a journey.")
    pause_journey = _acting("pause", "Pause a journey.")
    resume_journey = _acting("resume", "Have a paused journey go on.")
    stop_journey = _acting("stop", "Stop a journey: whoever is in it leaves.")
    pause_journey_run = _run("pause", "Pause somebody's run.")
    resume_journey_run = _run("resume", "Have a paused run go on.")

    @mutation
    async def remove_journey_run(
        self,
        info: GraphInfo,
        id: UUID,
        reason: str | None = None,
        expected_version: int | None = None,
    ) -> JourneyRun:
        """Take somebody out of a journey."""
        data = shape_given(schemas.RunReasonInput, {"reason": reason})
        return await RunActions(info.context.tx).go(id, "remove", data, expected_version)

    @mutation
    async def migrate_journey_run(
        self,
        info: GraphInfo,
        id: UUID,
        number: int | None = None,
        node: str | None = None,
        expected_version: int | None = None,
    ) -> JourneyRun:
        """Have somebody go on with another version, at the same node or another one."""
        data = shape_given(schemas.RunMigration, {"number": number, "node": node})
        return await RunActions(info.context.tx).go(id, "migrate", data, expected_version)

    @mutation
    async def enter_journey(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.Entering),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> JourneyEntered:
        """Have up to 1,000 contacts enter, or those who pass a filter."""
        data = shape_given(schemas.Entering, input)
        return cast("Any", await enter(info.context.tx, id, data))


QUERIES = (_JOURNEYS.query(), _RUNS.query(), JourneyQuery)
MUTATIONS = (_JOURNEYS.mutation(), _RUNS.mutation(), JourneyMutation)
