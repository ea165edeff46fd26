"""What the tests of attachments share."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from crm_api.api.services import open_database
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.kit.files.local import LocalFiles
from crm_api.platform.attachments.removing import remove_files
from support.clients import Api, Org


@dataclass
class Bench:
    """A client with a record, and a look behind it."""

    client: Api
    org: Org
    owner: asyncpg.Pool
    settings: Any
    contact: dict[str, Any]

    @property
    def at(self) -> str:
        return f"/v1/contacts/{self.contact['id']}/attachments"

    async def send(self, content: Any = b"An example.", name: str = "offer.txt", **given: Any):
        """Send a file for the record; the answer."""
        kind = given.pop("type", None)
        headers = given.pop("headers", {}) | ({"Content-Type": kind} if kind else {})
        return await self.client.post(
            self.at, params={"filename": name, **given}, content=content, headers=headers
        )

    async def sent(self, *args: Any, **given: Any) -> dict[str, Any]:
        answer = await self.send(*args, **given)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def listed(self) -> list[dict[str, Any]]:
        answer = await self.client.get(self.at)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    @property
    def folder(self):
        return self.settings.files_dir / "attachments" / str(self.org.id)

    def kept(self) -> set[str]:
        """The names of the files on the disk."""
        return {path.name for path in self.folder.glob("*")}

    async def rows(self) -> set[str]:
        sql = "SELECT id FROM files WHERE organization_id = $1"
        return {row["id"].hex for row in await self.owner.fetch(sql, self.org.id)}

    async def hurry(self) -> None:
        """Have the time of every file come that waits to be attached."""
        sql = "UPDATE files SET keep_until = now() WHERE organization_id = $1"
        await self.owner.execute(sql, self.org.id)

    async def sweep(self) -> None:
        """What a worker does every minute."""
        shared = open_database(self.settings, WORKER_ROLE)
        try:
            await remove_files(shared, LocalFiles(self.settings.files_dir))
        finally:
            await shared.close()

    async def quota(self, most: int | None) -> None:
        await self.owner.execute(
            "INSERT INTO organization_quotas (organization_id, file_bytes) VALUES ($1, $2) "
            "ON CONFLICT (organization_id) DO UPDATE SET file_bytes = $2",
            UUID(str(self.org.id)),
            most,
        )


@pytest.fixture
async def bench(client, org, owner, settings) -> Bench:
    contact = await client.made("contacts", {"last_name": "Person"})
    return Bench(client, org, owner, settings, contact)
