"""Tracked events and segments over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry
from pydantic import Field

from crm_api.domains.contacts.graphql import Contact

# What is proposed is shown as proposals are.
from crm_api.domains.recipes import graphql as recipes
from crm_api.domains.recipes.asking import ProposalRequest
from crm_api.domains.segments import figures, schemas
from crm_api.domains.segments.actions import SegmentActions
from crm_api.domains.segments.analysing import Analysis
from crm_api.domains.segments.discovering import Discovery
from crm_api.domains.segments.filter_graphql import BehaviourFilter, ConsentFilter, SegmentFilter
from crm_api.domains.segments.graph import KEY
from crm_api.domains.segments.previewing import Preview
from crm_api.domains.segments.proposing import MOST_PROPOSED, SegmentProposals
from crm_api.domains.segments.schemas import EventName
from crm_api.domains.segments.service import BehaviourEventService, SegmentService
from crm_api.domains.segments.stays import SegmentStays
from crm_api.domains.segments.tracking import Tracking
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.filters import asked_as
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.kit.schema import Schema

asked_as("behaviour", BehaviourFilter)
asked_as("consent", ConsentFilter)
asked_as(KEY, SegmentFilter)


@type_from(schemas.BehaviourEventOut)
class BehaviourEvent:
    """Something that a contact did."""

    contact = related(BehaviourEventService, "contact", Contact)


@type_from(schemas.SegmentOut)
class Segment:
    """A part of the audience; `contacts(where: {segment: {eq: …}})` has its members."""


@type_from(schemas.TrackAnswer)
class TrackAnswer:
    """What became of each event, in their order."""


@type_from(schemas.SegmentStandingOut)
class SegmentStanding:
    """How a segment fares."""


@type_from(schemas.SegmentPreview)
class SegmentPreview:
    """Who would belong to a segment, of those whom the actor sees."""


@type_from(schemas.SegmentMembersAnswer)
class SegmentMembersAnswer:
    """What became of each."""


@type_from(schemas.SegmentProposalPage)
class SegmentProposalPage:
    """What is proposed to some members of a segment."""


@type_from(schemas.SegmentStayPage)
class SegmentStayPage:
    """Stays of a segment, the latest first."""


@type_from(schemas.SegmentsOfRecord)
class SegmentsOfRecord:
    """The segments of a record, the latest first."""


@type_from(schemas.SegmentSizes)
class SegmentSizes:
    """A segment over time, the oldest first."""


@type_from(figures.SegmentOverlapOut)
class SegmentOverlap:
    """How much segments have in common, of those whom the actor sees."""


@type_from(figures.SegmentComparison)
class SegmentComparison:
    """What tells two segments apart, what tells the most first."""


@type_from(figures.SegmentDiscovery)
class SegmentDiscovery:
    """What was found in what customers bought."""


@type_from(figures.SegmentCohorts)
class SegmentCohorts:
    """Cohorts by the month in which contacts were made, the oldest first."""


class _Of(Schema):
    """What REST has in its path."""

    target: schemas.SegmentTarget


class _Sizes(Schema):
    """What REST takes as parameters."""

    by: schemas.SizesBy = "day"
    last: int = Field(30, ge=1, le=400)


class _Cohorts(Schema):
    """What REST takes as parameters."""

    name: EventName | None = None
    months: int = Field(12, ge=1, le=36)


_BEHAVIOUR = Collection(BehaviourEventService, BehaviourEvent)
_SEGMENTS = Collection(SegmentService, Segment)


@strawberry.type
class SegmentQuery:
    """What is asked of segments beyond their records."""

    @strawberry.field
    async def segment_standing(self, info: GraphInfo, id: UUID) -> SegmentStanding:
        """How many belong to it, when it was looked at, and what the last night found."""
        return cast("Any", await SegmentActions(info.context.tx).standing(id))

    @strawberry.field
    async def segment_preview(
        self,
        info: GraphInfo,
        input: input_from(schemas.PreviewInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> SegmentPreview:
        """Who would belong to a segment: how many, the newest, by fields, and who is in others."""
        data = shape_given(schemas.PreviewInput, input)
        return cast("Any", await Preview(info.context.tx).of(data))

    @strawberry.field
    async def segment_stays(
        self,
        info: GraphInfo,
        id: UUID,
        record_id: UUID | None = None,
        first: int = 50,
        after: str | None = None,
    ) -> SegmentStayPage:
        """Who came to a segment and left it, when and why, the latest first."""
        found = await SegmentStays(info.context.tx).of_segment(
            id, record_id=record_id, limit=page_size(first), cursor=after
        )
        return cast("Any", found)

    @strawberry.field
    async def segments_of(
        self,
        info: GraphInfo,
        *,
        target: str,
        id: UUID,
        ended: bool = False,
        first: int = 50,
        after: str | None = None,
    ) -> SegmentsOfRecord:
        """Which segments a contact or company belongs to, since when and why, the latest first."""
        data = shape_given(_Of, {"target": target})
        found = await SegmentStays(info.context.tx).of_record(
            data.target, id, ended=ended, limit=page_size(first), cursor=after
        )
        return cast("Any", found)

    @strawberry.field
    async def segment_sizes(
        self, info: GraphInfo, id: UUID, by: str = "day", last: int = 30
    ) -> SegmentSizes:
        """How a segment grows and shrinks, by day, week or month."""
        data = shape_given(_Sizes, {"by": by, "last": last})
        found = await SegmentStays(info.context.tx).sizes(id, by=data.by, last=data.last)
        return cast("Any", found)

    @strawberry.field
    async def segment_proposals(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(ProposalRequest),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        first: int = 10,
        after: str | None = None,
    ) -> SegmentProposalPage:
        """Up to three drafts of quotes for each of up to 20 members; nothing is stored."""
        asked = shape_given(ProposalRequest, input)
        found = await SegmentProposals(info.context.tx).prepare(
            id, asked, limit=page_size(first, MOST_PROPOSED), cursor=after
        )
        return cast("Any", found)

    @strawberry.field
    async def segment_overlap(self, info: GraphInfo, ids: list[UUID]) -> SegmentOverlap:
        """How much 2 to 16 segments have in common: sizes, Jaccard's index, mixes."""
        return cast("Any", await Analysis(info.context.tx).overlap(ids))

    @strawberry.field
    async def segment_comparison(
        self,
        info: GraphInfo,
        input: input_from(figures.CompareInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> SegmentComparison:
        """What tells two segments apart, or one from everybody else."""
        data = shape_given(figures.CompareInput, input)
        return cast("Any", await Analysis(info.context.tx).compare(data))

    @strawberry.field
    async def segment_discovery(
        self,
        info: GraphInfo,
        input: input_from(figures.DiscoverInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> SegmentDiscovery:
        """Find segments in what customers bought: an RFM grid, or clusters."""
        data = shape_given(figures.DiscoverInput, input)
        return cast("Any", await Discovery(info.context.tx).of(data))

    @strawberry.field
    async def segment_cohorts(
        self,
        info: GraphInfo,
        segment_id: UUID | None = None,
        name: str | None = None,
        months: int = 12,
    ) -> SegmentCohorts:
        """Who stays active, by the month in which contacts were made."""
        data = shape_given(_Cohorts, {"name": name, "months": months})
        found = await Analysis(info.context.tx).cohorts(
            segment_id=segment_id, name=data.name, months=data.months
        )
        return cast("Any", found)


@strawberry.type
class SegmentMutation:
    """What is done with tracked events and segments."""

    @mutation
    async def track_events(
        self,
        info: GraphInfo,
        input: input_from(schemas.TrackInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> TrackAnswer:
        """Tell what contacts did: up to 1,000 events, each taken or refused by itself."""
        data = shape_given(schemas.TrackInput, input)
        return cast("Any", await Tracking(info.context.tx).track(data))

    @mutation
    async def commit_segment_proposals(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(ProposalRequest),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        first: int = 10,
        after: str | None = None,
    ) -> SegmentProposalPage:
        """Make a quote of each draft for up to 20 members, once of one request."""
        asked = shape_given(ProposalRequest, input)
        found = await SegmentProposals(info.context.tx).make(
            id, asked, limit=page_size(first, MOST_PROPOSED), cursor=after
        )
        return cast("Any", found)

    @mutation
    async def refresh_segment(self, info: GraphInfo, id: UUID) -> UUID:
        """Have all of a segment looked at again; the id of the job."""
        return await SegmentActions(info.context.tx).refresh(id)

    @mutation
    async def snapshot_segment(self, info: GraphInfo, id: UUID, name: str) -> Segment:
        """Keep who belongs to a segment now: another one, which a job fills once."""
        data = shape_given(schemas.SnapshotInput, {"name": name})
        return await SegmentActions(info.context.tx).snapshot(id, data)

    @mutation
    async def set_segment_members(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.MembersInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> SegmentMembersAnswer:
        """Put records into a segment, or take them out, whatever its filter says."""
        data = shape_given(schemas.MembersInput, input)
        return cast("Any", await SegmentActions(info.context.tx).decide(id, data))


__all__ = ["MUTATIONS", "QUERIES", "recipes"]

QUERIES = (_BEHAVIOUR.query(), _SEGMENTS.query(), SegmentQuery)
MUTATIONS = (_SEGMENTS.mutation(), SegmentMutation)
