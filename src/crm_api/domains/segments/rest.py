"""Tracked events and segments over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from crm_api.domains.recipes.asking import ProposalRequest
from crm_api.domains.segments.actions import SegmentActions
from crm_api.domains.segments.analysing import Analysis, ids_of
from crm_api.domains.segments.discovering import Discovery
from crm_api.domains.segments.figures import (
    CompareInput,
    DiscoverInput,
    SegmentCohorts,
    SegmentComparison,
    SegmentDiscovery,
    SegmentOverlapOut,
)
from crm_api.domains.segments.previewing import Preview
from crm_api.domains.segments.proposing import MOST_PROPOSED, SegmentProposals
from crm_api.domains.segments.schemas import (
    EventName,
    MembersInput,
    PreviewInput,
    RefreshStarted,
    SegmentMembersAnswer,
    SegmentOut,
    SegmentPreview,
    SegmentProposalPage,
    SegmentSizes,
    SegmentsOfRecord,
    SegmentStandingOut,
    SegmentStayPage,
    SegmentTarget,
    SizesBy,
    SnapshotInput,
    TrackAnswer,
    TrackInput,
)
from crm_api.domains.segments.service import BehaviourEventService, SegmentService
from crm_api.domains.segments.stays import SegmentStays
from crm_api.domains.segments.tracking import Tracking
from crm_api.kit.crud.collections import service_of
from crm_api.kit.query.moments import moment_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, filtered, new_router, read_router

Responses = dict[int | str, dict[str, Any]]
_MEMBERS: Responses = {
    200: {
        "description": "A page of contacts or companies, as their own lists show them.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_READS = problems(403, 404, 409, 422)
_CHANGES = problems(400, 403, 404, 409, 415, 422)
Record = Annotated[UUID | None, Query(description="Only of this record.")]
Ids = Annotated[str, Query(max_length=700, description="The segments: `ID,ID`.")]
Of = Annotated[UUID | None, Query(description="Only members of this segment.")]
Done = Annotated[EventName | None, Query(description="Only this, such as `page.viewed`.")]
By = Annotated[SizesBy, Query(description="How long each stretch of time is.")]
Last = Annotated[int, Query(ge=1, le=400, description="So many of them, with this one.")]
Ended = Annotated[bool, Query(description="Also those that it belongs to no more.")]
Months = Annotated[int, Query(ge=1, le=36, description="So many months, with this one.")]

Few = Annotated[int, Query(ge=1, le=MOST_PROPOSED, description="So many members at a time.")]
Commit = Annotated[bool, Query(description="Make a quote of each draft; else nothing is stored.")]

tracking = new_router("events", "events")
pure = new_router("segments", "segments")
behaviour = read_router(BehaviourEventService)
segments = crud_router(SegmentService)


@tracking.post(
    "/track",
    operation_id="trackEvents",
    summary="Tell what contacts did",
    responses={200: {"model": TrackAnswer}} | problems(400, 403, 409, 415, 422),
)
async def track(tx: Writing, body: TrackInput) -> Response:
    """Up to 1,000 events, each taken or refused by itself: `data` says what became of each.

    What has a `client_id` that is there is a `duplicate`, also when told at the same time. Takes
    the scope `behaviour:write`; conditions of segments ask for it by `behaviour`.
    """
    return answers.plain(await Tracking(tx).track(body))


@pure.post(
    "/preview",
    operation_id="previewSegment",
    summary="Who would belong to a segment",
    responses={200: {"model": SegmentPreview}} | problems(400, 403, 409, 415, 422),
)
async def preview(tx: Reading, body: PreviewInput) -> Response:
    """Of those whom the actor sees: how many, the newest, by fields, and who is in others too."""
    return answers.plain(await Preview(tx).of(body))


@pure.get(
    "/overlap",
    operation_id="compareSegmentMembers",
    summary="How much segments have in common",
    responses={200: {"model": SegmentOverlapOut}} | _READS,
)
async def overlap(tx: Reading, ids: Ids) -> Response:
    """Of 2 to 16 segments: sizes, Jaccard's index of each two, and how many are in which of them."""
    return answers.plain(await Analysis(tx).overlap(ids_of("ids", ids)))


