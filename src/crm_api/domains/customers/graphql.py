"""Timelines, pictures, briefs, preferences, expectations and health over GraphQL."""

from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.customers import schemas, showing
from crm_api.domains.customers.branches import Branches
from crm_api.domains.customers.briefs import Brief
from crm_api.domains.customers.health import Health
from crm_api.domains.customers.observing import Observations
from crm_api.domains.customers.picture import Kind, Picture
from crm_api.domains.customers.service import ExpectationService, PreferenceService
from crm_api.domains.customers.timeline import Asked, Timeline
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from
from crm_api.kit.schema import Instant, Language, Schema
from crm_api.kit.touchpoints import Department, Direction, PartyKind


@type_from(schemas.PreferenceOut)
class Preference:
    """Something that a contact or a company prefers."""

    contact = related(PreferenceService, "contact", Contact)
    company = related(PreferenceService, "company", Company)


@type_from(schemas.ExpectationOut)
class Expectation:
    """Something that a customer counts on."""

    contact = related(ExpectationService, "contact", Contact)
    company = related(ExpectationService, "company", Company)


@type_from(showing.TimelinePage)
class TimelinePage:
    """A page of a timeline, the latest first."""


@type_from(schemas.EffectivePreference)
class EffectivePreference:
    """What counts of all that is known of a preference."""


@type_from(schemas.ObservedPreference)
class ObservedPreference:
    """What was counted of what a customer does."""


@type_from(showing.CustomerPicture)
class CustomerPicture:
    """Everything of a customer, as whoever asks may see it."""


@type_from(showing.CompanyTree)
class CompanyTree:
    """A hierarchy of companies, with what is added up along it."""


@type_from(showing.CustomerBrief)
class CustomerBrief:
    """What one should know before a talk, in a few sentences."""


@type_from(showing.HealthPortfolio)
class HealthPortfolio:
    """Companies by how they fare, the worst first."""


class _Timeline(Schema):
    """What REST takes as parameters."""

    party: PartyKind = "company"
    department: Department | None = None
    direction: Direction | None = None
    start: Instant | None = None
    end: Instant | None = None


class _Picture(Schema):
    """The same of pictures and briefs."""

    kind: Kind = "company"
    occasion: showing.Occasion = "call"
    language: Language | None = None
    as_of: Instant | None = None


_PREFERENCES = Collection(PreferenceService, Preference)
_EXPECTATIONS = Collection(ExpectationService, Expectation)
_From = Annotated[datetime | None, strawberry.argument(name="from")]
_To = Annotated[datetime | None, strawberry.argument(name="to")]
_For = Annotated[str, strawberry.argument(name="for")]


def _bounded(first: int) -> int:
    return page_size(first)


@strawberry.type
class CustomerQuery:
    """What is known of customers."""

    @strawberry.field
    async def timeline(
        self,
        info: GraphInfo,
        party: str,
        id: UUID,
        department: str | None = None,
        topic: str | None = None,
        kind: str | None = None,
        direction: str | None = None,
        start: _From = None,
        end: _To = None,
        *,
        rollup: bool = True,
        first: int = 50,
        after: str | None = None,
    ) -> TimelinePage:
        """What anybody had to do with a `company`, `contact` or `deal`, the latest first."""
        given = {"party": party, "department": department, "direction": direction}
        data = shape_given(_Timeline, {**given, "start": start, "end": end})
        asked = Asked(data.department, topic, kind, data.direction, start, end, rollup)
        found = await Timeline(info.context.tx).of(
            data.party, id, asked, cursor=after, limit=_bounded(first)
        )
        return cast("Any", found)

    @strawberry.field
    async def customer360(
        self,
        info: GraphInfo,
        kind: str,
        id: UUID,
        sections: list[str] | None = None,
        as_of: datetime | None = None,
    ) -> CustomerPicture:
        """Everything of a `company` or a `contact`."""
        data = shape_given(_Picture, {"kind": kind, "as_of": as_of})
        found = await Picture(info.context.tx).of(
            data.kind, id, sections=sections or (), as_of=data.as_of
        )
        return cast("Any", found)

    @strawberry.field
    async def company_tree(self, info: GraphInfo, id: UUID, *, whole: bool = False) -> CompanyTree:
        """A company and those below it, or its `whole` hierarchy, with what they have together."""
        return cast("Any", await Branches(info.context.tx).of(id, whole=whole))

    @strawberry.field
    async def customer_brief(
        self,
        info: GraphInfo,
        kind: str,
        id: UUID,
        occasion: _For = "call",
        language: str | None = None,
    ) -> CustomerBrief:
        """What to know before a `call`, `meeting`, `visit` or `letter`."""
        given = {"kind": kind, "occasion": occasion, "language": language}
        data = shape_given(_Picture, given)
        found = await Brief(info.context.tx).of(data.kind, id, data.occasion, data.language)
        return cast("Any", found)

    @strawberry.field
    async def effective_preferences(
        self, info: GraphInfo, kind: str, id: UUID
    ) -> list[EffectivePreference]:
        """What a `company` or a `contact` prefers: what was said stands before what was seen."""
        data = shape_given(_Picture, {"kind": kind})
        await Timeline(info.context.tx).need(data.kind, id)
        ends = {f"{data.kind}_id": id}
        seen = await Observations(info.context.tx).of(data.kind, id)
        return cast("Any", await PreferenceService(info.context.tx).effective(**ends, seen=seen))

    @strawberry.field
    async def observed_preferences(
        self, info: GraphInfo, kind: str, id: UUID
    ) -> list[ObservedPreference]:
        """What is seen of a `company` or a `contact`, with how sure it is."""
        data, tx = shape_given(_Picture, {"kind": kind}), info.context.tx
        await Timeline(tx).need(data.kind, id)
        tx.actor.need(PreferenceService.area, "read")
        return cast("Any", await Observations(tx).of(data.kind, id))

    @strawberry.field
    async def expectations_at_risk(
        self, info: GraphInfo, within_days: int = 7
    ) -> list[Expectation]:
        """Open expectations that are due soon or over, the most pressing first."""
        days = min(max(within_days, 0), 365)
        return await ExpectationService(info.context.tx).at_risk(days)

    @strawberry.field
    async def health_portfolio(
        self,
        info: GraphInfo,
        owner_id: UUID | None = None,
        first: int = 50,
        after: str | None = None,
    ) -> HealthPortfolio:
        """How companies fare, the worst first."""
        found = await Health(info.context.tx).portfolio(
            owner_id=owner_id, cursor=after, limit=_bounded(first)
        )
        return cast("Any", found)


def _resolved(verb: schemas.ExpectationVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo,
        id: UUID,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Expectation:
        data = shape_given(schemas.ExpectationResult, {"comment": comment})
        service = ExpectationService(info.context.tx)
        return await service.resolve(id, verb, data, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class ExpectationMutation:
    """How expectations come out."""

    meet_expectation = _resolved("meet", "Say that an expectation was met.")
    exceed_expectation = _resolved("exceed", "Say that more was done than expected.")
    miss_expectation = _resolved("miss", "Say that an expectation was missed.")


QUERIES = (_PREFERENCES.query(), _EXPECTATIONS.query(), CustomerQuery)
MUTATIONS = (_PREFERENCES.mutation(), _EXPECTATIONS.mutation(), ExpectationMutation)
