"""Jobs over GraphQL."""

from collections.abc import AsyncGenerator
from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.kit.errors import NotFound, Unauthenticated
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.types import type_from
from crm_api.kit.live import Ended
from crm_api.platform.jobs.live import progress
from crm_api.platform.jobs.schemas import JobOut
from crm_api.platform.jobs.schemas import JobPage as JobPageShape
from crm_api.platform.jobs.service import JobService


@type_from(JobOut)
class Job:
    """Work in the background."""


@type_from(JobPageShape)
class JobPage:
    """A page of jobs."""


@strawberry.type
class JobQuery:
    """Work in the background."""

    @strawberry.field
    async def job(self, info: GraphInfo, id: UUID) -> Job | None:
        """One job, or null."""
        try:
            return await JobService(info.context.tx).get(id)  # pyright: ignore[reportReturnType]
        except NotFound:
            return None

    @strawberry.field
    async def jobs(
        self,
        info: GraphInfo,
        first: int = 50,
        after: str | None = None,
        status: str | None = None,
    ) -> JobPage:
        """Jobs, newest first."""
        return await JobService(info.context.tx).page(  # pyright: ignore[reportReturnType]
            cursor=after, limit=page_size(first), status=status
        )


@strawberry.type
class JobMutation:
    """What may be done to jobs."""

    @mutation
    async def cancel_job(self, info: GraphInfo, id: UUID) -> Job:
        """End a job."""
        return await JobService(info.context.tx).cancel(id)  # pyright: ignore[reportReturnType]

    @mutation
    async def retry_job(self, info: GraphInfo, id: UUID) -> Job:
        """Try a failed job again."""
        return await JobService(info.context.tx).retry(id)  # pyright: ignore[reportReturnType]


@strawberry.type
class JobSubscription:
    """How far work in the background is."""

    @strawberry.subscription
    async def job_progress(self, info: GraphInfo, id: UUID) -> AsyncGenerator[Job, None]:
        """A job at first and whenever it changes, until it has ended."""
        live, tx = info.context.live, info.context.tx
        assert live is not None
        await JobService(tx).get(id)
        try:
            async for state in progress(live, tx.organization_id, id):
                if state is not None:
                    yield cast("Any", state)
        except Ended as end:
            raise Unauthenticated(str(end), code=end.code) from None