@pure.post(
    "/compare",
    operation_id="compareSegments",
    summary="What tells two segments apart",
    responses={200: {"model": SegmentComparison}} | problems(400, 403, 404, 409, 415, 422),
)
async def compare(tx: Reading, body: CompareInput) -> Response:
    """By the values of fields: shares with their intervals, lift, and a test of the difference.

    Whoever is in both is left out. The p are adjusted for how many tests there are.
    """
    return answers.plain(await Analysis(tx).compare(body))


@pure.post(
    "/discover",
    operation_id="discoverSegments",
    summary="Find segments in what customers bought",
    responses={200: {"model": SegmentDiscovery}} | problems(400, 403, 404, 409, 415, 422),
)
async def discover(tx: Reading, body: DiscoverInput) -> Response:
    """`rfm`: scores from 1 to 5 for how lately, how often and how much, equal for equal values.

    `clusters`: customers that buy alike, with rules that tell them and a filter where one can
    say so. The same customers give the same clusters.
    """
    return answers.plain(await Discovery(tx).of(body))


@pure.get(
    "/cohorts",
    operation_id="getSegmentCohorts",
    summary="Who stays active, by the month in which they came",
    responses={200: {"model": SegmentCohorts}} | _READS,
)
async def cohorts(
    tx: Reading, segment_id: Of = None, name: Done = None, months: Months = 12
) -> Response:
    """Contacts by the month in which they were made, and how many of them did something later.

    Months in the organization's time zone; one that is not over is null.
    """
    found = await Analysis(tx).cohorts(segment_id=segment_id, name=name, months=months)
    return answers.plain(found)


@segments.get(
    "/{id}/standing",
    operation_id="getSegmentStanding",
    summary="How a segment fares",
    responses={200: {"model": SegmentStandingOut}} | _READS,
)
async def standing(id: Id, tx: Reading) -> Response:
    """How many belong to it, when it was looked at, and what the last night found."""
    return answers.plain(await SegmentActions(tx).standing(id))


@segments.post(
    "/{id}/refresh",
    status_code=202,
    operation_id="refreshSegment",
    summary="Have all of a segment looked at again",
    responses={202: {"model": RefreshStarted}, **problems(403, 404, 409, 422)},
)
async def refresh(id: Id, tx: Writing) -> Response:
    """A job; those that its filter speaks of come first. Its result counts who came and went."""
    job_id = await SegmentActions(tx).refresh(id)
    headers = {"Location": f"/v1/jobs/{job_id}"}
    return answers.plain({"job_id": job_id}, status=202, headers=headers)


@segments.post(
    "/{id}/snapshot",
    status_code=201,
    operation_id="snapshotSegment",
    summary="Keep who belongs to a segment now",
    responses={201: {"model": SegmentOut}} | _CHANGES,
)
async def snapshot(id: Id, tx: Writing, body: SnapshotInput) -> Response:
    """Another segment, which a job fills once."""
    return answers.made("segments", await SegmentActions(tx).snapshot(id, body))


@segments.get(
    "/{id}/members",
    operation_id="listSegmentMembers",
    summary="Who belongs to a segment",
    responses=_MEMBERS | _READS,
    openapi_extra=filtered(),
)
async def members(
    request: Request,
    id: Id,
    tx: Reading,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
    sort: params.Sort = None,
    fields: params.Fields = None,
    include: params.Include = None,
    count: params.Count = None,
    as_of: params.AsOf = None,
) -> Response:
    """Contacts or companies as their lists have them, of those whom the actor sees.

    With `as_of` those who belonged to it then, as they are now.
    """
    actions = SegmentActions(tx)
    shown = await actions.service.get(id, Selection(("target",)))
    listing = service_of(tx, shown.target).records.listing
    query = PageQuery(
        Selection.of(listing, tx, fields, include),
        sort=sort,
        limit=limit,
        cursor=cursor,
        count=count,
    )
    moment = moment_of("as_of", as_of, tx.now, tx.actor.time_zone)
    own = params.filter_of(request, listing, tx)
    return answers.page(request, await actions.members(id, query, own, moment))


