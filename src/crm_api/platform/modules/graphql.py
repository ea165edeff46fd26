"""The switches over GraphQL."""

import strawberry

from crm_api.kit.errors import NotFound
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.types import type_from
from crm_api.platform.modules.schemas import ModuleOut
from crm_api.platform.modules.schemas import ModuleSwitched as ModuleSwitchedShape
from crm_api.platform.modules.service import ModuleService


@type_from(ModuleOut)
class Module:
    """A part of the product."""


@type_from(ModuleSwitchedShape)
class ModuleSwitched:
    """What a switch did."""


@strawberry.type
class ModuleQuery:
    """The parts of the product."""

    @strawberry.field
    async def modules(self, info: GraphInfo) -> list[Module]:
        """All parts of the product, lower first."""
        return (await ModuleService(info.context.tx).all())["data"]

    @strawberry.field
    async def module(self, info: GraphInfo, key: str) -> Module | None:
        """One part of the product, or null."""
        try:
            return await ModuleService(info.context.tx).get(key)  # pyright: ignore[reportReturnType]
        except NotFound:
            return None


@strawberry.type
class ModuleMutation:
    """Switching parts of the product on and off."""

    @mutation
    async def enable_module(
        self, info: GraphInfo, key: str, *, cascade: bool = False
    ) -> ModuleSwitched:
        """Enable a module; everything is as it was."""
        return await ModuleService(info.context.tx).switch(  # pyright: ignore[reportReturnType]
            key, "enabled", cascade=cascade
        )

    @mutation
    async def disable_module(
        self, info: GraphInfo, key: str, *, cascade: bool = False
    ) -> ModuleSwitched:
        """Disable a module; its data is kept."""
        return await ModuleService(info.context.tx).switch(  # pyright: ignore[reportReturnType]
            key, "disabled", cascade=cascade
        )

    @mutation
    async def make_module_read_only(
        self, info: GraphInfo, key: str, *, cascade: bool = False
    ) -> ModuleSwitched:
        """Show a module, and let nothing of it change."""
        return await ModuleService(info.context.tx).switch(  # pyright: ignore[reportReturnType]
            key, "read_only", cascade=cascade
        )
