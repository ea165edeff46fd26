"""Whether the process lives, and whether it can serve."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from crm_api.kit.errors import CrmError
from crm_api.kit.rest.answers import plain
from crm_api.kit.rest.requests import services_of
from crm_api.kit.schema import Shape

router = APIRouter(tags=["health"])


class Health(Shape):
    """Alive."""

    status: str


class Readiness(Shape):
    """What the service needs, and whether it is there."""

    status: str
    database: str
    schema_revision: str | None


_ALIVE: dict[int | str, dict[str, Any]] = {200: {"model": Health}}
_READY: dict[int | str, dict[str, Any]] = {200: {"model": Readiness}, 503: {"model": Readiness}}


@router.get("/healthz", operation_id="getHealth", summary="Alive", responses=_ALIVE)
async def healthz() -> Response:
    """The process answers; nothing else is looked at."""
    return plain({"status": "ok"})


@router.get("/readyz", operation_id="getReadiness", summary="Ready", responses=_READY)
async def readyz(request: Request) -> Response:
    """The database answers within a second and has been migrated; Redis is not needed to serve."""
    revision, state = None, "ok"
    try:
        async with asyncio.timeout(1):
            revision = await _revision(request)
        if revision is None:
            state = "not migrated"
    except (CrmError, TimeoutError, OSError):
        state = "unreachable"
    ready = state == "ok" and not getattr(request.app.state, "draining", False)
    body = {
        "status": "ready" if ready else "not ready",
        "database": state,
        "schema_revision": revision,
    }
    return plain(body, status=200 if ready else 503)


async def _revision(request: Request) -> str | None:
    database = services_of(request).database
    rows = await database.ask("SELECT to_regclass('alembic_version') IS NOT NULL")
    if not rows[0][0]:
        return None
    return (await database.ask("SELECT version_num FROM alembic_version"))[0][0]
