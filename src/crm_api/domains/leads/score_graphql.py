"""Scores of leads over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.leads import score_schemas
from crm_api.domains.leads.modelling import LeadScoreModelService, ModelVerb, calibration
from crm_api.domains.leads.score_rules import LeadScoreRuleService
from crm_api.domains.leads.score_settings import LeadScoreSettingsService
from crm_api.domains.leads.scoring import explained
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import input_from, type_from


@type_from(score_schemas.LeadScoreRuleOut)
class LeadScoreRule:
    """Points for certain leads."""


@type_from(score_schemas.LeadScoreModelOut)
class LeadScoreModel:
    """What past leads have taught."""


@type_from(score_schemas.LeadScore)
class LeadScore:
    """What the scores of a lead are made of."""


@type_from(score_schemas.LeadScoreCalibration)
class LeadScoreCalibration:
    """How far a model can be trusted."""


@type_from(score_schemas.LeadScoreSettingsOut)
class LeadScoreSettings:
    """How far the scores of categories go."""


_RULES = Collection(LeadScoreRuleService, LeadScoreRule)
_MODELS = Collection(LeadScoreModelService, LeadScoreModel)


@strawberry.type
class LeadScoreQuery:
    """What is asked of scores beyond their records."""

    @strawberry.field
    async def lead_score(self, info: GraphInfo, id: UUID) -> LeadScore:
        """What the scores of a lead are made of."""
        return cast("Any", await explained(info.context.tx, id))

    @strawberry.field
    async def lead_score_model_calibration(self, info: GraphInfo, id: UUID) -> LeadScoreCalibration:
        """How far a model can be trusted."""
        return cast("Any", await calibration(info.context.tx, id))

    @strawberry.field
    async def lead_score_settings(self, info: GraphInfo) -> LeadScoreSettings:
        """How far the scores of categories go."""
        return cast("Any", LeadScoreSettingsService(info.context.tx).get())


def _action(verb: ModelVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> LeadScoreModel:
        return await LeadScoreModelService(info.context.tx).go(id, verb, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class LeadScoreMutation:
    """What is done with models and settings."""

    train_lead_score_model = _action("train", "Have a model learn, by a job.")
    shadow_lead_score_model = _action("shadow", "Try a model beside the active one.")
    activate_lead_score_model = _action("activate", "Have a model be the active one.")
    retire_lead_score_model = _action("retire", "Have a model say no more.")

    @mutation
    async def set_lead_score_settings(
        self,
        info: GraphInfo,
        input: input_from(score_schemas.LeadScoreSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> LeadScoreSettings:
        """Say how far the scores of categories go; a job has the scores follow."""
        data = shape_given(score_schemas.LeadScoreSettings, input)
        return cast("Any", await LeadScoreSettingsService(info.context.tx).replace(data))


QUERIES = (_RULES.query(), _MODELS.query(), LeadScoreQuery)
MUTATIONS = (_RULES.mutation(), _MODELS.mutation(), LeadScoreMutation)
