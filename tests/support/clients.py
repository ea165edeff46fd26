"""Organizations and clients that speak for them."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from support.waiting import patiently

# httpx looks for it anew in each request, through the whole path, and it is not there.
sys.modules.setdefault("sniffio", None)  # pyright: ignore[reportArgumentType]
BASE_URL = "http://crm.test"


@dataclass(frozen=True)
class Org:
    """An organization and the token of its first key."""

    id: UUID
    token: str


class Api(httpx.AsyncClient):
    """A client of the application in this process, authorised by one key."""

    def __init__(self, app: Any, token: str | None = None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(app=app)
        super().__init__(
            transport=transport, base_url=BASE_URL, headers=headers, trust_env=False, timeout=30
        )
        self.app = app
        self.token = token

    async def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create a record, which must succeed; its representation."""
        answer = await self.post(f"/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def changed(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Patch a record, which must succeed; its representation."""
        answer = await self.patch(f"/v1/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def read(self, path: str, **params: Any) -> dict[str, Any]:
        """Read a record or a list, which must succeed; feeds hold all that was committed."""
        if path == "events" or path.endswith("/changes"):
            await self._committed()
        answer = await self.get(f"/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def _committed(self) -> None:
        # The feed waits for every transaction of the server that is older, whoever's it is.
        ask = self.app.state.services.database.ask
        (begun,) = await ask("SELECT pg_snapshot_xmax(pg_current_snapshot()) AS next")
        async for _ in patiently():
            (now,) = await ask("SELECT pg_snapshot_xmin(pg_current_snapshot()) AS oldest")
            if int(now["oldest"]) >= int(begun["next"]):
                return

    async def ended(self, job_id: str, status: str = "succeeded") -> dict[str, Any]:
        """A job at its end, which must have this status."""
        job: dict[str, Any] = {}
        async for _ in patiently():
            job = await self.read(f"jobs/{job_id}")
            if job["status"] in {"succeeded", "failed", "cancelled"}:
                break
        assert job["status"] == status, job
        return job

    async def idle(self) -> None:
        """Wait until every job of the organization that is due has ended; takes a worker."""
        async for _ in patiently():
            jobs = (await self.read("jobs", limit=200))["data"]
            now = datetime.now(UTC)
            due = [job for job in jobs if datetime.fromisoformat(job["run_at"]) <= now]
            if all(job["status"] in {"succeeded", "failed", "cancelled"} for job in due):
                return

    async def gql(self, document: str, **variables: Any) -> dict[str, Any]:
        """The whole answer of a GraphQL document."""
        answer = await self.post("/graphql", json={"query": document, "variables": variables})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def data(self, document: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL document, which must succeed."""
        answer = await self.gql(document, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def told(
        self, id: str, count: int, *, by: str = "record_id", **params: Any
    ) -> list[dict[str, Any]]:
        """The events of a record, or those it caused, once there are so many."""
        async for _ in patiently():
            feed = await self.read("events", limit=200, **params)
            found = [event for event in feed["data"] if event[by] == id]
            if len(found) >= count:
                break
        return found


def actor_of(org: Org, *scopes: str, **options: Any) -> Actor:
    """Somebody of an organization; may do everything unless scopes are given."""
    held = frozenset(scopes or {"*"})
    return Actor(org.id, "system", scopes=held, **{"country": "DE", **options})


def tx_of(database: Database, org: Org, *scopes: str, **options: Any) -> Tx:
    """A unit of work of an organization, for tests of services."""
    return Tx(database, actor_of(org, *scopes), **options)


def problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem document of an answer, which must have this status and code."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:600]}"
    assert answer.headers["content-type"] == "application/problem+json", answer.headers
    found = answer.json()
    assert found["status"] == status
    assert found["request_id"] == answer.headers["x-request-id"]
    assert {"type", "title", "detail", "code"} <= found.keys()
    if code is not None:
        assert found["code"] == code, found
    return found


def pointers(found: dict[str, Any]) -> list[str]:
    """Where the mistakes are."""
    return [
        fault.get("pointer", fault.get("parameter", fault.get("header", "")))
        for fault in found.get("errors", ())
    ]
