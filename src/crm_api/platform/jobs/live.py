"""How far a job is, as it changes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.live import Live
from crm_api.platform.jobs.service import ENDED, JobService

# Progress rings no bell.
_LOOK_S = 0.4


async def progress(
    live: Live, organization_id: UUID, id: UUID
) -> AsyncGenerator[dict[str, Any] | None]:
    """A job at first and whenever it has changed, until it has ended; None for a while of nothing.

    Raises `Ended`.
    """
    before: dict[str, Any] | None = None

    async def look(tx: Tx) -> dict[str, Any] | None:
        nonlocal before
        now = await JobService(tx).get(id)
        if now == before:
            return None
        before = now
        return now

    async with aclosing(live.follow(organization_id, look, every_s=_LOOK_S)) as states:
        async for state in states:
            yield state
            if state is not None and state["status"] in ENDED:
                return
