"""The event feed and the history of single records."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from crm_api.kit.crud.feed import LAST, SELECT_EVENTS, Feed, Position, common, told
from crm_api.kit.crud.sight import Services
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.query.cursor import context_of, seal, unseal

_HISTORY = SELECT_EVENTS + "AND record_id = $2 AND seq < $3 ORDER BY seq DESC LIMIT $4"
_TOPIC = re.compile(r"[a-z0-9_]{1,64}\.([a-z_]{1,40}|\*)")


class HistoryService:
    """What happened, to everything or to one record."""

    def __init__(self, tx: Tx, services: Services) -> None:
        self.tx = tx
        self.events = Feed(tx, services)
        self.sight = self.events.sight

    async def feed(
        self, *, after: str | None, limit: int, types: Sequence[str] = (), filter: Any = None
    ) -> dict[str, Any]:
        """The events that the actor may see, in the order of their commits, none skipped.

        `types` may hold `contact.*`; `filter` is over the records of the events. A stretch that is
        short, even empty, is not the end for somebody who sees little: that is where the cursor
        stays as it is.
        """
        key, context = self.tx.database.signing_key, context_of(self.tx.organization_id, "events")
        self.tx.actor.require("events:read")
        start = unseal(key, context, after, parameter="after") if after else [0, 0]
        passing = self.events.filter_of(filter, types, lax=True) if filter else None
        found = await self.events.stretch(Position(*start), limit, types=types, filter=passing)
        return {
            "data": await self.events.shown(found.rows),
            "next_cursor": seal(key, context, [found.end.tx, found.end.seq]),
        }

    async def of_record(
        self, entity: str, id: UUID, *, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """A record's changes, newest first; raises `NotFound` if there never was such a record."""
        service = self.sight.service(entity)
        self.tx.actor.require(f"{service.area if service else '*'}:read")
        key = self.tx.database.signing_key
        context = context_of(self.tx.organization_id, "history", id)
        before = unseal(key, context, cursor)[0] if cursor else LAST
        rows = await self.tx.fetch(_HISTORY, self.tx.organization_id, id, before, limit + 1)
        unknown = rows[0]["entity"] != entity if rows else cursor is None
        if unknown or (service and not await service.records.sees(id)):
            raise NotFound(f"There is no {entity} with the id {id}.")
        more = len(rows) > limit
        rows = rows[:limit]
        await self.sight.note(map(told, rows))
        return {
            "data": [self._entry(row) for row in rows],
            "next_cursor": seal(key, context, [rows[-1]["seq"]]) if more else None,
        }

    def _entry(self, row: Any) -> dict[str, Any]:
        after = self._fields(row["entity"], row["data"])
        before = self._fields(row["entity"], row["previous"])
        changes = [
            {"field": name, "before": before.get(name), "after": after.get(name)}
            for name in dict.fromkeys([*after, *before])
            if after.get(name) != before.get(name)
        ]
        return {**common(row), "changes": changes}

    def _fields(self, entity: str, data: Any) -> dict[str, Any]:
        """The values of an event field by field, custom ones too."""
        seen = self.sight.values(entity, data)
        values: dict[str, Any] = decode(seen) if isinstance(seen, msgspec.Raw) else seen or {}
        custom: dict[str, Any] = values.pop("custom", None) or {}
        return values | {f"custom.{name}": value for name, value in custom.items()}


def types_of(listed: str | None) -> list[str]:
    """Read `contact.created,deal.*`; raises `Invalid`."""
    found = [part.strip() for part in (listed or "").split(",") if part.strip()]
    for part in found:
        if part != "*" and not _TOPIC.fullmatch(part):
            raise Invalid.parameter("types", "invalid_type", f"Not a topic: {part[:80]!r}.")
    return found
