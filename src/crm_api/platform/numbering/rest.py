"""Number sequences over REST."""

from typing import Any

from fastapi import Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Writing
from crm_api.kit.rest.router import Id, crud_router
from crm_api.platform.numbering.schemas import TakeInput, Taken
from crm_api.platform.numbering.service import NumberSequenceService

router = crud_router(NumberSequenceService)
_TAKEN: dict[int | str, dict[str, Any]] = {200: {"model": Taken}}


@router.post(
    "/{id}/take",
    operation_id="takeNumber",
    summary="Take the next number",
    responses=_TAKEN | problems(400, 403, 404, 409, 415, 422),
)
async def take_number(id: Id, tx: Writing, body: TakeInput) -> Response:
    """Without gaps: nobody else gets it, and a failure gives it back."""
    return answers.plain(await NumberSequenceService(tx).take(id, body.on))
