"""Leads, pools and rules over REST."""

from typing import Annotated

from fastapi import Query, Response

from crm_api.domains.leads.actions import LeadActions
from crm_api.domains.leads.converting import LeadConverter
from crm_api.domains.leads.covering import Coverage
from crm_api.domains.leads.plan_schemas import LeadDistribution, LeadPlanOut, PlannedLeads
from crm_api.domains.leads.planning import LeadPlanService, Planner
from crm_api.domains.leads.pool_schemas import LeadPoolCoverage, LeadQueue
from crm_api.domains.leads.pools import LeadPoolService, LeadRuleService
from crm_api.domains.leads.queues import LeadQueues
from crm_api.domains.leads.schemas import (
    LeadAssign,
    LeadConversion,
    LeadExplanation,
    LeadOut,
    LeadReason,
    LeadReversal,
    LeadTransitions,
    PlainVerb,
    ReasonedVerb,
)
from crm_api.domains.leads.service import LeadAssignmentService, LeadService
from crm_api.domains.leads.simulating import Simulator
from crm_api.domains.leads.simulation_schemas import LeadSimulation, LeadSimulationInput
from crm_api.domains.leads.territories import TerritoryService
from crm_api.domains.leads.territory_schemas import TerritoryCoverage
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router, read_router

_PLAIN: dict[PlainVerb, tuple[str, str]] = {
    "accept": ("Accept a lead", "Whoever has it takes care of it; that ends `respond_by`."),
    "claim": ("Claim a lead that nobody has", "Of many who claim it at once one has it."),
    "distribute": (
        "Have a lead be given to whom the rules say",
        "By a job, soon; whoever has it now has it no more.",
    ),
    "qualify": ("Qualify a lead", "It is worth it."),
}
_REASONED: dict[ReasonedVerb, tuple[str, str]] = {
    "return": (
        "Give a lead back",
        "It goes to somebody else, and its pool is as if it had not been given.",
    ),
    "disqualify": ("Disqualify a lead", "It is not worth it."),
    "recycle": (
        "Recycle a lead",
        "Nobody has it, till somebody claims it or it is given again: also to those who had it.",
    ),
}
Days = Annotated[int, Query(ge=1, le=3_650, description="Of how many last days.")]
leads = crud_router(LeadService)
pools = crud_router(LeadPoolService)
rules = crud_router(LeadRuleService)
territories = crud_router(TerritoryService)
mapped = new_router("leads", "territories")
plans = new_router("leads", "lead-plans")
assignments = read_router(LeadAssignmentService)


