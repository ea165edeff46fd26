"""Packs as a part of the product."""

from collections.abc import Iterable

from crm_api.kit.access import Managed
from crm_api.kit.module import Faces, Module
from crm_api.platform.packs.reading import read_packs
from crm_api.platform.packs.service import PackService


def packs_module(modules: Iterable[Module]) -> Module:
    """Packs whose sections these modules carry out, in their order."""
    appliers = (applier for module in modules for applier in module.appliers)
    PackService.appliers = {applier.section: applier for applier in appliers}
    PackService.packs = read_packs()

    def faces() -> Faces:
        from crm_api.platform.packs.graphql import QUERIES, PackMutation
        from crm_api.platform.packs.rest import applications, packs

        return Faces(
            routers=[packs, applications],
            queries=QUERIES,
            mutations=[PackMutation],
        )

    return Module(
        key="packs",
        title="Packs",
        description="Presets that set up an organization, and can be taken back.",
        switchable=False,
        faces=faces,
        tags={"packs": "Presets for industries and sizes."},
        managed={"packs": Managed("manage_settings")},
        services=[PackService],
        events=["pack_application.rolled_back"],
    )
