"""How imports and their faults are stored and found."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

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
    listing = Listing(model=Import, out=ImportOut, area="imports")

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

    async def faults(self, import_id: UUID, *, after_row: int, limit: int) -> list[Any]:
        """Mistakes in the order of their rows: all those of some rows."""
        return await self.tx.fetch(
            'SELECT row, "column", code, message, value, cells FROM import_faults '
            "WHERE organization_id = $1 AND import_id = $2 AND row IN ("
            "SELECT DISTINCT row FROM import_faults WHERE organization_id = $1 "
            "AND import_id = $2 AND row > $3 ORDER BY row LIMIT $4) ORDER BY row, number",
            self.tx.organization_id,
            import_id,
            after_row,
            limit,
        )

    async def job_status(self, job_id: UUID) -> str | None:
        """How an import's job stands."""
        rows = await self.tx.fetch(
            "SELECT status FROM jobs WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            job_id,
        )
        return rows[0]["status"] if rows else None

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
