"""The event feed and the history of single records."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.query.cursor import context_of, seal, unseal

_EVENT = (
    "SELECT id, type, occurred_at, entity, record_id, version, data, previous, "
    "actor_kind, actor_id, request_id, cause_id, tx, seq FROM events WHERE organization_id = $1 "
)
# A sequence is not in commit order: an event becomes visible after later numbers are read. What
# stands before the oldest running transaction is complete, so the feed ends there.
_FEED = (
    _EVENT + "AND (tx, seq) > ($2, $3) "
    "AND tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint "
    "AND (cardinality($5::text[]) = 0 OR type = ANY($5) OR split_part(type, '.', 1) || '.*' = ANY($5)) "
    # Here and not afterwards, so that a stretch is full whatever is hidden.
    "AND ($6::text[] IS NULL OR entity = ANY($6)) "
    "ORDER BY tx, seq LIMIT $4"
)
_HISTORY = _EVENT + "AND record_id = $2 AND seq < $3 ORDER BY seq DESC LIMIT $4"
_LAST = 2**63 - 1
Services = Mapping[str, type[CrudService[Any]]]
_TOPIC = re.compile(r"[a-z_]{1,40}\.([a-z_]{1,40}|\*)")


class HistoryService:
    """What happened, to everything or to one record.

    `services` are the collections by the word for a record. Whoever may not read a record does not
    see its events either; those of an unknown entity are for whoever may read everything.
    """

    def __init__(self, tx: Tx, services: Services) -> None:
        self.tx = tx
        self.services = services

    async def feed(
        self, *, after: str | None, limit: int, types: Sequence[str] = ()
    ) -> dict[str, Any]:
        """The events that the actor may see, in the order of their commits, none skipped.

        `types` may hold `contact.*`.
        """
        self.tx.actor.require("events:read")
        key, context = self.tx.database.signing_key, context_of(self.tx.organization_id, "events")
        start = unseal(key, context, after, parameter="after") if after else [0, 0]
        wanted = [] if "*" in types else list(types)
        rows = await self.tx.fetch(
            _FEED, self.tx.organization_id, start[0], start[1], limit, wanted, self._readable()
        )
        end = [rows[-1]["tx"], rows[-1]["seq"]] if rows else start
        return {"data": [_event(row) for row in rows], "next_cursor": seal(key, context, end)}

    def _readable(self) -> list[str] | None:
        """The entities whose events the actor may see; None for all."""
        covers = self.tx.actor.covers
        if covers("*:read"):
            return None
        return [entity for entity, s in self.services.items() if covers(f"{s.area}:read")]

    async def of_record(
        self, entity: str, id: UUID, *, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """A record's changes, newest first; raises `NotFound` if there never was such a record."""
        service = self.services.get(entity)
        self.tx.actor.require(f"{service.area if service else '*'}:read")
        key = self.tx.database.signing_key
        context = context_of(self.tx.organization_id, "history", id)
        before = unseal(key, context, cursor)[0] if cursor else _LAST
        rows = await self.tx.fetch(_HISTORY, self.tx.organization_id, id, before, limit + 1)
        unknown = rows[0]["entity"] != entity if rows else cursor is None
        if unknown or (service and not await service(self.tx).records.sees(id)):
            raise NotFound(f"There is no {entity} with the id {id}.")
        more = len(rows) > limit
        rows = rows[:limit]
        return {
            "data": [_entry(row) for row in rows],
            "next_cursor": seal(key, context, [rows[-1]["seq"]]) if more else None,
        }


def types_of(listed: str | None) -> list[str]:
    """Read `contact.created,deal.*`; raises `Invalid`."""
    found = [part.strip() for part in (listed or "").split(",") if part.strip()]
    for part in found:
        if part != "*" and not _TOPIC.fullmatch(part):
            raise Invalid.parameter("types", "invalid_type", f"Not a topic: {part[:80]!r}.")
    return found


def _common(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "type": row["type"],
        "occurred_at": row["occurred_at"],
        "version": row["version"],
        "actor": {"kind": row["actor_kind"], "id": row["actor_id"]},
        "request_id": row["request_id"],
        "cause_id": row["cause_id"],
    }


def _event(row: Any) -> dict[str, Any]:
    return {
        **_common(row),
        "entity": row["entity"],
        "record_id": row["record_id"],
        "data": row["data"],
        "previous": row["previous"],
    }


def _entry(row: Any) -> dict[str, Any]:
    after: dict[str, Any] = decode(row["data"])
    before: dict[str, Any] = decode(row["previous"]) if row["previous"] is not None else {}
    changes = [
        {"field": name, "before": before.get(name), "after": value}
        for name, value in after.items()
        if value != before.get(name)
    ]
    return {**_common(row), "changes": changes}
