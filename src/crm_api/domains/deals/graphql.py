"""Deals and their pipelines over GraphQL."""

from datetime import date
from typing import Annotated, Any, Optional, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals import boards, parties, pipeline_schemas, schemas, score_schemas
from crm_api.domains.deals.actions import DealActions, StageActions
from crm_api.domains.deals.board import DealBoard
from crm_api.domains.deals.committee import committee_of
from crm_api.domains.deals.learning import DealScoring
from crm_api.domains.deals.parting import DealSplitting
from crm_api.domains.deals.people import DealContactService
from crm_api.domains.deals.pipelines import LossReasonService, PipelineService, StageService
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.deals.service import DealMoveService, DealService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.filters import filter_of, where_of
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import connected, related, related_many
from crm_api.kit.graphql.types import input_from, type_from, values_of
from crm_api.kit.query.filters import Filter, parse


def _later(name: str) -> Any:
    """A type of this file that stands below."""
    return Annotated[name, strawberry.lazy(__name__)]


_PER_COLUMN = 50


@type_from(pipeline_schemas.PipelineOut)
class Pipeline:
    """A way that deals go, by its stages."""

    stages = related_many(PipelineService, "stages", _later("StageConnection"))


@type_from(pipeline_schemas.StageOut)
class Stage:
    """Where a deal stands on the way of its pipeline."""

    pipeline = related(StageService, "pipeline", Pipeline)
    deals = related_many(StageService, "deals", _later("DealConnection"))


@type_from(pipeline_schemas.LossReasonOut)
class LossReason:
    """Why deals are lost."""


@type_from(schemas.DealOut)
class Deal:
    """Something that may be sold."""

    company = related(DealService, "company", Company)
    contact = related(DealService, "contact", Contact)
    pipeline = related(DealService, "pipeline", Pipeline)
    stage = related(DealService, "stage", Stage)
    loss_reason = related(DealService, "loss_reason", LossReason)
    competitor = related(DealService, "competitor", Company)
    contacts = related_many(DealService, "contacts", _later("DealContactConnection"))


@type_from(parties.DealContactOut)
class DealContact:
    """What a person is in a deal."""

    deal = related(DealContactService, "deal", Deal)
    contact = related(DealContactService, "contact", Contact)


@type_from(schemas.DealWon)
class WonDeal:
    """A deal that was won, and what was made of it in the same moment."""

    company = related(DealService, "company", Company)
    contact = related(DealService, "contact", Contact)
    pipeline = related(DealService, "pipeline", Pipeline)
    stage = related(DealService, "stage", Stage)


@type_from(schemas.DealMoveOut)
class DealMove:
    """A step of a deal from one stage to another."""

    deal = related(DealMoveService, "deal", Deal)
    from_stage = related(DealMoveService, "from_stage", Stage)
    to_stage = related(DealMoveService, "to_stage", Stage)


_PIPELINES = Collection(PipelineService, Pipeline)
_STAGES = Collection(StageService, Stage)
_REASONS = Collection(LossReasonService, LossReason)
_DEALS = Collection(DealService, Deal)
_CONTACTS = Collection(DealContactService, DealContact)
_MOVES = Collection(DealMoveService, DealMove)
StageConnection = _STAGES.connection
DealConnection = _DEALS.connection
DealContactConnection = _CONTACTS.connection


@type_from(schemas.DealTransitions)
class DealTransitions:
    """Where a deal stands, and where it may go."""


@type_from(score_schemas.DealScore)
class DealScore:
    """How probable it is that a deal is won, and why."""


@type_from(parties.Committee)
class DealCommittee:
    """Who decides on a deal, and who of those that are wanted is missing."""


@type_from(boards.DealParts)
class DealParts:
    """A deal, and what was taken off it."""


PartInputs = list[input_from(parties.DealPart)]  # pyright: ignore[reportInvalidTypeForm]


@strawberry.type
class BoardColumn:
    """An open stage, and the deals in it that are seen."""

    stage: Stage
    count: int
    amount: str | None
    weighted_amount: str | None
    unconverted: int
    deals: _later("DealConnection")  # pyright: ignore[reportInvalidTypeForm]


@strawberry.type
class PipelineBoard:
    """A pipeline at a glance: sums are in the organization's currency."""

    pipeline_id: UUID
    currency: str
    columns: list[BoardColumn]


def _board_field() -> Any:
    async def resolver(
        info: GraphInfo,
        pipeline_id: UUID,
        where: Any = None,
        first: int = 20,
        include_closed: bool = False,  # noqa: FBT001, FBT002 - an argument of GraphQL
    ) -> PipelineBoard:
        tx = info.context.tx
        wanted = filter_of(where) if where else None
        filter = parse(wanted, DEALS, tx) if wanted else Filter()
        found = await DealBoard(tx).of(
            pipeline_id, filter, page_size(first, _PER_COLUMN), closed=include_closed
        )
        for column in found["columns"]:
            column["deals"] = connected(column["deals"])
        return cast("Any", found)

    resolver.__annotations__["where"] = Optional[where_of(DEALS)]  # noqa: UP045 - built at run time
    description = "The open stages: how many deals, their sums, the first ones."
    return strawberry.field(resolver=resolver, description=description)


