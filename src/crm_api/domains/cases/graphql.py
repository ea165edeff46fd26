"""Cases over GraphQL."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.cases import schemas, settings
from crm_api.domains.cases.actions import CaseActions
from crm_api.domains.cases.policies import SlaPolicyService
from crm_api.domains.cases.schemas import CaseVerb
from crm_api.domains.cases.service import CaseService
from crm_api.domains.cases.simulating import SlaSimulator
from crm_api.domains.catalogue.graphql import Product
from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.orders.graphql import Order
from crm_api.domains.projects.graphql import Deliverable, Project
from crm_api.domains.scheduling.graphql import BookingConnection
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.calendars.graphql import WorkingCalendar


def _later(name: str) -> Any:
    """A type of this file that stands below."""
    return Annotated[name, strawberry.lazy(__name__)]


@type_from(schemas.CaseOut)
class Case:
    """What a customer asks for help with."""

    company = related(CaseService, "company", Company)
    contact = related(CaseService, "contact", Contact)
    product = related(CaseService, "product", Product)
    order = related(CaseService, "order", Order)
    project = related(CaseService, "project", Project)
    deliverable = related(CaseService, "deliverable", Deliverable)
    parent = related(CaseService, "parent", _later("Case"))
    follows = related(CaseService, "follows", _later("Case"))
    bookings = related_many(CaseService, "bookings", BookingConnection)
    children = related_many(CaseService, "children", _later("CaseConnection"))
    follow_ups = related_many(CaseService, "follow_ups", _later("CaseConnection"))


@type_from(schemas.SlaPolicyOut)
class SlaPolicy:
    """How soon certain cases are to be answered and resolved."""

    calendar = related(SlaPolicyService, "calendar", WorkingCalendar)


@type_from(schemas.CaseTransitions)
class CaseTransitions:
    """Where a case stands, and what may be done with it."""


@type_from(schemas.SlaSimulation)
class SlaSimulation:
    """What a policy would have come to."""


@type_from(settings.CaseSettingsOut)
class CaseSettings:
    """How cases end."""


_CASES = Collection(CaseService, Case)
_POLICIES = Collection(SlaPolicyService, SlaPolicy)
CaseConnection = _CASES.connection


@strawberry.type
class CaseQuery:
    """What is asked of cases beyond their records."""

    @strawberry.field
    async def case_settings(self, info: GraphInfo) -> CaseSettings:
        """How cases end."""
        return cast("Any", settings.CaseSettingsService(info.context.tx).get())

    @strawberry.field
    async def case_transitions(self, info: GraphInfo, id: UUID) -> CaseTransitions:
        """What may be done with a case, and what stands in the way."""
        return cast("Any", await CaseActions(info.context.tx).transitions(id))

    @strawberry.field
    async def simulate_sla_draft(
        self,
        info: GraphInfo,
        input: input_from(schemas.SlaDraftSimulation),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> SlaSimulation:
        """What a new SLA policy would have come to; nothing is stored."""
        asked = shape_given(schemas.SlaDraftSimulation, input)
        return cast("Any", await SlaSimulator(info.context.tx).draft(asked))

    @strawberry.field
    async def simulate_sla_policy(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.SlaSimulationInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> SlaSimulation:
        """What an SLA policy would have come to, as it stands or changed; nothing is stored."""
        asked = shape_given(schemas.SlaSimulationInput, input)
        return cast("Any", await SlaSimulator(info.context.tx).by_id(id, asked))


def _step(verb: CaseVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo,
        id: UUID,
        owner_id: UUID | None = None,
        team_id: UUID | None = None,
        resolution: str | None = None,
        root_cause: str | None = None,
        expected_version: int | None = None,
    ) -> Case:
        given = {
            "owner_id": owner_id,
            "team_id": team_id,
            "resolution": resolution,
            "root_cause": root_cause,
        }
        data = shape_given(schemas.CaseStep, given)
        return await CaseActions(info.context.tx).go(id, verb, data, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class CaseActionMutation:
    """What is done with cases."""

    @mutation
    async def set_case_settings(
        self,
        info: GraphInfo,
        input: input_from(settings.CaseSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> CaseSettings:
        """Say how cases end."""
        data = shape_given(settings.CaseSettings, input)
        return cast("Any", await settings.CaseSettingsService(info.context.tx).replace(data))

    @mutation
    async def follow_up_case(self, info: GraphInfo, id: UUID) -> Case:
        """A case that follows up a closed one."""
        return await CaseService(info.context.tx).follow_up(id)

    @mutation
    async def rate_case(
        self,
        info: GraphInfo,
        id: UUID,
        score: int,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Case:
        """Write down what the customer says of a closed case, once for each closing."""
        data = shape_given(schemas.CaseScore, {"score": score, "comment": comment})
        return await CaseActions(info.context.tx).rate(id, data, expected_version)

    assign_case = _step("assign", "Assign a case to a user, a team, or both.")
    start_case = _step("start", "Begin to work on a case.")
    wait_case = _step("wait", "Wait for the customer.")
    resume_case = _step("resume", "Go on with a case.")
    resolve_case = _step("resolve", "Resolve a case, with what was done.")
    close_case = _step("close", "Close a case that is resolved.")
    reopen_case = _step("reopen", "Reopen a case that was closed not too long ago.")


QUERIES = (_CASES.query(), _POLICIES.query(), CaseQuery)
MUTATIONS = (_CASES.mutation(), _POLICIES.mutation(), CaseActionMutation)
