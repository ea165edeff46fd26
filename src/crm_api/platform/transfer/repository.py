"""How imports and their faults are stored and found."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import select

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import encode
from crm_api.kit.query.listing import Listing
from crm_api.platform.transfer.importer import Draft
from crm_api.platform.transfer.models import Import, ImportFault
from crm_api.platform.transfer.schemas import ImportOut

MAX_FAULTS_PER_ROW = 20


class Imports(Repository[Import]):
    """The imports of an organization."""

    model = Import
    listing = Listing(model=Import, out=ImportOut)

    async def forget_faults(self, import_id: UUID) -> None:
        """Begin a new list of mistakes."""
        await self.tx.write(
            "DELETE FROM import_faults WHERE organization_id = $1 AND import_id = $2",
            self.tx.organization_id,
            import_id,
        )

    def add_faults(self, import_id: UUID, drafts: Iterable[Draft]) -> None:
        """Store the mistakes of some rows."""
        for draft in drafts:
            for number, fault in enumerate(draft.faults[:MAX_FAULTS_PER_ROW]):
                self.tx.insert(
                    ImportFault,
                    {
                        "import_id": import_id,
                        "row": draft.number,
                        "number": number,
                        "column": fault.column,
                        "code": fault.code,
                        "message": fault.message,
                        "value": fault.value,
                        "cells": draft.cells,
                    },
                )

    async def faults(self, import_id: UUID, *, after_row: int, limit: int) -> list[ImportFault]:
        """Mistakes in the order of their rows, whole rows only."""
        query = (
            select(ImportFault)
            .where(
                ImportFault.organization_id == self.tx.organization_id,
                ImportFault.import_id == import_id,
                ImportFault.row > after_row,
            )
            .order_by(ImportFault.row, ImportFault.number)
            .limit(limit)
        )
        return list((await self.tx.run(query)).scalars())

    async def store_progress(
        self, import_id: UUID, *, position: int, counts: Mapping[str, int]
    ) -> None:
        """How far a run is; without an event, because it is no change of the import itself."""
        await self.tx.write(
            "UPDATE imports SET position = $3, counts = $4 WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            import_id,
            position,
            encode(dict(counts)),
        )

    async def touched(
        self, import_id: UUID, *, before_seq: int, limit: int
    ) -> list[tuple[UUID, str, int]]:
        """Records that the import made or changed, the last one first, with their last event."""
        rows = await self.tx.fetch(
            "SELECT record_id, entity, max(seq) AS seq FROM events "
            "WHERE organization_id = $1 AND cause_id = $2 GROUP BY record_id, entity "
            "HAVING max(seq) < $3 ORDER BY max(seq) DESC LIMIT $4",
            self.tx.organization_id,
            import_id,
            before_seq,
            limit,
        )
        return [(row["record_id"], row["entity"], row["seq"]) for row in rows]
