"""How imports and their faults are stored and found."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import encode
from crm_api.kit.errors import Erased
from crm_api.kit.query.listing import Listing
from crm_api.platform.transfer.importer import Draft
from crm_api.platform.transfer.models import Import, ImportFault
from crm_api.platform.transfer.schemas import ImportOut

MAX_FAULTS_PER_ROW = 20


class Imports(Repository[Import]):
    """The imports of an organization."""

    model = Import
    listing = Listing(model=Import, out=ImportOut, area="imports")

    async def own_currency(self) -> str:
        """The currency of the organization."""
        sql = "SELECT currency FROM organizations WHERE id = $1"
        return (await self.tx.fetch(sql, self.tx.organization_id))[0]["currency"]

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
            # What the file says of somebody who was erased is not kept here either.
            hidden = any(fault.code == Erased.code for fault in draft.faults)
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
                        "value": None if hidden else fault.value,
                        # They may be long, and are the same for all mistakes of the row.
                        "cells": draft.cells if number == 0 and not hidden else None,
                    },
                )

    async def faults(self, import_id: UUID, *, after_row: int, limit: int) -> list[Any]:
        """Mistakes in the order of their rows: all those of some rows, the first with the cells."""
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

    async def all(self) -> list[Import]:
        """Every import, in the bin too, locked."""
        query = self.select().order_by(Import.id)
        return list((await self.tx.run(query.with_for_update(key_share=True))).scalars())

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

    async def store_undone(
        self, import_id: UUID, *, undone_to: int, undone: Mapping[str, int]
    ) -> None:
        """How far undoing is; without an event, like the progress of a run."""
        await self.tx.write(
            "UPDATE imports SET undone_to = $3, undone = $4 WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            import_id,
            undone_to,
            encode(dict(undone)),
        )

    async def orphans(self, names: Sequence[str]) -> list[str]:
        """Those of some uploaded files that no import has; none of an unknown organization."""
        rows = await self.tx.fetch(
            "SELECT name FROM unnest($2::text[]) AS name WHERE NOT EXISTS ("
            "SELECT FROM imports WHERE organization_id = $1 AND stored_as = name "
            "AND file_removed_at IS NULL) "
            "AND EXISTS (SELECT FROM organizations WHERE id = $1)",
            self.tx.organization_id,
            list(names),
        )
        return [row["name"] for row in rows]
