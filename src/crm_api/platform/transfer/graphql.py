"""Imports over GraphQL; the file itself is sent over REST."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from crm_api.kit.db.json import parsed
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.types import type_from
from crm_api.platform.transfer.schemas import ImportOut, ImportUpdate
from crm_api.platform.transfer.service import ImportService, target_fields


@type_from(ImportOut)
class Import:
    """A file of records, and how far it has got."""


@strawberry.type
class ImportStarted:
    """The job that was asked for."""

    job_id: UUID
    record: Import = strawberry.field(name="import")


@strawberry.input
class ImportInput:
    """Another mapping (fields by column) or other options."""

    mapping: JSON | None = strawberry.UNSET
    options: JSON | None = strawberry.UNSET


@strawberry.type
class ImportField:
    """What a column may be mapped to."""

    field: str
    label: str
    kind: str
    multiple: bool


@strawberry.type
class ImportFault:
    """A mistake of a row."""

    row: int
    column: str | None
    code: str
    message: str
    value: str | None
    cells: list[str | None] | None = strawberry.field(
        description="The row itself, with its first mistake."
    )


@strawberry.type
class ImportFaults:
    """Mistakes in the order of the rows."""

    nodes: list[ImportFault]
    after: int | None = strawberry.field(description="For the next ones; null at the end.")


ImportQuery = Collection(ImportService, Import).query()


@strawberry.type
class ImportReading:
    """What imports read, and what was wrong with it."""

    @strawberry.field
    async def import_fields(self, info: GraphInfo, entity: str) -> list[ImportField]:
        """The fields of a target, custom ones among them."""
        service = ImportService(info.context.tx)
        fields = target_fields(await service.hints_of(service.importer_of(entity)))["data"]
        return [ImportField(**field) for field in fields]

    @strawberry.field
    async def import_errors(
        self, info: GraphInfo, id: UUID, first: int = 50, after: int = 0
    ) -> ImportFaults:
        """The mistakes of the rows after one; those of a row come together."""
        service = ImportService(info.context.tx)
        found = await service.faults_after(id, after, page_size(first))
        nodes = [
            ImportFault(
                **{name: row[name] for name in ("row", "column", "code", "message", "value")},
                cells=None if row["cells"] is None else parsed(row["cells"]),
            )
            for row in found
        ]
        return ImportFaults(nodes=nodes, after=nodes[-1].row if nodes else None)


def _started(found: dict[str, Any]) -> Any:
    return {"job_id": found["job_id"], "record": found["import"]}


@strawberry.type
class ImportMutation:
    """What may be done to imports."""

    @mutation
    async def update_import(
        self, info: GraphInfo, id: UUID, input: ImportInput, expected_version: int | None = None
    ) -> Import:
        """Correct the mapping or the options, before the start."""
        data = shape_given(ImportUpdate, input)
        service = ImportService(info.context.tx)
        return await service.adjust(id, data, expected_version=expected_version)

    @mutation
    async def delete_import(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> UUID:
        """Put an import in the bin; its records stay, the uploaded file does not."""
        await ImportService(info.context.tx).delete(id, expected_version=expected_version)
        return id

    @mutation
    async def restore_import(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Import:
        """Take an import out of the bin, to look at it or to undo it; its file is gone."""
        service = ImportService(info.context.tx)
        return await service.restore(id, expected_version=expected_version)

    @mutation
    async def validate_import(self, info: GraphInfo, id: UUID) -> ImportStarted:
        """Count what a run would do."""
        return _started(await ImportService(info.context.tx).validate(id))

    @mutation
    async def start_import(self, info: GraphInfo, id: UUID) -> ImportStarted:
        """Commit the rows, or those that are left."""
        return _started(await ImportService(info.context.tx).start(id))

    @mutation
    async def revert_import(self, info: GraphInfo, id: UUID) -> ImportStarted:
        """Undo an import."""
        return _started(await ImportService(info.context.tx).revert(id))
