"""Leads, pools and rules over GraphQL."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals.graphql import Deal
from crm_api.domains.leads import (
    plan_schemas,
    pool_schemas,
    schemas,
    simulation_schemas,
    territory_schemas,
)
from crm_api.domains.leads.actions import LeadActions
from crm_api.domains.leads.converting import LeadConverter
from crm_api.domains.leads.covering import Coverage
from crm_api.domains.leads.planning import LeadPlanService, Planner
from crm_api.domains.leads.pools import LeadPoolService, LeadRuleService
from crm_api.domains.leads.queues import LeadQueues
from crm_api.domains.leads.schemas import PlainVerb, ReasonedVerb
from crm_api.domains.leads.service import LeadAssignmentService, LeadService
from crm_api.domains.leads.simulating import Simulator
from crm_api.domains.leads.territories import TerritoryService
from crm_api.kit.errors import Invalid
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.calendars.graphql import WorkingCalendar
from crm_api.platform.identity.graphql import User

_DAYS = 3_650


def _later(name: str) -> Any:
    """A type of this file that stands below."""
    return Annotated[name, strawberry.lazy(__name__)]


@type_from(schemas.LeadOut)
class Lead:
    """Somebody who may become a customer."""

    matched_contact = related(LeadService, "matched_contact", Contact)
    matched_company = related(LeadService, "matched_company", Company)
    contact = related(LeadService, "contact", Contact)
    company = related(LeadService, "company", Company)
    deal = related(LeadService, "deal", Deal)


@type_from(pool_schemas.LeadPoolOut)
class LeadPool:
    """Representatives who share leads."""

    calendar = related(LeadPoolService, "calendar", WorkingCalendar)
    manager = related(LeadPoolService, "manager", User)
    fallback_pool = related(LeadPoolService, "fallback_pool", _later("LeadPool"))


@type_from(pool_schemas.LeadRuleOut)
class LeadRule:
    """Where certain leads go."""

    pool = related(LeadRuleService, "pool", LeadPool)
    user = related(LeadRuleService, "user", User)


@type_from(territory_schemas.TerritoryOut)
class Territory:
    """A part of the market, and where its leads go."""

    parent = related(TerritoryService, "parent", _later("Territory"))
    children = related_many(TerritoryService, "children", _later("TerritoryConnection"))
    pool = related(TerritoryService, "pool", LeadPool)
    user = related(TerritoryService, "user", User)


@type_from(schemas.LeadAssignmentOut)
class LeadAssignment:
    """A time that somebody has, or had, a lead."""

    lead = related(LeadAssignmentService, "lead", Lead)
    pool = related(LeadAssignmentService, "pool", LeadPool)
    user = related(LeadAssignmentService, "user", User)


@type_from(plan_schemas.LeadPlanOut)
class LeadPlan:
    """Who would get which of certain leads of a pool."""

    pool = related(LeadPlanService, "pool", LeadPool)


@type_from(plan_schemas.PlannedLeads)
class PlannedLeads:
    """Every lead of a plan, in the order of the choices."""


@type_from(schemas.LeadTransitions)
class LeadTransitions:
    """Where a lead stands, and what may be done with it."""


@type_from(schemas.LeadExplanation)
class LeadExplanation:
    """How it was decided last who has a lead, or that nobody has."""


@type_from(pool_schemas.LeadPoolCoverage)
class LeadPoolCoverage:
    """How the members of a pool cover the leads that came."""


@type_from(pool_schemas.LeadQueue)
class LeadQueue:
    """What waits in the queue of a pool for its members."""


@type_from(territory_schemas.TerritoryCoverage)
class TerritoryCoverage:
    """How the territories cover the leads that came."""


@type_from(simulation_schemas.LeadSimulation)
class LeadSimulation:
    """Who would have got which leads."""


_LEADS = Collection(LeadService, Lead)
_POOLS = Collection(LeadPoolService, LeadPool)
_RULES = Collection(LeadRuleService, LeadRule)
_TERRITORIES = Collection(TerritoryService, Territory)
TerritoryConnection = _TERRITORIES.connection
_ASSIGNMENTS = Collection(LeadAssignmentService, LeadAssignment)
_PLANS = Collection(LeadPlanService, LeadPlan)


@strawberry.type
class LeadQuery:
    """What is asked of leads beyond their records."""

    @strawberry.field
    async def lead_transitions(self, info: GraphInfo, id: UUID) -> LeadTransitions:
        """What may be done with a lead, and what stands in the way."""
        return cast("Any", await LeadActions(info.context.tx).transitions(id))

    @strawberry.field
    async def lead_explanation(self, info: GraphInfo, id: UUID) -> LeadExplanation:
        """Why somebody has a lead, or nobody."""
        return cast("Any", await LeadActions(info.context.tx).explain(id))

    @strawberry.field
    async def lead_assignment_explanation(self, info: GraphInfo, id: UUID) -> LeadExplanation:
        """Why somebody got a lead, as it was decided then."""
        return cast("Any", await LeadActions(info.context.tx).explain_assignment(id))

    @strawberry.field
    async def lead_queue(self, info: GraphInfo, pool_id: UUID) -> LeadQueue:
        """What waits in the queue of a pool, for its members and whoever reads pools."""
        return cast("Any", await LeadQueues(info.context.tx).standing(pool_id))

    @strawberry.field
    async def lead_pool_coverage(
        self, info: GraphInfo, id: UUID, days: int = 90
    ) -> LeadPoolCoverage:
        """Which leads of the last days nobody of a pool is for, and which several are for."""
        return cast("Any", await Coverage(info.context.tx).of(id, _days(days)))

    @strawberry.field
    async def territory_coverage(self, info: GraphInfo, days: int = 90) -> TerritoryCoverage:
        """Which leads of the last days are in no territory, and for which several are as fit."""
        return cast("Any", await Coverage(info.context.tx).of_territories(_days(days)))

    @strawberry.field
    async def simulate_lead_rules(
        self,
        info: GraphInfo,
        input: input_from(simulation_schemas.LeadSimulationInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> LeadSimulation:
        """Who would have got the leads of some time by rules and pools; nothing is stored."""
        asked = shape_given(simulation_schemas.LeadSimulationInput, input)
        return cast("Any", await Simulator(info.context.tx).run(asked))

    @strawberry.field
    async def planned_leads(
        self, info: GraphInfo, id: UUID, cursor: str | None = None
    ) -> PlannedLeads:
        """Who gets which lead by a plan, up to 5,000 at a time."""
        return cast("Any", await Planner(info.context.tx).items(id, cursor))


def _days(days: int) -> int:
    if not 1 <= days <= _DAYS:
        raise Invalid.at("days", "out_of_range", f"1 to {_DAYS} days.")
    return days


def _plain(verb: PlainVerb, description: str) -> Any:
    async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> Lead:
        return await LeadActions(info.context.tx).go(id, verb, expected_version)

    return mutation(resolver, description=description)


def _reasoned(verb: ReasonedVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, reason: str, expected_version: int | None = None
    ) -> Lead:
        data = shape_given(schemas.LeadReason, {"reason": reason})
        return await LeadActions(info.context.tx).end(id, verb, data.reason, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class LeadActionMutation:
    """What is done with leads."""

    @mutation
    async def assign_lead(
        self,
        info: GraphInfo,
        id: UUID,
        user_id: UUID,
        reason: str | None = None,
        expected_version: int | None = None,
    ) -> Lead:
        """Give a lead to somebody by hand."""
        data = shape_given(schemas.LeadAssign, {"user_id": user_id, "reason": reason})
        return await LeadActions(info.context.tx).assign(id, data, expected_version)

    @mutation
    async def convert_lead(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.LeadConversion),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Lead:
        """Convert a lead into a contact, a company and a deal."""
        data = shape_given(schemas.LeadConversion, input)
        return await LeadConverter(info.context.tx).convert(id, data, expected_version)

    @mutation
    async def revert_lead(
        self,
        info: GraphInfo,
        id: UUID,
        keeps_changed: bool = False,  # noqa: FBT001, FBT002 - an argument of GraphQL
        expected_version: int | None = None,
    ) -> Lead:
        """Take the conversion of a lead back: what it made goes into the bin."""
        data = shape_given(schemas.LeadReversal, {"keeps_changed": keeps_changed})
        return await LeadConverter(info.context.tx).revert(id, data, expected_version)

    @mutation
    async def distribute_lead_pool(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(plan_schemas.LeadDistribution),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> LeadPlan:
        """Plan who of a pool gets which leads of nobody; without `preview` it is begun at once."""
        data = shape_given(plan_schemas.LeadDistribution, input)
        return await Planner(info.context.tx).plan(id, data)

    @mutation
    async def claim_next_lead(self, info: GraphInfo, pool_id: UUID) -> Lead | None:
        """Take the next lead out of the queue of a pool; null where none waits for the member."""
        return await LeadQueues(info.context.tx).claim(pool_id)

    @mutation
    async def commit_lead_plan(self, info: GraphInfo, id: UUID) -> LeadPlan:
        """Have a plan be carried out by a job, unless what it was reckoned from has changed."""
        return await Planner(info.context.tx).begin(id)

    accept_lead = _plain("accept", "Accept a lead.")
    claim_lead = _plain("claim", "Claim a lead that nobody has.")
    distribute_lead = _plain("distribute", "Have a lead be given to whom the rules say.")
    qualify_lead = _plain("qualify", "Qualify a lead.")
    return_lead = _reasoned("return", "Give a lead back; it goes to somebody else.")
    disqualify_lead = _reasoned("disqualify", "Disqualify a lead.")
    recycle_lead = _reasoned("recycle", "Recycle a lead; nobody has it.")


QUERIES = (
    _LEADS.query(),
    _POOLS.query(),
    _RULES.query(),
    _TERRITORIES.query(),
    _ASSIGNMENTS.query(),
    _PLANS.query(),
    LeadQuery,
)
MUTATIONS = (
    _LEADS.mutation(),
    _POOLS.mutation(),
    _RULES.mutation(),
    _TERRITORIES.mutation(),
    LeadActionMutation,
)
