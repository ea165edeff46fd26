"""Jobs over GraphQL."""

from uuid import UUID

import strawberry

from crm_api.kit.errors import NotFound
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.types import type_from
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
