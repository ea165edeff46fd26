"""What is done from time to time: rows in PostgreSQL, each claimed by one worker (ADR-0041)."""

from collections.abc import Mapping
from uuid import UUID

from crm_api.kit.db.database import Database
from crm_api.kit.ids import new_id

LEASE_S = 900
"""At most; what comes often has a shorter one, so that a dead worker does not hold it up."""
KEPT_S = 300
"""How often the lease of work that goes on is renewed; shorter ones are not."""

_PLAN = """
    INSERT INTO schedules (name, every_s, next_at) SELECT name, every_s, now()
    FROM unnest($1::text[], $2::int[]) AS planned (name, every_s)
    ON CONFLICT (name) DO UPDATE SET every_s = excluded.every_s,
        next_at = least(schedules.next_at, now() + make_interval(secs => excluded.every_s))
"""
_CLAIM = """
    UPDATE schedules SET lease_token = $2,
        lease_until = now() + make_interval(secs => least($3, greatest(10, 10 * every_s)))
    WHERE name = (
        SELECT name FROM schedules WHERE name = $1 AND next_at <= now()
            AND (lease_until IS NULL OR lease_until < now())
        FOR UPDATE SKIP LOCKED)
    RETURNING name
"""
_KEEP = """
    UPDATE schedules
    SET lease_until = now() + make_interval(secs => least($3, greatest(10, 10 * every_s)))
    WHERE name = $1 AND lease_token = $2
"""
_DONE = """
    UPDATE schedules SET lease_token = NULL, lease_until = NULL, last_error = $3, last_at = now(),
        next_at = now() + make_interval(secs => every_s)
    WHERE name = $1 AND lease_token = $2
"""
_RELEASE = """
    UPDATE schedules SET lease_token = NULL, lease_until = NULL
    WHERE name = $1 AND lease_token = $2
"""


class Schedules:
    """The periodic work of the installation; needs the worker's role.

    What was due while no worker was there is done once when one is. Time is PostgreSQL's, so a
    worker whose clock is wrong does nothing twice.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def plan(self, every_s: Mapping[str, int]) -> None:
        """Have these be done: at once if they are new, else when their time comes."""
        await self._database.ask(_PLAN, list(every_s), list(every_s.values()))

    async def claim(self, name: str) -> UUID | None:
        """Take it if it is due and nobody is at it; the token of the lease."""
        token = new_id()
        return token if await self._database.ask(_CLAIM, name, token, LEASE_S) else None

    async def keep(self, name: str, token: UUID) -> None:
        """Say that its work goes on, so that nobody else begins with it."""
        await self._database.ask(_KEEP, name, token, LEASE_S)

    async def done(self, name: str, token: UUID, error: str | None = None) -> None:
        """Note that it was done, or what went wrong; either way it waits for its next time."""
        await self._database.ask(_DONE, name, token, error)

    async def release(self, name: str, token: UUID) -> None:
        """Give it back undone, because this worker is stopping."""
        await self._database.ask(_RELEASE, name, token)
