"""The export API as a frontend uses it."""

from typing import Any

import httpx

from support.clients import BASE_URL, Api
from support.waiting import patiently


async def begun(api: Api, path: str, **body: Any) -> dict[str, Any]:
    """Ask for an export, which must be accepted; what is answered."""
    answer = await api.post(f"/v1/{path}/export", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['job_id']}"
    return answer.json()


async def ended(api: Api, id: str, status: str = "succeeded") -> dict[str, Any]:
    """An export at its end, which must be this."""
    found: dict[str, Any] = {}
    async for _ in patiently():
        found = await api.read(f"exports/{id}")
        if found["status"] not in {"queued", "running"}:
            break
    assert found["status"] == status, (found, await api.read(f"jobs/{found['job_id']}"))
    return found


async def downloaded(api: Api, url: str) -> httpx.Response:
    """What stands behind a link, for whoever has it."""
    transport = httpx.ASGITransport(app=api.app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as anybody:
        return await anybody.get(url)


async def exported(api: Api, path: str, **body: Any) -> httpx.Response:
    """An export's file, with the answer that brought it."""
    started = await begun(api, path, **body)
    done = await ended(api, started["export"]["id"])
    answer = await downloaded(api, done["download_url"])
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == done["size_bytes"]
    return answer