@segments.post(
    "/{id}/members",
    operation_id="setSegmentMembers",
    summary="Put records into a segment, or take them out",
    responses={200: {"model": SegmentMembersAnswer}} | _CHANGES,
)
async def decide(id: Id, tx: Writing, body: MembersInput) -> Response:
    """Each by itself, whatever its filter says; `release` has the filter decide again.

    Whoever is in a suppression is refused.
    """
    return answers.plain(await SegmentActions(tx).decide(id, body))


@segments.post(
    "/{id}/proposals",
    operation_id="proposeToSegment",
    summary="Prepare quotes for the members of a segment",
    responses={
        200: {"model": SegmentProposalPage},
        201: {"model": SegmentProposalPage, "description": "The drafts, and their quotes."},
    }
    | _CHANGES,
)
async def propose(
    id: Id,
    tx: Writing,
    body: ProposalRequest,
    *,
    commit: Commit = False,
    limit: Few = 10,
    cursor: params.Cursor = None,
) -> Response:
    """Up to three drafts for each, by their own prices, as `…/proposals` of a contact or a company.

    With `commit` each draft becomes a quote, all of a page or none; `labels` says which. Whoever
    asks the same again that day gets the quotes that are there. `withheld` says of a member
    without drafts why. `next_cursor` leads to the members after these.
    """
    proposals = SegmentProposals(tx)
    if commit:
        made = await proposals.make(id, body, limit=limit, cursor=cursor)
        return answers.plain(made, status=201)
    # Nothing was done that must not be done twice.
    tx.answer_matters = False
    return answers.plain(await proposals.prepare(id, body, limit=limit, cursor=cursor))


@segments.get(
    "/{id}/stays",
    operation_id="listSegmentStays",
    summary="Who came to a segment and left it, when and why",
    responses={200: {"model": SegmentStayPage}} | _READS,
)
async def stays(
    id: Id,
    tx: Reading,
    record_id: Record = None,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
) -> Response:
    """The latest first; of those whom the actor sees."""
    found = await SegmentStays(tx).of_segment(id, record_id=record_id, limit=limit, cursor=cursor)
    return answers.plain(found)


@segments.get(
    "/{id}/sizes",
    operation_id="getSegmentSizes",
    summary="How a segment grows and shrinks",
    responses={200: {"model": SegmentSizes}} | _READS,
)
async def sizes(id: Id, tx: Reading, by: By = "day", last: Last = 30) -> Response:
    """How many belonged to it by day, week or month, who came and left, and what nights found.

    Of all, whoever asks, in the organization's time zone.
    """
    return answers.plain(await SegmentStays(tx).sizes(id, by=by, last=last))


def _add_of_record(router: APIRouter, target: SegmentTarget) -> None:
    async def listed(
        id: Id,
        tx: Reading,
        *,
        ended: Ended = False,
        limit: params.Limit = 50,
        cursor: params.Cursor = None,
    ) -> Response:
        stays = SegmentStays(tx)
        return answers.plain(
            await stays.of_record(target, id, ended=ended, limit=limit, cursor=cursor)
        )

    router.add_api_route(
        "/{id}/segments",
        listed,
        methods=["GET"],
        operation_id=f"listSegmentsOf{target.title()}",
        summary=f"Which segments a {target} belongs to",
        description="Since when and why; of segments that the actor sees, the latest first.",
        responses={200: {"model": SegmentsOfRecord}} | _READS,
    )


contacts, companies = new_router("segments", "contacts"), new_router("segments", "companies")
_add_of_record(contacts, "contact")
_add_of_record(companies, "company")
ROUTERS = (tracking, behaviour, pure, segments, contacts, companies)
