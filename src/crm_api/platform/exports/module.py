"""Exports as a part of the product."""

from collections.abc import Iterable, Sequence
from typing import Any

from crm_api.kit.crud.personal import Copies, Trace
from crm_api.kit.crud.service import CrudService
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.platform.exports.downloads import remove_files
from crm_api.platform.exports.jobs import remove_export, run_export
from crm_api.platform.exports.service import ExportService, erase_from_exports
from crm_api.platform.exports.sources import Source


def exports_module(
    services: Iterable[type[CrudService[Any]]],
    objects: type[CrudService[Any]],
    sources: Sequence[Source],
) -> Module:
    """Exports of these collections, of the records of custom objects, and of these sources."""
    known = [service for service in services if service.plain]
    ExportService.areas = {s.repository.listing.entity: s.area for s in known}
    ExportService.sources = {source.target: source for source in sources}

    def faces() -> Faces:
        from crm_api.platform.exports.graphql import ExportMutation, ExportQuery, export_mutation
        from crm_api.platform.exports.rest import (
            export_routes,
            modules,
            public,
            router,
            source_routes,
        )

        return Faces(
            routers=[
                router,
                public,
                modules,
                export_routes([*known, objects]),
                source_routes(sources),
            ],
            queries=[ExportQuery],
            mutations=[ExportMutation, export_mutation(known, sources)],
        )

    return Module(
        key="exports",
        title="Exports",
        description="Collections as files: whoever brings data here can take it away.",
        switchable=False,
        faces=faces,
        jobs=[run_export, remove_export],
        chores=[Chore("exports.remove_files", remove_files)],
        services=[ExportService],
        events=["export.completed", "export.emptied"],
        traces=[
            Trace("exports", ("exports",), erase_from_exports, Copies("Files with the records."))
        ],
    )
