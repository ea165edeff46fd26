"""What resources are busy with elsewhere: the spans that calendar files have told."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict

Span = tuple[datetime, datetime]
_SHOWN = 20
_BETWEEN = """
    SELECT resource_id, starts_at, ends_at FROM busy_spans
    WHERE organization_id = $1 AND resource_id = ANY($2) AND ends_at > $3 AND starts_at < $4
    ORDER BY resource_id, starts_at
"""


async def busy_between(
    tx: Tx, ids: Sequence[UUID], start: datetime, end: datetime
) -> dict[UUID, list[Span]]:
    """When resources are busy elsewhere in a window, in order, whoever asks; not cut to it."""
    found: dict[UUID, list[Span]] = {}
    for row in await tx.fetch(_BETWEEN, tx.organization_id, list(ids), start, end):
        found.setdefault(row["resource_id"], []).append((row["starts_at"], row["ends_at"]))
    return found


async def need_not_busy(tx: Tx, ids: Sequence[UUID], start: datetime, end: datetime) -> None:
    """Raise `Conflict` where resources, which are locked, are busy elsewhere between two instants."""
    found = await busy_between(tx, ids, start, end)
    conflicts = [
        {"resource_id": id, "start": opens, "end": closes}
        for id, spans in found.items()
        for opens, closes in spans
    ]
    if conflicts:
        message = "What is to be booked is busy elsewhere at that time."
        details = {"conflicts": conflicts[:_SHOWN]}
        raise Conflict(message, code="busy_elsewhere", details=details)
