"""Destroying records for good, with their parts and with what is written about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_api.kit.db.references import references_to
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.targets import target_of

_SHOWN_IDS = 10
_MERGED = """
    WITH RECURSIVE path AS (
        SELECT record_id FROM record_redirects
        WHERE organization_id = $1 AND entity = $2 AND target_id = $3
        UNION SELECT r.record_id FROM record_redirects r JOIN path
        ON r.organization_id = $1 AND r.target_id = path.record_id)
    SELECT record_id FROM path
"""
_REFERRING = """
    SELECT count(*) AS number, (array_agg(id ORDER BY id))[:{most}] AS ids FROM {table}
    WHERE organization_id = $1 AND {column} = ANY($2) AND NOT id = ANY($3)
"""
# The index forgets records in the bin, which would come back with what they refer to.
_RELATED = """
    SELECT count(*) AS number, (array_agg(id ORDER BY id))[:{most}] AS ids FROM (
        SELECT record_id AS id FROM custom_values
        WHERE organization_id = $1 AND field_id = $3 AND reference = ANY($2)
        UNION SELECT id FROM {table} WHERE organization_id = $1 AND deleted_at IS NOT NULL
        AND custom ->> $4 = ANY($2::uuid[]::text[])) AS r
    WHERE NOT id = ANY($5)
"""
_PARTS = "SELECT id FROM {table} WHERE organization_id = $1 AND {column} = ANY($2) FOR UPDATE"
_DELETE = "DELETE FROM {table} WHERE organization_id = $1 AND id = ANY($2) RETURNING id, version"
_ABOUT = (
    "DELETE FROM record_keys WHERE organization_id = $1 AND record_id = ANY($2)",
    "DELETE FROM search_documents WHERE organization_id = $1 AND record_id = ANY($2)",
    "DELETE FROM search_words WHERE organization_id = $1 AND record_id = ANY($2)",
    "DELETE FROM custom_values WHERE organization_id = $1 AND record_id = ANY($2)",
    "DELETE FROM record_access WHERE organization_id = $1 AND record_id = ANY($2)",
)
_REDIRECTS = "DELETE FROM record_redirects WHERE organization_id = $1 AND target_id = ANY($2)"


@dataclass(frozen=True, slots=True)
class _Doomed:
    """Records of one kind that go."""

    listing: Listing
    ids: list[UUID]


class Purge:
    """One destruction: what goes with a record, what stands in the way, what is left of it."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._tx = service.tx

    async def run(self, id: UUID, expected_version: int | None) -> None:
        """Destroy a record; raises `Blocked`, which names what refers to it."""
        service, tx = self._service, self._tx
        current = await service.locked(id, expected_version, deleted=True, action="delete")
        ids = [id, *await merged_into(tx, service.records.listing.entity, id)]
        await service.records.sealed(ids, deleted=True, everywhere=True)
        await service.check_purge(current)
        for keeper in service.keepers:
            await keeper.release(tx, service.records.listing.entity, ids)
        doomed = await self._with_parts(service.records.listing, ids)
        await self._refuse_if_needed(doomed)
        if current.deleted_at is None:
            # By the rules of its collection, for what follows from it.
            await service.delete(id)
        tx.stale |= service.stale
        for group in doomed:
            await self._destroy(group)
        for told in service.purged:
            for group in doomed:
                await told(tx, group.listing.entity, group.ids)
        await tx.write(_REDIRECTS, tx.organization_id, ids)
        await empty_events(tx, [id for group in doomed for id in group.ids])

    async def _with_parts(self, listing: Listing, ids: list[UUID]) -> list[_Doomed]:
        """Some records and their parts, the parts of parts first."""
        found: list[_Doomed] = []
        for relation in listing.relations:
            if relation.part:
                target = relation.target()
                table, column = target.model.__tablename__, relation.remote.key
                sql = _PARTS.format(table=table, column=column)
                rows = await self._tx.write(sql, self._tx.organization_id, ids)
                parts = [row["id"] for row in rows]
                found += await self._with_parts(target, parts) if parts else []
        return [*found, _Doomed(listing, ids)]

    async def _refuse_if_needed(self, doomed: Sequence[_Doomed]) -> None:
        go: dict[str, list[UUID]] = {}
        for group in doomed:
            go.setdefault(group.listing.entity, []).extend(group.ids)
        standing = [found for group in doomed for found in await self._referring(group, go)]
        if standing:
            names = ", ".join(found["reference"] for found in standing)
            raise Blocked(
                f"Other records, perhaps in the bin, still refer to this one: {names}.",
                code="still_referred_to",
                details={"references": standing},
            )

    async def _referring(
        self, group: _Doomed, go: Mapping[str, list[UUID]]
    ) -> list[dict[str, Any]]:
        """What refers to some records, by columns and by custom fields, and does not go too."""
        tx, own = self._tx, self._tx.organization_id
        found: list[tuple[str, Any]] = []
        for reference in references_to(group.listing.model):
            sql = _REFERRING.format(table=reference.table, column=reference.column, most=_SHOWN_IDS)
            rows = await tx.fetch(sql, own, group.ids, go.get(reference.entity, []))
            found.append((reference.name, rows[0]))
        for field in tx.catalogue.relations_to(group.listing.entity):
            target, but = target_of(field.target), go.get(field.target, [])
            assert target is not None
            table = target.model.__tablename__
            sql = _RELATED.format(table=table, most=_SHOWN_IDS)
            rows = await tx.fetch(sql, own, group.ids, field.id, field.name, but)
            found.append((f"{table}.custom.{field.name}", rows[0]))
        access = tx.actor.access
        # Whoever may not see them learns that there are some.
        told = access is None or access.full
        return [
            {"reference": name, "count": row["number"], "ids": row["ids"] if told else []}
            for name, row in found
            if row["number"]
        ]

    async def _destroy(self, group: _Doomed) -> None:
        await destroy(self._tx, group.listing, group.ids)


async def merged_into(tx: Tx, entity: str, id: UUID) -> list[UUID]:
    """The records that a record has taken in, by whatever ways."""
    rows = await tx.fetch(_MERGED, tx.organization_id, entity, id)
    return [row["record_id"] for row in rows]


async def unindex(tx: Tx, ids: Sequence[UUID]) -> None:
    """Take away whatever records are found by."""
    for about in _ABOUT:
        await tx.write(about, tx.organization_id, ids)


async def empty_events(tx: Tx, ids: Sequence[UUID]) -> None:
    """Have the events of records say that something happened, and nothing of what (ADR-0017).

    Last in its transaction, since it holds the chain of seals up to the commit (ADR-0028).
    """
    if ids:
        await tx.write("SELECT crm_erase($1)", ids)


async def destroy(tx: Tx, listing: Listing, ids: Sequence[UUID]) -> None:
    """Destroy records of one kind, up to what events say of them."""
    sql = _DELETE.format(table=listing.model.__tablename__)
    gone = await tx.write(sql, tx.organization_id, ids)
    await unindex(tx, ids)
    entity = listing.entity
    for row in gone:
        version = row["version"] + 1
        tx.record(f"{entity}.purged", entity=entity, record_id=row["id"], version=version, data={})
    tx.forget(set(ids))
