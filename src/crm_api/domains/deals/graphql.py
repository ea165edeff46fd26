"""Deals and their pipelines over GraphQL."""

from typing import Annotated, Any

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals import schemas
from crm_api.domains.deals.pipelines import LossReasonService, PipelineService, StageService
from crm_api.domains.deals.service import DealMoveService, DealService
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import type_from


def _later(name: str) -> Any:
    """A type of this file that stands below."""
    return Annotated[name, strawberry.lazy(__name__)]


@type_from(schemas.PipelineOut)
class Pipeline:
    """A way that deals go, by its stages."""

    stages = related_many(PipelineService, "stages", _later("StageConnection"))


@type_from(schemas.StageOut)
class Stage:
    """Where a deal stands on the way of its pipeline."""

    pipeline = related(StageService, "pipeline", Pipeline)
    deals = related_many(StageService, "deals", _later("DealConnection"))


@type_from(schemas.LossReasonOut)
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


@type_from(schemas.DealMoveOut)
class DealMove:
    """A step of a deal from one stage to another."""

    deal = related(DealMoveService, "deal", Deal)


_PIPELINES = Collection(PipelineService, Pipeline)
_STAGES = Collection(StageService, Stage)
_REASONS = Collection(LossReasonService, LossReason)
_DEALS = Collection(DealService, Deal)
_MOVES = Collection(DealMoveService, DealMove)
StageConnection = _STAGES.connection
DealConnection = _DEALS.connection

QUERIES = (
    _PIPELINES.query(),
    _STAGES.query(),
    _REASONS.query(),
    _DEALS.query(),
    _MOVES.query(),
)
MUTATIONS = (_PIPELINES.mutation(), _STAGES.mutation(), _REASONS.mutation(), _DEALS.mutation())
