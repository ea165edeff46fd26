"""What a merge reads, locks and moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.service import CrudService
from crm_api.kit.custom.fields import CustomField
from crm_api.kit.db.base import Entity
from crm_api.kit.db.json import decode
from crm_api.kit.db.references import Reference
from crm_api.kit.db.tables import RecordKey, RecordRedirect
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import About, Listing
from crm_api.platform.merging.models import Merge
from crm_api.platform.merging.schemas import MergeOut

AT_ONCE = 5_000
"""References that are moved by one statement, so that each stays within its time."""
CUSTOM_AT_ONCE = 500
"""Records whose relation fields are moved before the next are looked up."""

_PLACE = "hashtextextended('merges:' || $1::text, 0)"
_MOVE = """
    UPDATE {table} SET {column} = $3, version = version + 1, updated_at = $4, updated_by = $5
    WHERE organization_id = $1 AND id IN (
        SELECT id FROM {table} WHERE organization_id = $1 AND {column} = $2
        AND NOT id = ANY($6) AND ($7::uuid[] IS NULL OR id = ANY($7))
        ORDER BY id LIMIT {most} FOR UPDATE)
    RETURNING id, version
"""
_REFERRING = f"""
    SELECT DISTINCT record_id FROM custom_values WHERE organization_id = $1 AND field_id = $2
        AND reference = ANY($3) AND NOT record_id = ANY($4)
    ORDER BY record_id LIMIT {CUSTOM_AT_ONCE}
"""  # noqa: S608
_CAUSED = """
    SELECT type, entity, data, previous, array_agg(record_id ORDER BY seq DESC) AS ids
    FROM events WHERE organization_id = $1 AND cause_id = $2 AND previous IS NOT NULL
    GROUP BY type, entity, data, previous ORDER BY max(seq) DESC
"""
MERGED: list[Listing] = []
"""What is merged; filled in when the module is made."""
LISTING: Listing = Listing(
    model=Merge,
    out=MergeOut,
    area="merges",
    about=About("target", ("winner_id",), lambda: MERGED, tells=False),
)


@dataclass(frozen=True)
class Caused:
    """Equal changes that a merge made of some records of one kind."""

    type: str
    entity: str
    data: dict[str, Any]
    previous: dict[str, Any]
    ids: list[UUID]


class Merges(Repository[Merge]):
    """The merges of an organization."""

    model = Merge
    listing = LISTING

    async def lock(self) -> None:
        """Let one merge happen at a time in an organization."""
        await self.tx.write(f"SELECT pg_advisory_xact_lock({_PLACE})", str(self.tx.organization_id))

    async def records(
        self,
        service: CrudService[Any],
        ids: Sequence[UUID],
        *,
        deleted: bool = False,
        everywhere: bool = False,
    ) -> dict[UUID, Any]:
        """Records as they are now, locked so that nobody can even begin to refer to them."""
        found = await service.records.sealed(ids, deleted=deleted, everywhere=everywhere)
        return {record.id: record for record in found}

    async def move(
        self,
        reference: Reference,
        source: UUID,
        target: UUID,
        *,
        but: Sequence[UUID] = (),
        only: Sequence[UUID] | None = None,
    ) -> int:
        """Have what refers to one record refer to another one, with an event for each."""
        sql = _MOVE.format(table=reference.table, column=reference.column, most=AT_ONCE)
        tx, moved = self.tx, 0
        while True:
            rows = await tx.write(
                sql, tx.organization_id, source, target, tx.now, tx.actor.id, list(but), only
            )
            for row in rows:
                tx.record(
                    f"{reference.entity}.updated",
                    entity=reference.entity,
                    record_id=row["id"],
                    version=row["version"],
                    data={reference.column: target},
                    previous={reference.column: source},
                )
            tx.forget({row["id"] for row in rows})
            moved += len(rows)
            if len(rows) < AT_ONCE:
                return moved

    async def referring(
        self, field: CustomField, ids: Sequence[UUID], *, but: Sequence[UUID]
    ) -> list[UUID]:
        """The next records whose relation field leads to one of these."""
        rows = await self.tx.fetch(
            _REFERRING,
            self.tx.organization_id,
            field.id,
            list(ids),
            list(but),
        )
        return [row["record_id"] for row in rows]

    def redirect(self, record: Entity, target: UUID) -> None:
        """Have an id lead to another record."""
        values = {
            "record_id": record.id,
            "entity": record.entity,
            "target_id": target,
            "merged_at": self.tx.now,
        }
        self.tx.insert(RecordRedirect, values)

    async def end_redirects(self, ids: Sequence[UUID]) -> None:
        """Have some ids stand for themselves again."""
        await self.tx.write(
            "DELETE FROM record_redirects WHERE organization_id = $1 AND record_id = ANY($2)",
            self.tx.organization_id,
            list(ids),
        )

    def hold_key(self, record: Entity, value: str) -> None:
        """Have a record be found by an external id that is not among its own."""
        key = {"kind": "external", "value": value, "record_id": record.id}
        self.tx.insert(RecordKey, {"entity": record.entity, **key})

    async def drop_keys(self, record: Entity, values: Sequence[str]) -> None:
        """Have a record not be found by these external ids any more."""
        await self.tx.write(
            "DELETE FROM record_keys WHERE organization_id = $1 AND entity = $2 "
            "AND kind = 'external' AND value = ANY($3) AND record_id = $4",
            self.tx.organization_id,
            record.entity,
            list(values),
            record.id,
        )

    async def caused(self, merge_id: UUID) -> list[Caused]:
        """What a merge changed, the last thing first; what was only told is no change."""
        rows = await self.tx.fetch(_CAUSED, self.tx.organization_id, merge_id)
        return [
            Caused(
                row["type"],
                row["entity"],
                decode(row["data"]),
                decode(row["previous"]),
                row["ids"],
            )
            for row in rows
        ]


async def hold_merges(tx: Tx) -> None:
    """Have nothing be merged or taken apart from now to the end of the transaction.

    Whoever holds it locks records after that alone: a merge does so as well.
    """
    await tx.write(f"SELECT pg_advisory_xact_lock_shared({_PLACE})", str(tx.organization_id))


async def merges_held(tx: Tx) -> bool:
    """The same without waiting: whether nothing is being merged or taken apart."""
    asked = f"SELECT pg_try_advisory_xact_lock_shared({_PLACE}) AS held"
    rows = await tx.write(asked, str(tx.organization_id))
    return rows[0]["held"]
