"""Timelines, pictures, briefs, preferences, expectations and health over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_api.domains.customers.branches import Branches
from crm_api.domains.customers.briefs import Brief
from crm_api.domains.customers.health import Health
from crm_api.domains.customers.observing import Observations
from crm_api.domains.customers.picture import Kind, Picture
from crm_api.domains.customers.schemas import (
    EffectivePreferences,
    ExpectationOut,
    ExpectationResult,
    ExpectationsAtRisk,
    ExpectationVerb,
    ObservedPreferences,
)
from crm_api.domains.customers.service import ExpectationService, PreferenceService
from crm_api.domains.customers.showing import (
    CompanyTree,
    CustomerBrief,
    CustomerPicture,
    HealthPortfolio,
    Occasion,
    TimelinePage,
)
from crm_api.domains.customers.timeline import Asked, Timeline
from crm_api.kit.query.moments import moment_of
from crm_api.kit.query.selection import names_of
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.schema import Instant, Language
from crm_api.kit.touchpoints import Department, Direction, PartyKind

Responses = dict[int | str, dict[str, Any]]
_READS = problems(403, 404, 409, 422)
_TIMELINE: Responses = {200: {"model": TimelinePage}, **_READS}
_PICTURE: Responses = {200: {"model": CustomerPicture}, **_READS}
_BRIEF: Responses = {200: {"model": CustomerBrief}, **_READS}
_TREE: Responses = {200: {"model": CompanyTree}, **_READS}
_EFFECTIVE: Responses = {200: {"model": EffectivePreferences}, **_READS}
_OBSERVED: Responses = {200: {"model": ObservedPreferences}, **_READS}
_RISK: Responses = {200: {"model": ExpectationsAtRisk}, **problems(403, 422)}
_PORTFOLIO: Responses = {200: {"model": HealthPortfolio}, **problems(403, 422)}
ByDepartment = Annotated[Department | None, Query(description="Only what this one did.")]
Topic = Annotated[str | None, Query(max_length=60, description="Only these, such as `deal.won`.")]
OfKind = Annotated[str | None, Query(max_length=60, description="Only these, such as `call`.")]
Way = Annotated[Direction | None, Query(description="`in` from the customer, `out` to them.")]
From = Annotated[Instant | None, Query(alias="from", description="The earliest.")]
Till = Annotated[Instant | None, Query(alias="to", description="Before this.")]
Rollup = Annotated[
    bool, Query(description="Also what its contacts, deals and cases had, not only itself.")
]
Sections = Annotated[
    str | None,
    Query(max_length=1000, description="Only these parts: `people,open_deals,health`."),
]
For = Annotated[Occasion, Query(alias="for", description="What one gets ready for.")]
In = Annotated[
    Language | None, Query(alias="language", description="`en`, `de` or `ru`; else English.")
]
Within = Annotated[int, Query(ge=0, le=365, description="Due within so many days, or over.")]
Whole = Annotated[bool, Query(description="The whole hierarchy, from its top down.")]
Owner = Annotated[UUID | None, Query(description="Only the companies of this user.")]


def _add_timeline(router: APIRouter, kind: PartyKind) -> None:
    @router.get(
        "/{id}/timeline",
        operation_id=f"get{kind.capitalize()}Timeline",
        summary=f"What anybody had to do with a {kind}",
        responses=_TIMELINE,
    )
    async def timeline(
        id: Id,
        tx: Reading,
        department: ByDepartment = None,
        topic: Topic = None,
        kind_: Annotated[OfKind, Query(alias="kind")] = None,
        direction: Way = None,
        start: From = None,
        end: Till = None,
        *,
        rollup: Rollup = True,
        limit: params.Limit = 50,
        cursor: params.Cursor = None,
    ) -> Response:
        """By anyone in any department, the latest first; of records that are seen."""
        asked = Asked(department, topic, kind_, direction, start, end, rollup)
        found = await Timeline(tx).of(kind, id, asked, cursor=cursor, limit=limit)
        return answers.plain(found)


def _add_picture(router: APIRouter, kind: Kind) -> None:
    name = kind.capitalize()

    @router.get(
        "/{id}/360",
        operation_id=f"get{name}Picture",
        summary=f"Everything of a {kind}",
        responses=_PICTURE,
    )
    async def picture(
        id: Id, tx: Reading, sections: Sections = None, as_of: params.AsOf = None
    ) -> Response:
        """Each part as whoever asks may see it; what cannot tell of the past says so."""
        moment = moment_of("as_of", as_of, tx.now, tx.actor.time_zone)
        wanted = names_of(sections)
        return answers.plain(await Picture(tx).of(kind, id, sections=wanted, as_of=moment))

    @router.get(
        "/{id}/brief",
        operation_id=f"get{name}Brief",
        summary=f"What to know before talking to a {kind}",
        responses=_BRIEF,
    )
    async def brief(id: Id, tx: Reading, occasion: For = "call", language: In = None) -> Response:
        """A short text of facts, and the records that they come from."""
        return answers.plain(await Brief(tx).of(kind, id, occasion, language))

    @router.get(
        "/{id}/preferences/effective",
        operation_id=f"get{name}Preferences",
        summary=f"What a {kind} prefers",
        responses=_EFFECTIVE,
    )
    async def effective(id: Id, tx: Reading) -> Response:
        """What was said stands before what was observed, and that before a guess."""
        await Timeline(tx).need(kind, id)
        ends = {f"{kind}_id": id}
        seen = await Observations(tx).of(kind, id)
        return answers.plain({"data": await PreferenceService(tx).effective(**ends, seen=seen)})

    @router.get(
        "/{id}/preferences/observed",
        operation_id=f"get{name}ObservedPreferences",
        summary=f"What is seen of a {kind}",
        responses=_OBSERVED,
    )
    async def observed(id: Id, tx: Reading) -> Response:
        """By what and when they get in touch, in the organization's time zone, and what they order:
        counted over a year, with how many observations there are and how sure it is.
        """
        await Timeline(tx).need(kind, id)
        tx.actor.need(PreferenceService.area, "read")
        return answers.plain({"data": await Observations(tx).of(kind, id)})


contacts = new_router("customers", "contacts")
companies = new_router("customers", "companies")
deals = new_router("customers", "deals")
cases = new_router("customers", "cases")
health = new_router("customers", "health")
pure = new_router("expectations", "expectations")
preferences = crud_router(PreferenceService)
expectations = crud_router(ExpectationService)
_PARTIES: tuple[tuple[APIRouter, PartyKind], ...] = (
    (contacts, "contact"),
    (companies, "company"),
    (deals, "deal"),
    (cases, "case"),
)
for _router, _kind in _PARTIES:
    _add_timeline(_router, _kind)
_add_picture(contacts, "contact")
_add_picture(companies, "company")


@companies.get(
    "/{id}/tree",
    operation_id="getCompanyTree",
    summary="A company and those below it, with what they have together",
    responses=_TREE,
)
async def tree(id: Id, tx: Reading, *, whole: Whole = False) -> Response:
    """People, deals, projects and cases of each company for itself and with all below it, as whoever
    asks may see them. What is in the bin or not seen is left out with what it has; those below it
    move up. At most 1,000 companies: more are `tree_too_large`.
    """
    return answers.plain({"data": await Branches(tx).of(id, whole=whole)})


@health.get(
    "/portfolio",
    operation_id="listHealth",
    summary="How companies fare, the worst first",
    responses=_PORTFOLIO,
)
async def portfolio(
    tx: Reading, owner_id: Owner = None, limit: params.Limit = 50, cursor: params.Cursor = None
) -> Response:
    """By the figures of their last day; those of which too little is known come last."""
    found = await Health(tx).portfolio(owner_id=owner_id, cursor=cursor, limit=limit)
    return answers.plain(found)


@pure.get(
    "/at-risk",
    operation_id="listExpectationsAtRisk",
    summary="What customers may be disappointed by",
    responses=_RISK,
)
async def at_risk(tx: Reading, within_days: Within = 7) -> Response:
    """Open expectations that are due soon or over, the most pressing first."""
    return answers.plain({"data": await ExpectationService(tx).at_risk(within_days)})


def _add_verb(verb: ExpectationVerb, summary: str) -> None:
    add_action(
        expectations,
        verb,
        lambda tx, one, data, expected: ExpectationService(tx).resolve(one, verb, data, expected),
        ExpectationOut,
        (summary, "One that is open; for good."),
        body=ExpectationResult,
    )


_add_verb("meet", "Say that an expectation was met")
_add_verb("exceed", "Say that more was done than expected")
_add_verb("miss", "Say that an expectation was missed")
ROUTERS = (pure, contacts, companies, deals, cases, health, preferences, expectations)
