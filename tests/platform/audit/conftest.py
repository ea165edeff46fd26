"""A worker's database, and what it takes to look at seals."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from crm_api.api.services import open_database
from crm_api.kit.db.database import WORKER_ROLE, Database
from crm_api.platform.audit.sealing import BATCH, seal_some
from support.clients import Org
from support.waiting import settled

SEALS = "SELECT * FROM event_seals WHERE organization_id = $1 ORDER BY position"
EVENTS = "SELECT * FROM events WHERE organization_id = $1 ORDER BY tx, seq"


@pytest.fixture
async def shared(settings: Any) -> AsyncIterator[Database]:
    """The database as workers have it."""
    database = open_database(settings.model_copy(update={"database_pool_size": 4}), WORKER_ROLE)
    yield database
    await database.close()


@dataclass
class Trail:
    """The seals of an organization."""

    org: Org
    shared: Database
    owner: asyncpg.Pool

    async def seal(self) -> list[Any]:
        """Seal all there is; the seals."""
        await settled(self.owner)
        return await self.seal_what_is_free()

    async def seal_what_is_free(self) -> list[Any]:
        """Seal what no older transaction holds back; the seals."""
        while await seal_some(self.shared, self.org.id) == BATCH:
            pass
        return await self.seals()

    async def seals(self) -> list[Any]:
        return await self.owner.fetch(SEALS, self.org.id)

    async def events(self) -> list[Any]:
        return await self.owner.fetch(EVENTS, self.org.id)


@pytest.fixture
def trail(org: Org, shared: Database, owner: asyncpg.Pool) -> Trail:
    return Trail(org, shared, owner)
