"""A recorder of what is really sent to PostgreSQL."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import event

from crm_api.kit.db.database import Database

# What a connection needs now and then, whatever the request is.
_OVERHEAD = re.compile(
    r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|START TRANSACTION|SELECT\s+set_config|"
    r"SELECT .* FROM crm_authenticate|SELECT coalesce\(o\.time_zone, .* JOIN organization_states|SELECT requests_per_minute|SET TRANSACTION)|\s*WITH RECURSIVE typeinfo|\s*SELECT\s+current_setting",
    re.IGNORECASE | re.DOTALL,
)


class Statements:
    """The statements of a block, without those that any request may need."""

    def __init__(self) -> None:
        self.all: list[str] = []

    @property
    def work(self) -> list[str]:
        """Without transaction control, tenant binding and look-ups of credentials."""
        return [sql for sql in self.all if not _OVERHEAD.match(sql)]

    def __repr__(self) -> str:
        return "\n".join(sql[:200] for sql in self.work)

    def __len__(self) -> int:
        return len(self.work)


class Recorder:
    """Listens to every connection of a pool."""

    def __init__(self, database: Database) -> None:
        self._open: list[Statements] = []
        event.listen(database.engine.sync_engine, "connect", self._connected)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Statements]:
        found = Statements()
        # The driver reports a statement only when the event loop comes round.
        await asyncio.sleep(0.002)
        self._open.append(found)
        try:
            yield found
            await asyncio.sleep(0.002)
        finally:
            self._open.remove(found)

    def _connected(self, connection, _record) -> None:
        connection.driver_connection.add_query_logger(self._logged)

    def _logged(self, query) -> None:
        for statements in self._open:
            statements.all.append(query.query)
