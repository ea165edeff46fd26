"""Keeping this process's time by PostgreSQL's clock."""

import asyncio
import time

import structlog

from crm_api.kit import clock
from crm_api.kit.db.database import Database
from crm_api.kit.errors import CrmError

log = structlog.get_logger("crm_api.clock")
ASKED_EVERY_S = 10.0
_LATE_S = 1.0


async def ask_time(database: Database) -> None:
    """Go by PostgreSQL's clock from now on."""
    asked = time.monotonic()
    rows = await database.ask("SELECT clock_timestamp() AS at")
    clock.heard(rows[0]["at"], asked, time.monotonic())


async def keep_time(database: Database) -> None:
    """Ask for the time again and again, so that neither clock gets ahead of the other."""
    while True:
        pause = ASKED_EVERY_S
        try:
            await ask_time(database)
        except (CrmError, OSError) as error:
            log.warning("cannot ask for the time", error=str(error)[:200])
            pause = _LATE_S
        await asyncio.sleep(pause)
