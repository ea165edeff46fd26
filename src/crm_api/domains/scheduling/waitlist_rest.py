"""Those who wait, over REST."""

from fastapi import Response

from crm_api.domains.scheduling.waitlist import WaitlistActions, WaitlistService
from crm_api.domains.scheduling.waitlist_schemas import (
    WaitlistEntryOut,
    WaitlistTransitions,
    WaitlistVerb,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router

_TEXTS: dict[WaitlistVerb, tuple[str, str]] = {
    "accept": (
        "Take what is offered",
        "The booking that is held is confirmed; once it has expired it is 409 `hold_expired`.",
    ),
    "cancel": ("Wait no more", "What is offered is free for others again."),
    "reopen": ("Wait again", "As long as before: its turn is by when it was made."),
}
entries = crud_router(WaitlistService)


@entries.get(
    "/{id}/transitions",
    operation_id="getWaitlistEntryTransitions",
    summary="What may be done with somebody who waits",
    responses={200: {"model": WaitlistTransitions}} | problems(403, 404, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its status."""
    return answers.plain(await WaitlistActions(tx).transitions(id))


def _add(verb: WaitlistVerb, texts: tuple[str, str]) -> None:
    add_action(
        entries,
        verb,
        lambda tx, one, _data, expected: WaitlistActions(tx).go(one, verb, expected),
        WaitlistEntryOut,
        texts,
    )


for _verb, _texts in _TEXTS.items():
    _add(_verb, _texts)

ROUTERS = (entries,)
