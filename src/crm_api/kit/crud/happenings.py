"""Events of the feed with their records, for whoever makes something of both."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.crud.sight import Services
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.touchpoints import Happened

Record = Mapping[str, Any]


async def records_of(
    tx: Tx, services: Services, entity: str, ids: Iterable[UUID]
) -> dict[UUID, dict[str, Any]]:
    """All columns of some records, in the bin or not; nothing of an entity that is unknown."""
    service = services.get(entity)
    if service is None:
        return {}
    table = service.repository.model.__tablename__
    sql = f"SELECT * FROM {table} WHERE organization_id = $1 AND id = ANY($2)"  # noqa: S608
    rows = await tx.fetch(sql, tx.organization_id, list(ids))
    return {row["id"]: dict(row) for row in rows}


async def happened(
    tx: Tx,
    services: Services,
    rows: Iterable[Any],
    at: Callable[[str, Record], datetime | None] = lambda _topic, _record: None,
) -> list[tuple[Happened, Any]]:
    """Events with their records as they are now; those of destroyed ones are left out.

    `at` is when it was by the topic and the record, where that is not the time of the event.
    """
    rows = list(rows)
    wanted: dict[str, set[UUID]] = defaultdict(set)
    for row in rows:
        wanted[row["entity"]].add(row["record_id"])
    records = {one: await records_of(tx, services, one, ids) for one, ids in wanted.items()}
    found: list[tuple[Happened, Any]] = []
    for row in rows:
        record = records[row["entity"]].get(row["record_id"])
        if record is None:
            continue
        data, previous = decode(row["data"]), decode(row["previous"] or b"{}")
        when = at(row["type"], record) or row["occurred_at"]
        one = Happened(row["id"], row["type"], when, row["record_id"], record, data, previous)
        found.append((one, row))
    return found
