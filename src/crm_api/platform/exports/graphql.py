"""Exports over GraphQL; the file itself comes over HTTP."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import strawberry

from crm_api.kit.crud.service import CrudService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.exports.schemas import ExportInput, ExportRecord, ModuleExportInput
from crm_api.platform.exports.service import ExportService
from crm_api.platform.exports.sources import Source


@type_from(ExportRecord)
class Export:
    """The rows of a collection as a file."""

    @strawberry.field
    async def status(self, info: GraphInfo, root: strawberry.Parent[Any]) -> str:
        """How it stands: as its job does, then `succeeded` till it is `expired`."""
        service = ExportService(info.context.tx)
        return (await service.statuses([root]))[root.id]

    @strawberry.field
    def download_url(self, info: GraphInfo, root: strawberry.Parent[Any]) -> str | None:
        """Opens the file for an hour without a credential; for its maker and who sees everything."""
        return ExportService(info.context.tx).link(root)


@strawberry.type
class ExportStarted:
    """The job that was asked for."""

    job_id: UUID
    export: Export


ExportArguments = input_from(ExportInput)
ExportQuery = Collection(ExportService, Export).query()


@strawberry.type
class ExportMutation:
    """What may be done to exports."""

    @mutation
    async def delete_export(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> UUID:
        """Put an export in the bin; its links end at once, and its file is removed."""
        await ExportService(info.context.tx).delete(id, expected_version=expected_version)
        return id

    @mutation
    async def export_module(
        self, info: GraphInfo, key: str, format: str = "ndjson", deleted: str | None = None
    ) -> list[ExportStarted]:
        """Have all records of a module written to files, also while it is disabled."""
        data = shape_given(ModuleExportInput, {"format": format, "deleted": deleted})
        return await ExportService(info.context.tx).begin_all(key, data)  # pyright: ignore[reportReturnType]

    @mutation
    async def export_custom_records(
        self,
        info: GraphInfo,
        object: str,
        input: ExportArguments,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ExportStarted:
        """Have the records of a custom object written to a file; takes the scope `objects:export`."""
        tx = info.context.tx
        data = shape_given(ExportInput, input)
        started: Any = await ExportService(tx).begin(tx.catalogue.object(object).key, data)
        return started


def export_mutation(
    services: Iterable[type[CrudService[Any]]], sources: Iterable[Source] = ()
) -> type:
    """`exportContacts(input:)` and the like for every collection, and for these sources."""
    fields = {f"export_{service.plural}": _export_of(service) for service in services}
    fields |= {f"export_{source.route}": _lines_of(source) for source in sources}
    return strawberry.type(type("CollectionExportMutation", (), fields))


def _export_of(service: type[CrudService[Any]]) -> Any:
    entity = service.repository.listing.entity

    async def resolver(info: GraphInfo, input: Any) -> Any:
        data = shape_given(ExportInput, input)
        return await ExportService(info.context.tx).begin(entity, data)

    resolver.__annotations__.update(input=ExportArguments, **{"return": ExportStarted})
    description = f"Have {service.plural} written to a file; takes the scope `export` of them."
    return mutation(resolver, description=description)


def _lines_of(source: Source) -> Any:
    async def resolver(info: GraphInfo, input: Any) -> Any:
        data = shape_given(source.shape, input)
        return await ExportService(info.context.tx).begin_lines(source, data)

    resolver.__annotations__.update(input=input_from(source.shape), **{"return": ExportStarted})
    return mutation(resolver, description=source.description)
