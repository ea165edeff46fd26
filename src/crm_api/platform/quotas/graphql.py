"""Quotas over GraphQL."""

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.types import type_from
from crm_api.platform.quotas.schemas import CountedOut, RateOut, UsageOut, UsedOut
from crm_api.platform.quotas.service import UsageService


@type_from(RateOut)
class Rate:
    """A rate, and what is left of it."""


@type_from(UsedOut)
class Used:
    """How much of something there is."""


@type_from(CountedOut)
class Counted:
    """How much of something there is, where it is counted."""


@type_from(UsageOut)
class Usage:
    """What the organization may use, and what it does."""


@strawberry.type
class UsageQuery:
    """Quotas."""

    @strawberry.field
    async def usage(self, info: GraphInfo) -> Usage:
        """What may be used, and what is; rates stand in the headers of the answer as well."""
        tx = info.context.tx
        return await UsageService(tx).usage(getattr(tx, "account", None))  # pyright: ignore[reportReturnType]
