"""Campaigns over GraphQL."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.campaigns import schemas
from crm_api.domains.campaigns.actions import CampaignActions, Verb
from crm_api.domains.campaigns.deciding import decide
from crm_api.domains.campaigns.evaluating import evaluate
from crm_api.domains.campaigns.membership import CampaignMembership
from crm_api.domains.campaigns.service import CampaignService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from


@type_from(schemas.CampaignOut)
class Campaign:
    """A programme, a campaign of it, or a tactic of that."""

    parent = related(CampaignService, "parent", Annotated["Campaign", strawberry.lazy(__name__)])


@type_from(schemas.CampaignAudience)
class CampaignAudience:
    """Who would be reached, of those whom the actor sees."""


@type_from(schemas.FrozenAudience)
class FrozenAudience:
    """Who is in a frozen audience, of those whom the actor sees."""


@type_from(schemas.CampaignMemberPage)
class CampaignMemberPage:
    """Some of a frozen audience."""


@type_from(schemas.CampaignEvaluation)
class CampaignEvaluation:
    """What an experiment shows."""


@type_from(schemas.CampaignTransitions)
class CampaignTransitions:
    """Where a campaign stands, and what may be done with it."""


_CAMPAIGNS = Collection(CampaignService, Campaign)


@strawberry.type
class CampaignActionQuery:
    """What is asked of campaigns beyond their records."""

    @strawberry.field
    async def campaign_transitions(self, info: GraphInfo, id: UUID) -> CampaignTransitions:
        """The actions that are for its state, and what stands in the way of each."""
        return cast("Any", await CampaignActions(info.context.tx).transitions(id))

    @strawberry.field
    async def campaign_audience(self, info: GraphInfo, id: UUID) -> CampaignAudience:
        """Who would be reached, and what stands against the others."""
        return cast("Any", await CampaignActions(info.context.tx).preview(id))

    @strawberry.field
    async def frozen_campaign_audience(self, info: GraphInfo, id: UUID) -> FrozenAudience:
        """Who is reached by what was launched, and by reason who is not."""
        return cast("Any", await CampaignActions(info.context.tx).audience(id))

    @strawberry.field
    async def campaign_members(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.CampaignMembersAsked) | None = None,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        first: int = 50,
        after: str | None = None,
    ) -> CampaignMemberPage:
        """Who is in the frozen audience, also who is held out or excluded, and why."""
        asked = (
            schemas.CampaignMembersAsked.model_validate({})
            if input is None
            else shape_given(schemas.CampaignMembersAsked, input)
        )
        found = await CampaignMembership(info.context.tx).of(id, asked, page_size(first), after)
        return cast("Any", found)

    @strawberry.field
    async def campaign_evaluation(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.EvaluationInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> CampaignEvaluation:
        """What an experiment shows, by variant and against those who were held out."""
        data = shape_given(schemas.EvaluationInput, input)
        return cast("Any", await evaluate(info.context.tx, id, data))


def _step(verb: Verb, description: str) -> Any:
    async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> Campaign:
        return await CampaignActions(info.context.tx).go(id, verb, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class CampaignActionMutation:
    """What is done with campaigns."""

    launch_campaign = _step("launch", "Launch it: its audience is frozen.")
    pause_campaign = _step("pause", "Send nothing more meanwhile.")
    resume_campaign = _step("resume", "Go on with the audience that it has.")
    complete_campaign = _step("complete", "It has done what it was to do.")
    cancel_campaign = _step("cancel", "End it, also while it runs.")
    archive_campaign = _step("archive", "Put away one that is completed or cancelled.")

    unschedule_campaign = _step("unschedule", "Take the launch back: it is a draft again.")

    @mutation
    async def submit_campaign(
        self,
        info: GraphInfo,
        id: UUID,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Campaign:
        """Ask for the approvals that a campaign needs; where none does, it is approved."""
        data = shape_given(schemas.CampaignSubmission, {"comment": comment})
        return await CampaignActions(info.context.tx).submit(id, data, expected_version)

    @mutation
    async def recall_campaign(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Campaign:
        """Take it back, with what was asked for and not decided."""
        return await CampaignActions(info.context.tx).recall(id, expected_version)

    @mutation
    async def schedule_campaign(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.ScheduleInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Campaign:
        """Have it launched at a time, by the rights of whoever schedules it; once."""
        data = shape_given(schemas.ScheduleInput, input)
        return await CampaignActions(info.context.tx).schedule(id, data, expected_version)

    @mutation
    async def decide_campaign(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.DecisionInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Campaign:
        """Decide the experiment of a campaign, for good."""
        data = shape_given(schemas.DecisionInput, input)
        return await decide(info.context.tx, id, data, expected_version)

    @mutation
    async def clone_campaign(self, info: GraphInfo, id: UUID, name: str) -> Campaign:
        """A draft like it, without its audience and its dates."""
        data = shape_given(schemas.CampaignCloneInput, {"name": name})
        return await CampaignActions(info.context.tx).clone(id, data)


QUERIES = (_CAMPAIGNS.query(), CampaignActionQuery)
MUTATIONS = (_CAMPAIGNS.mutation(), CampaignActionMutation)
