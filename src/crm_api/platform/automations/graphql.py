"""Rules, their versions and their runs over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from crm_api.kit.errors import NotFound
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.types import type_from
from crm_api.platform.automations.definitions import described
from crm_api.platform.automations.schemas import (
    AutomationCall,
    AutomationOut,
    AutomationRunDetail,
    AutomationRunOut,
    AutomationStepOut,
    AutomationTest,
    AutomationTestReport,
    AutomationTestStep,
    AutomationVersionOut,
)
from crm_api.platform.automations.schemas import AutomationRunPage as RunPageShape
from crm_api.platform.automations.service import AutomationService, RunService
from crm_api.platform.automations.testing import try_out


@type_from(AutomationOut)
class Automation:
    """A rule: its draft, and how its published version stands."""


@type_from(AutomationVersionOut)
class AutomationVersion:
    """What was published; never changed."""


@type_from(AutomationRunOut)
class AutomationRun:
    """One run."""


@type_from(AutomationStepOut)
class AutomationStep:
    """One step that was taken."""


@type_from(AutomationRunDetail)
class AutomationRunLog:
    """One run with every step."""


@type_from(RunPageShape)
class AutomationRunPage:
    """A page of runs, newest first."""


@type_from(AutomationTestStep)
class AutomationTrialStep:
    """What a step would come to."""


@type_from(AutomationTestReport)
class AutomationTrial:
    """What a run would do; nothing of it has happened."""


AUTOMATIONS = Collection(AutomationService, Automation)


@strawberry.type
class AutomationLogQuery:
    """What was published, and what has run."""

    @strawberry.field
    async def automation_vocabulary(self, info: GraphInfo) -> JSON:
        """Every kind of trigger and step, with its JSON Schema."""
        info.context.tx.actor.require("automations:read")
        return cast("Any", described())

    @strawberry.field
    async def automation_versions(self, info: GraphInfo, id: UUID) -> list[AutomationVersion]:
        """What was published of a rule, newest first."""
        return cast("Any", await AutomationService(info.context.tx).versions(id))

    @strawberry.field
    async def automation_runs(
        self,
        info: GraphInfo,
        automation_id: UUID,
        first: int = 50,
        after: str | None = None,
        status: str | None = None,
        record_id: UUID | None = None,
    ) -> AutomationRunPage:
        """The runs of a rule, newest first."""
        limit = page_size(first)
        found = await RunService(info.context.tx).page(
            automation_id, cursor=after, limit=limit, status=status, record_id=record_id
        )
        return cast("Any", found)

    @strawberry.field
    async def automation_run(self, info: GraphInfo, id: UUID) -> AutomationRunLog | None:
        """A run with every step, or null."""
        try:
            return cast("Any", await RunService(info.context.tx).get(id))
        except NotFound:
            return None


@strawberry.type
class AutomationActions:
    """What is done with rules and their runs."""

    @mutation
    async def publish_automation(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Automation:
        """Have the draft run, with the rights of whoever publishes it."""
        service = AutomationService(info.context.tx)
        return await service.publish(id, expected_version=expected_version)

    @mutation
    async def pause_automation(
        self,
        info: GraphInfo,
        id: UUID,
        *,
        cancel_runs: bool = False,
    ) -> Automation:
        """Have a rule begin no more runs; what is under way goes on unless it is to end as well."""
        return await AutomationService(info.context.tx).pause(id, cancel_runs=cancel_runs)

    @mutation
    async def resume_automation(self, info: GraphInfo, id: UUID) -> Automation:
        """Have a paused rule run again, for what happens from then on."""
        return await AutomationService(info.context.tx).resume(id)

    @mutation
    async def test_automation(
        self,
        info: GraphInfo,
        id: UUID,
        record_id: UUID | None = None,
        input: JSON | None = None,
        version: int | None = None,
    ) -> AutomationTrial:
        """See what the draft or a version would do with a sample; nothing of it happens."""
        given = {"record_id": record_id, "input": input, "version": version}
        data = shape_given(AutomationTest, given)
        return cast("Any", await try_out(info.context.tx, id, data))

    @mutation
    async def run_automation(
        self, info: GraphInfo, id: UUID, record_ids: list[UUID] | None = None
    ) -> list[AutomationRun]:
        """Run a rule for some records, with the rights of whoever asks."""
        data = shape_given(AutomationCall, {"record_ids": record_ids or []})
        return cast("Any", await AutomationService(info.context.tx).call(id, data))

    @mutation
    async def rotate_automation_hook(self, info: GraphInfo, id: UUID) -> str:
        """Give a rule another address for calls from outside; its path, shown this once."""
        return (await AutomationService(info.context.tx).rotate_hook(id))["path"]

    @mutation
    async def cancel_automation_run(self, info: GraphInfo, id: UUID) -> AutomationRunLog:
        """End a run; the step that is being taken is the last."""
        return cast("Any", await RunService(info.context.tx).cancel(id))

    @mutation
    async def retry_automation_run(self, info: GraphInfo, id: UUID) -> AutomationRunLog:
        """Have a run that failed go on with the step that did."""
        return cast("Any", await RunService(info.context.tx).retry(id))


QUERIES = (AUTOMATIONS.query(), AutomationLogQuery)
MUTATIONS = (AUTOMATIONS.mutation(), AutomationActions)
