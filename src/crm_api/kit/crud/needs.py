"""Whether records have come to need another one since it was made."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from crm_api.kit.db.references import Reference, references_to
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.targets import target_of

_REFERRING = """
    SELECT 1 FROM {table} r WHERE r.organization_id = $1 AND r.{column} = $2
    AND r.deleted_at IS NULL AND (r.updated_at > $3 OR r.id = ANY($4)) AND r.id <> $5
"""
_RELATED = """
    SELECT 1 FROM custom_values v
    JOIN {table} r ON r.organization_id = $1 AND r.id = v.record_id AND r.deleted_at IS NULL
    WHERE v.organization_id = $1 AND v.reference = $2 AND v.field_id = '{field}'
    AND (r.updated_at > $3 OR r.id = ANY($4)) AND r.id <> $5
"""


async def needed_since(
    tx: Tx,
    listing: Listing,
    id: UUID,
    *,
    at: datetime,
    by: Collection[UUID],
    but: UUID,
    also: Collection[Reference] = (),
    aside: Collection[str] = (),
) -> bool:
    """Whether anything refers to a record that was written after a moment, or is one of `by`.

    The record `but` is not asked, nor are the columns in `aside`, such as `leads.company_id`;
    `also` are those that hold its id without a foreign key.
    """
    asked = [
        _REFERRING.format(table=reference.table, column=reference.column)
        for reference in (*references_to(listing.model), *also)
        if reference.name not in aside
    ]
    for field in tx.catalogue.relations_to(listing.entity):
        target = target_of(field.target)
        assert target is not None
        asked.append(_RELATED.format(table=target.model.__tablename__, field=field.id))
    if not asked:
        return False
    sql = "SELECT " + " OR ".join(f"EXISTS ({one})" for one in asked) + " AS needed"
    (row,) = await tx.fetch(sql, tx.organization_id, id, at, list(by), but)
    return bool(row["needed"])
