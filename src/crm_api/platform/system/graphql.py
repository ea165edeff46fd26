"""The status over GraphQL."""

from collections.abc import Sequence

import strawberry
from pydantic import BaseModel

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.types import output_type
from crm_api.kit.standing import Standing
from crm_api.platform.system.service import status_of


def status_query(shape: type[BaseModel], standings: Sequence[Standing]) -> type:
    """`systemStatus`."""
    status = output_type(shape)

    @strawberry.type
    class SystemQuery:
        """How everything fares."""

        @strawberry.field
        async def system_status(self, info: GraphInfo) -> status:  # pyright: ignore[reportInvalidTypeForm]
            """How far queues and webhooks are behind, and what has failed."""
            return await status_of(info.context.tx, standings)

    return SystemQuery
