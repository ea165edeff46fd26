"""A worker beside the application, and scans that it carries out."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Scan = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def scan(client, worker) -> Scan:
    """`await scan("contacts", full=True)`: the result of the job."""

    async def run(path: str, **body: Any) -> dict[str, Any]:
        answer = await client.post(f"/v1/{path}/duplicates/scan", json=body)
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == f"/v1/jobs/{answer.json()['job_id']}"
        return (await client.ended(answer.json()["job_id"]))["result"]

    return run
