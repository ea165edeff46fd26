"""Exports as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Module
from crm_api.platform.exports.downloads import remove_files
from crm_api.platform.exports.graphql import ExportMutation, ExportQuery, export_mutation
from crm_api.platform.exports.jobs import remove_export, run_export
from crm_api.platform.exports.rest import export_routes, public, router
from crm_api.platform.exports.service import ExportService


def exports_module(services: Iterable[type[CrudService[Any]]]) -> Module:
    """Exports of these collections."""
    known = [service for service in services if service.plain]
    ExportService.targets = {service.repository.listing.entity: service for service in known}
    return Module(
        name="exports",
        routers=[router, public, export_routes(known)],
        queries=[ExportQuery],
        mutations=[ExportMutation, export_mutation(known)],
        jobs=[run_export, remove_export],
        chores=[Chore("exports.remove_files", remove_files)],
        services=[ExportService],
        events=["export.completed"],
    )
