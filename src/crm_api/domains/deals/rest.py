"""Deals and their pipelines over REST."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from crm_api.domains.deals.actions import DealActions, StageActions
from crm_api.domains.deals.board import DealBoard
from crm_api.domains.deals.boards import Board, DealParts
from crm_api.domains.deals.committee import committee_of
from crm_api.domains.deals.learning import DealScoring
from crm_api.domains.deals.parties import Committee, DealParting
from crm_api.domains.deals.parting import DealSplitting
from crm_api.domains.deals.people import DealContactService
from crm_api.domains.deals.pipeline_schemas import StageRemoval
from crm_api.domains.deals.pipelines import LossReasonService, PipelineService, StageService
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.deals.schemas import (
    DealLoss,
    DealMoveInput,
    DealOut,
    DealReopening,
    DealTransitions,
    DealWin,
    DealWon,
)
from crm_api.domains.deals.score_schemas import DealScore
from crm_api.domains.deals.service import DealMoveService, DealService
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, filtered

_PER_COLUMN = 50
Closed = Annotated[bool, Query(description="The stages of won and lost deals, too.")]
ColumnLimit = Annotated[int, Query(ge=1, le=_PER_COLUMN, description="Deals per column.")]
_DONE: dict[int | str, dict[str, Any]] = {
    200: {"model": DealOut},
    **problems(400, 403, 404, 409, 412, 415, 422),
}

pipelines = crud_router(PipelineService)
stages = crud_router(StageService)
deals = crud_router(DealService)


@pipelines.get(
    "/{id}/board",
    operation_id="getPipelineBoard",
    summary="A pipeline at a glance",
    responses={200: {"model": Board}} | problems(403, 404, 409, 422),
    openapi_extra=filtered(DEALS),
)
async def board(
    request: Request,
    id: Id,
    tx: Reading,
    limit: ColumnLimit = 20,
    fields: params.Fields = None,
    include_closed: Closed = False,  # noqa: FBT002 - a query parameter
) -> Response:
    """The open stages: how many deals, their sums, and the first ones; a filter is of deals."""
    wanted = params.filter_of(request, DEALS, tx)
    selection = Selection.of(DEALS, tx, fields)
    found = await DealBoard(tx).of(id, wanted, limit, selection, closed=include_closed)
    for column in found["columns"]:
        page = column["deals"]
        column["deals"] = {"data": page.data, "next_cursor": page.next_cursor}
    return answers.plain(found)


@stages.post(
    "/{id}/remove",
    status_code=204,
    operation_id="removeStage",
    summary="Remove a stage that has deals",
    responses=problems(400, 403, 404, 409, 412, 415, 422),
)
async def remove(id: Id, tx: Writing, body: StageRemoval, if_match: IfMatch = None) -> Response:
    """Its deals, those in the bin too, go to another stage in the same moment."""
    await StageActions(tx).remove(id, body, answers.version_of(if_match))
    return Response(status_code=204)


@deals.get(
    "/{id}/transitions",
    operation_id="getDealTransitions",
    summary="Where a deal may go",
    responses={200: {"model": DealTransitions}} | problems(403, 404, 409, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """Every step that is for its status, and all that stands in the way of each."""
    return answers.plain(await DealActions(tx).transitions(id))


@deals.get(
    "/{id}/score",
    operation_id="getDealScore",
    summary="How probable a deal is",
    responses={200: {"model": DealScore}} | problems(403, 404, 409, 422),
)
async def score(id: Id, tx: Reading) -> Response:
    """Learned from the organization's own last 5,000 decided deals, with what speaks for it."""
    return answers.plain(await DealScoring(tx).of(id))


add_below(
    deals,
    "moves",
    DealService,
    DealMoveService,
    by="deal_id",
    operation_id="listDealMoves",
    summary="How a deal moved",
    description="From which stage to which, by whom, and how long it had been there; the last one first.",
)


add_below(
    deals,
    "contacts",
    DealService,
    DealContactService,
    by="deal_id",
    operation_id="listContactsOfDeal",
    summary="Who has to do with a deal",
    description="What each person is in it; `/v1/deal-contacts` has all of them.",
)


@deals.get(
    "/{id}/committee",
    operation_id="getDealCommittee",
    summary="Who decides on a deal",
    responses={200: {"model": Committee}} | problems(403, 404, 409, 422),
)
async def committee(id: Id, tx: Reading) -> Response:
    """Which roles somebody has, which wanted ones are missing, and who stands in the way."""
    return answers.plain(await committee_of(tx, id))


@deals.post(
    "/{id}/move",
    operation_id="moveDeal",
    summary="Move a deal",
    responses=_DONE,
)
async def move(id: Id, tx: Writing, body: DealMoveInput, if_match: IfMatch = None) -> Response:
    """To another open stage, or between others; 409 `blocked_transition` names all in the way."""
    expected = answers.version_of(if_match)
    return answers.record(await DealActions(tx).move(id, body, expected))


@deals.post(
    "/{id}/win",
    operation_id="winDeal",
    summary="Win a deal",
    responses=_DONE | {200: {"model": DealWon}},
)
async def win(
    id: Id, tx: Writing, body: DealWin | None = None, if_match: IfMatch = None
) -> Response:
    """Once, with its order: 409 `illegal_transition` where it is closed, `blocked_transition` else.

    The order is that of its accepted quote; all of it happens, or nothing does.
    """
    data = body or DealWin.model_validate({})
    return answers.record(await DealActions(tx).win(id, data, answers.version_of(if_match)))


@deals.post("/{id}/lose", operation_id="loseDeal", summary="Lose a deal", responses=_DONE)
async def lose(id: Id, tx: Writing, body: DealLoss, if_match: IfMatch = None) -> Response:
    """For a reason, from whichever stage."""
    return answers.record(await DealActions(tx).lose(id, body, answers.version_of(if_match)))


@deals.post(
    "/{id}/reopen", operation_id="reopenDeal", summary="Reopen a closed deal", responses=_DONE
)
async def reopen(
    id: Id, tx: Writing, body: DealReopening | None = None, if_match: IfMatch = None
) -> Response:
    """In the stage that it left, or in another open one; takes the permission `reopen_deals`."""
    data = body or DealReopening.model_validate({})
    return answers.record(await DealActions(tx).reopen(id, data, answers.version_of(if_match)))


@deals.post(
    "/{id}/clone",
    status_code=201,
    operation_id="cloneDeal",
    summary="Copy a deal",
    responses={201: {"model": DealOut}} | problems(403, 404, 409, 422),
)
async def clone(id: Id, tx: Writing) -> Response:
    """A new one at the beginning of the same pipeline, without days and checklists.

    A pipeline that wants a next step of what is written has that copied as well.
    """
    made = await DealActions(tx).clone(id)
    return answers.made("deals", made)


@deals.post(
    "/{id}/split",
    status_code=201,
    operation_id="splitDeal",
    summary="Take deals off a deal",
    responses={201: {"model": DealParts}} | problems(400, 403, 404, 409, 412, 415, 422),
)
async def split(id: Id, tx: Writing, body: DealParting, if_match: IfMatch = None) -> Response:
    """New ones in the same stage, by whose amounts it is reduced; the sum stays what it was.

    It takes the right to set amounts. Promises, and custom values that one record alone may have,
    stay with the deal.
    """
    done = await DealSplitting(tx).split(id, body, answers.version_of(if_match))
    return answers.plain(done, status=201)


ROUTERS = (
    pipelines,
    stages,
    deals,
    crud_router(LossReasonService),
    crud_router(DealContactService),
)
