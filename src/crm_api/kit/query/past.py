"""A record as it was: the fold of its events up to a moment."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing

# By the version and not by the time: of two changes that waited for each other, the later one may
# have begun first.
_UP_TO = (
    "SELECT version, occurred_at, data FROM events WHERE organization_id = $1 AND record_id = $2 "
    "AND entity = $3 AND version <= (SELECT max(version) FROM events WHERE organization_id = $1 "
    "AND record_id = $2 AND entity = $3 AND occurred_at <= $4) ORDER BY version"
)

_MANY = (
    "SELECT e.record_id, e.version, e.occurred_at, e.data FROM events e JOIN ("
    "SELECT record_id, max(version) AS version FROM events WHERE organization_id = $1 "
    "AND record_id = ANY($2) AND entity = $3 AND occurred_at <= $4 GROUP BY record_id) AS last "
    "ON last.record_id = e.record_id AND e.version <= last.version "
    "WHERE e.organization_id = $1 AND e.record_id = ANY($2) AND e.entity = $3 ORDER BY e.version"
)


async def values_at(
    tx: Tx, listing: Listing, id: UUID, moment: datetime
) -> Mapping[str, Any] | None:
    """The shown values of a record at a moment, in the bin or not.

    None before its creation, and once it is purged.
    """
    rows = await tx.fetch(_UP_TO, tx.organization_id, id, listing.entity, moment)
    if not rows:
        return None
    values: dict[str, Any] = dict.fromkeys(listing.shown)
    for row in rows:
        values |= decode(row["data"])
    if values["id"] is None:
        # Its events say nothing any more.
        return None
    values |= {"version": rows[-1]["version"], "updated_at": rows[-1]["occurred_at"]}
    for name, known in listing.fields.items():
        if known.kind == "uuid" and values[name] is not None:
            # Related records are looked up by it.
            values[name] = UUID(values[name])
    return values


async def many_values_at(
    tx: Tx, listing: Listing, ids: Sequence[UUID], moment: datetime
) -> dict[UUID, dict[str, Any]]:
    """The same of many records by one statement; those that were not there then are left out."""
    found: dict[UUID, dict[str, Any]] = {}
    own, entity = tx.organization_id, listing.entity
    for row in await tx.fetch(_MANY, own, list(ids), entity, moment) if ids else ():
        values = found.setdefault(row["record_id"], dict.fromkeys(listing.shown))
        values |= decode(row["data"])
        values |= {"version": row["version"], "updated_at": row["occurred_at"]}
    return {id: values for id, values in found.items() if values["id"] is not None}