@strawberry.type
class DealQuery:
    """What is asked of deals beyond their records."""

    @strawberry.field
    async def deal_transitions(self, info: GraphInfo, id: UUID) -> DealTransitions:
        """Where a deal may go, and all that stands in the way."""
        return cast("Any", await DealActions(info.context.tx).transitions(id))

    @strawberry.field
    async def deal_score(self, info: GraphInfo, id: UUID) -> DealScore:
        """How probable a deal is, learned from those that are decided, and what speaks for it."""
        return cast("Any", await DealScoring(info.context.tx).of(id))

    @strawberry.field
    async def deal_committee(self, info: GraphInfo, id: UUID) -> DealCommittee:
        """Which roles somebody has, which wanted ones are missing, and who stands in the way."""
        return cast("Any", await committee_of(info.context.tx, id))

    pipeline_board = _board_field()


@strawberry.type
class DealActionMutation:
    """What is done with deals and stages."""

    @mutation
    async def move_deal(
        self,
        info: GraphInfo,
        id: UUID,
        stage_id: UUID | None = None,
        before: UUID | None = None,
        after: UUID | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Deal:
        """Move a deal to another open stage, or between others."""
        given = {"stage_id": stage_id, "before": before, "after": after, "comment": comment}
        data = shape_given(schemas.DealMoveInput, given)
        return await DealActions(info.context.tx).move(id, data, expected_version)

    @mutation
    async def win_deal(
        self,
        info: GraphInfo,
        id: UUID,
        closed_on: date | None = None,
        comment: str | None = None,
        quote_id: UUID | None = None,
        create_order: bool = True,  # noqa: FBT001, FBT002 - an argument of the mutation
        expected_version: int | None = None,
    ) -> WonDeal:
        """Win a deal, with its order from the accepted quote; once."""
        given = {"closed_on": closed_on, "comment": comment}
        whole = {**given, "quote_id": quote_id, "create_order": create_order}
        data = shape_given(schemas.DealWin, whole)
        return await DealActions(info.context.tx).win(id, data, expected_version)

    @mutation
    async def lose_deal(
        self,
        info: GraphInfo,
        id: UUID,
        loss_reason_id: UUID,
        stage_id: UUID | None = None,
        closed_on: date | None = None,
        comment: str | None = None,
        competitor_id: UUID | None = None,
        expected_version: int | None = None,
    ) -> Deal:
        """Lose a deal for a reason, from whichever stage."""
        given = {"loss_reason_id": loss_reason_id, "stage_id": stage_id}
        given |= {"competitor_id": competitor_id}
        whole = {**given, "closed_on": closed_on, "comment": comment}
        data = shape_given(schemas.DealLoss, whole)
        return await DealActions(info.context.tx).lose(id, data, expected_version)

    @mutation
    async def reopen_deal(
        self,
        info: GraphInfo,
        id: UUID,
        stage_id: UUID | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Deal:
        """Reopen a closed deal, in the stage that it left or in another open one."""
        data = shape_given(schemas.DealReopening, {"stage_id": stage_id, "comment": comment})
        return await DealActions(info.context.tx).reopen(id, data, expected_version)

    @mutation
    async def clone_deal(self, info: GraphInfo, id: UUID) -> Deal:
        """A new deal at the beginning of the same pipeline, without days and checklists."""
        return await DealActions(info.context.tx).clone(id)

    @mutation
    async def split_deal(
        self,
        info: GraphInfo,
        id: UUID,
        parts: PartInputs,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> DealParts:
        """Take new deals off a deal, which is reduced by their amounts."""
        data = shape_given(parties.DealParting, {"parts": values_of(parts)})
        return cast("Any", await DealSplitting(info.context.tx).split(id, data, expected_version))

    @mutation
    async def remove_stage(
        self, info: GraphInfo, id: UUID, move_to: UUID, expected_version: int | None = None
    ) -> UUID:
        """Remove a stage; its deals, those in the bin too, go to another one."""
        data = shape_given(pipeline_schemas.StageRemoval, {"move_to": move_to})
        await StageActions(info.context.tx).remove(id, data, expected_version)
        return id


QUERIES = (
    _PIPELINES.query(),
    _STAGES.query(),
    _REASONS.query(),
    _DEALS.query(),
    _CONTACTS.query(),
    _MOVES.query(),
    DealQuery,
)
MUTATIONS = (
    _PIPELINES.mutation(),
    _STAGES.mutation(),
    _REASONS.mutation(),
    _DEALS.mutation(),
    _CONTACTS.mutation(),
    DealActionMutation,
)