@leads.get(
    "/{id}/transitions",
    operation_id="getLeadTransitions",
    summary="What may be done with a lead",
    responses={200: {"model": LeadTransitions}} | problems(403, 404, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its status, and what stands in the way of each."""
    return answers.plain(await LeadActions(tx).transitions(id))


@leads.get(
    "/{id}/explain",
    operation_id="explainLead",
    summary="Why somebody has a lead, or nobody",
    responses={200: {"model": LeadExplanation}} | problems(403, 404, 422),
)
async def explain(id: Id, tx: Reading) -> Response:
    """The rules that were asked, who could have had it, and what spoke against the others."""
    return answers.plain(await LeadActions(tx).explain(id))


add_below(
    leads,
    "assignments",
    LeadService,
    LeadAssignmentService,
    by="lead_id",
    operation_id="listAssignmentsOfLead",
    summary="Who has, or had, a lead",
    description="By which rule and from which pool, until when and why not longer; the last first.",
)


@assignments.get(
    "/{id}/explain",
    operation_id="explainLeadAssignment",
    summary="Why somebody got a lead",
    responses={200: {"model": LeadExplanation}} | problems(403, 404, 422),
)
async def explain_assignment(id: Id, tx: Reading) -> Response:
    """As it was decided then, whoever has the lead now."""
    return answers.plain(await LeadActions(tx).explain_assignment(id))


@rules.post(
    "/simulate",
    operation_id="simulateLeadRules",
    summary="Who would have got the leads of some time",
    responses={200: {"model": LeadSimulation}} | problems(400, 403, 404, 415, 422),
)
async def simulate(tx: Reading, body: LeadSimulationInput) -> Response:
    """By the rules and pools as they are, or as they might be. Nothing is stored.

    As if everybody were at work and no lead were ever done with: caps of open leads hold for the
    whole time, those of a day anew each day.
    """
    return answers.plain(await Simulator(tx).run(body))


@pools.post(
    "/{id}/distribute",
    status_code=201,
    operation_id="distributeLeadPool",
    summary="Plan who of a pool gets which leads of nobody",
    responses={201: {"model": LeadPlanOut}} | problems(400, 403, 404, 409, 415, 422),
)
async def distribute(id: Id, tx: Writing, body: LeadDistribution) -> Response:
    """With how fair it is. Without `preview` a job begins to carry it out at once."""
    return answers.made("lead-plans", await Planner(tx).plan(id, body))


@pools.post(
    "/{id}/claim",
    operation_id="claimNextLead",
    summary="Take the next lead out of the queue of a pool",
    responses={200: {"model": LeadOut}, 204: {"description": "None waits for the member."}}
    | problems(403, 404, 409, 422),
)
async def claim_next(id: Id, tx: Writing) -> Response:
    """Of many members who ask at once each gets another one, within their caps.

    The one with the best score that is for the member, then the one that has waited longest. It is
    to be accepted within the `response_minutes` of the pool, or waits again; without these it is.
    """
    found = await LeadQueues(tx).claim(id)
    return Response(status_code=204) if found is None else answers.record(found)


@pools.get(
    "/{id}/queue",
    operation_id="getLeadQueue",
    summary="What waits in the queue of a pool",
    responses={200: {"model": LeadQueue}} | problems(403, 404, 409, 422),
)
async def queue(id: Id, tx: Reading) -> Response:
    """For its members, and whoever reads pools."""
    return answers.plain(await LeadQueues(tx).standing(id))


@pools.get(
    "/{id}/coverage",
    operation_id="getLeadPoolCoverage",
    summary="Which leads nobody of a pool is for, and which several are for",
    responses={200: {"model": LeadPoolCoverage}} | problems(403, 404, 422),
)
async def coverage(
    id: Id,
    tx: Reading,
    days: Days = 90,
) -> Response:
    """By the first 10,000 leads of these days: gaps and overlaps of territories and skills."""
    return answers.plain(await Coverage(tx).of(id, days))


@mapped.get(
    "/coverage",
    operation_id="getTerritoryCoverage",
    summary="Which leads are in no territory, and for which several are as specific",
    responses={200: {"model": TerritoryCoverage}} | problems(403, 422),
)
async def territory_coverage(tx: Reading, days: Days = 90) -> Response:
    """By the first 10,000 leads of these days: gaps and overlaps, and what each territory has."""
    return answers.plain(await Coverage(tx).of_territories(days))


add_below(
    pools,
    "plans",
    LeadPoolService,
    LeadPlanService,
    by="pool_id",
    operation_id="listLeadPlans",
    summary="What was planned for a pool",
    description="And how far it is carried out; the last plan first.",
)


@plans.get(
    "/{id}",
    operation_id="getLeadPlan",
    summary="A plan of a distribution",
    responses={200: {"model": LeadPlanOut}} | problems(403, 404, 422),
)
async def plan(id: Id, tx: Reading) -> Response:
    """How fair it is, and how far it is carried out."""
    return answers.record(await LeadPlanService(tx).get(id))


@plans.get(
    "/{id}/leads",
    operation_id="listPlannedLeads",
    summary="Who gets which lead by a plan",
    responses={200: {"model": PlannedLeads}} | problems(403, 404, 422),
)
async def planned(id: Id, tx: Reading, cursor: params.Cursor = None) -> Response:
    """In the order of the choices; up to 5,000 at a time."""
    return answers.plain(await Planner(tx).items(id, cursor))


@plans.post(
    "/{id}/commit",
    status_code=202,
    operation_id="commitLeadPlan",
    summary="Have a plan be carried out",
    responses={202: {"model": LeadPlanOut}} | problems(403, 404, 409, 422),
)
async def commit(id: Id, tx: Writing) -> Response:
    """By a job. Where leads or the pool are not what they were it is 409 `plan_stale`."""
    made = await Planner(tx).begin(id)
    headers = {"Location": f"/v1/jobs/{made.job_id}"}
    return answers.plain(made, status=202, headers=headers)


def _add_plain(verb: PlainVerb, texts: tuple[str, str]) -> None:
    add_action(
        leads,
        verb,
        lambda tx, one, _data, expected: LeadActions(tx).go(one, verb, expected),
        LeadOut,
        texts,
    )


def _add_reasoned(verb: ReasonedVerb, texts: tuple[str, str]) -> None:
    add_action(
        leads,
        verb,
        lambda tx, one, data, expected: LeadActions(tx).end(one, verb, data.reason, expected),
        LeadOut,
        texts,
        body=LeadReason,
    )


for _verb, _texts in _PLAIN.items():
    _add_plain(_verb, _texts)
for _reasoned, _texts in _REASONED.items():
    _add_reasoned(_reasoned, _texts)
add_action(
    leads,
    "assign",
    lambda tx, one, data, expected: LeadActions(tx).assign(one, data, expected),
    LeadOut,
    ("Give a lead to somebody by hand", "Whoever had it has it no more."),
    body=LeadAssign,
)
add_action(
    leads,
    "convert",
    lambda tx, one, data, expected: LeadConverter(tx).convert(one, data, expected),
    LeadOut,
    (
        "Convert a lead",
        "Into a contact, a company and a deal: named, matched or made, all or none, and once.",
    ),
    body=LeadConversion,
)
add_action(
    leads,
    "revert",
    lambda tx, one, data, expected: LeadConverter(tx).revert(one, data, expected),
    LeadOut,
    (
        "Take the conversion of a lead back",
        "Within 30 days: what it made goes into the bin, and the lead is what it was before.",
    ),
    body=LeadReversal,
)

ROUTERS = (leads, pools, rules, mapped, territories, plans, assignments)
