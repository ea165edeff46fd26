"""Quotas over REST."""

from fastapi import Request, Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import new_router
from crm_api.platform.quotas.schemas import UsageOut
from crm_api.platform.quotas.service import UsageService

usage = new_router("usage", "usage")


@usage.get(
    "",
    operation_id="getUsage",
    summary="What may be used, and what is",
    responses={200: {"model": UsageOut}} | problems(),
)
async def read_usage(request: Request, tx: Reading) -> Response:
    """The rates of requests and how much of them is left, and how many users, records and files there may be."""
    found = await UsageService(tx).usage(request.scope.get("account"))
    return answers.plain(found.model_dump())
