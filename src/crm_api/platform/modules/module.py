"""The switches as a part of the product."""

from collections.abc import Iterable

from crm_api.kit.access import Managed
from crm_api.kit.module import Faces, Module, lay_out
from crm_api.platform.modules.applying import ModuleApplier
from crm_api.platform.modules.service import AREA, VERBS, ModuleService


def _faces() -> Faces:
    from crm_api.platform.modules.graphql import ModuleMutation, ModuleQuery
    from crm_api.platform.modules.rest import router

    return Faces(
        routers=[router],
        queries=[ModuleQuery],
        mutations=[ModuleMutation],
    )


MODULE = Module(
    key="modules",
    title="Modules",
    description="Which parts of the product the organization has on.",
    switchable=False,
    managed={AREA: Managed("manage_settings", secret=True)},
    areas=[AREA],
    faces=_faces,
    tags={"modules": "The parts of the product, which can be switched off."},
    appliers=[ModuleApplier()],
    events=[f"module.{verb}" for verb in VERBS.values()],
)


def switch_all(modules: Iterable[Module]) -> tuple[Module, ...]:
    """Have these modules be what organizations switch; returns them."""
    known = tuple(modules)
    ModuleService.modules = {module.key: module for module in known}
    lay_out(known)
    return known
