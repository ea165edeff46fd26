"""The status over REST."""

from collections.abc import Sequence

from fastapi import APIRouter, Response
from pydantic import BaseModel

from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import new_router
from crm_api.kit.standing import Standing
from crm_api.platform.system.service import status_of


def status_routes(shape: type[BaseModel], standings: Sequence[Standing]) -> APIRouter:
    """`GET /v1/system/status`."""
    router = new_router("system", "system")

    @router.get(
        "/status",
        operation_id="getSystemStatus",
        summary="How work in the background fares",
        responses={200: {"model": shape}} | problems(403),
    )
    async def read_status(tx: Reading) -> Response:
        """Of this organization: how far queues and webhooks are behind, and what has failed.

        It costs the same whatever waits, so it may be asked for as often as a page is drawn.
        """
        return answers.plain(await status_of(tx, standings))

    return router
