"""Packs over GraphQL."""

from uuid import UUID

import strawberry

from crm_api.kit.errors import NotFound
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.types import type_from
from crm_api.platform.packs.schemas import PackApplicationOut, PackOut
from crm_api.platform.packs.schemas import PackApplied as PackAppliedShape
from crm_api.platform.packs.schemas import PackRolledBack as PackRolledBackShape
from crm_api.platform.packs.service import PackService


@type_from(PackOut)
class Pack:
    """A preset."""


@type_from(PackApplicationOut)
class PackApplication:
    """That a pack was applied."""


@type_from(PackAppliedShape)
class PackApplied:
    """What applying a pack did."""


@type_from(PackRolledBackShape)
class PackRolledBack:
    """What taking a pack back did."""


@strawberry.type
class PackQuery:
    """Presets."""

    @strawberry.field
    async def packs(self, info: GraphInfo) -> list[Pack]:
        """All packs."""
        return await PackService(info.context.tx).all()  # pyright: ignore[reportReturnType]

    @strawberry.field
    async def pack(self, info: GraphInfo, key: str) -> Pack | None:
        """One pack, or null."""
        try:
            return await PackService(info.context.tx).one(key)  # pyright: ignore[reportReturnType]
        except NotFound:
            return None


@strawberry.type
class PackMutation:
    """What may be done with packs."""

    @mutation
    async def apply_pack(self, info: GraphInfo, key: str) -> PackApplied:
        """Switch modules and create what is missing."""
        return await PackService(info.context.tx).set_up(key)  # pyright: ignore[reportReturnType]

    @mutation
    async def roll_back_pack(
        self, info: GraphInfo, application_id: UUID, *, force: bool = False
    ) -> PackRolledBack:
        """Put back exactly what an application changed."""
        return await PackService(info.context.tx).roll_back(  # pyright: ignore[reportReturnType]
            application_id, force=force
        )


QUERIES = (PackQuery, Collection(PackService, PackApplication).query())
