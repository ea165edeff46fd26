"""Orders over REST."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Response

from crm_api.domains.deals.service import DealService
from crm_api.domains.orders.actions import OrderActions
from crm_api.domains.orders.change_rest import changes
from crm_api.domains.orders.schemas import HandoverInput, OrderEnd, OrderOut, OrderTransitions
from crm_api.domains.orders.service import OrderService
from crm_api.domains.orders.settings import (
    OrderSettings,
    OrderSettingsOut,
    OrderSettingsService,
)
from crm_api.domains.orders.states import Verb
from crm_api.kit.rest import answers
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router

Responses = dict[int | str, dict[str, Any]]
_ONE: Responses = {200: {"model": OrderOut}}
_DONE = _ONE | problems(400, 403, 404, 409, 412, 415, 422)
_SETTINGS: Responses = {200: {"model": OrderSettingsOut}}
_PLAIN: dict[Verb, tuple[str, str]] = {
    "confirm": (
        "Confirm an order",
        "It gets its number, and changes by change requests alone from then on.",
    ),
    "start": ("Begin to deliver an order", "Once what must be handed over is."),
    "fulfil": ("Write down that an order is delivered", "All of it."),
}
_ENDS: dict[Verb, tuple[str, str]] = {
    "close": ("Close an order", "One that is fulfilled."),
    "cancel": ("Cancel an order", "With the reason, as a comment."),
}

pure = new_router("orders", "orders")
quotes = new_router("orders", "quotes")
deals = new_router("orders", "deals")
orders = crud_router(OrderService)


@pure.get(
    "/settings",
    operation_id="getOrderSettings",
    summary="What new orders begin with",
    responses=_SETTINGS | problems(403),
)
async def read_settings(tx: Reading) -> Response:
    """The checklist by which they are handed over."""
    return answers.plain(OrderSettingsService(tx).get())


@pure.put(
    "/settings",
    operation_id="setOrderSettings",
    summary="Say what new orders begin with",
    responses=_SETTINGS | problems(400, 403, 415, 422),
)
async def set_settings(tx: Writing, body: OrderSettings) -> Response:
    """Replaces what was said before; takes the permission `manage_settings`."""
    return answers.plain(await OrderSettingsService(tx).replace(body))


@quotes.post(
    "/{id}/order",
    status_code=201,
    operation_id="orderQuote",
    summary="Make the order of an accepted quote",
    responses={201: {"model": OrderOut}, 200: {"model": OrderOut, "description": "It was there."}}
    | problems(403, 404, 409, 422),
)
async def order(id: Id, tx: Writing) -> Response:
    """With what was accepted, the options that were chosen too. There is one for each quote."""
    made, is_new = await OrderActions(tx).order(id)
    if not is_new:
        return answers.record(made)
    headers = {"Location": f"/v1/orders/{made.id}", "ETag": f'"{made.version}"'}
    return answers.plain(made, status=201, headers=headers)


@quotes.get(
    "/{id}/order",
    operation_id="getQuoteOrder",
    summary="The order that was made of a quote",
    responses=_ONE | problems(403, 404, 422),
)
async def of_quote(id: Id, tx: Reading) -> Response:
    """404 `no_order` while there is none."""
    return answers.record(await OrderActions(tx).of_quote(id))


add_below(
    deals,
    "orders",
    DealService,
    OrderService,
    by="deal_id",
    operation_id="listDealOrders",
    summary="What was ordered by a deal",
    description="Its orders, the newest first.",
)


@orders.get(
    "/{id}/transitions",
    operation_id="getOrderTransitions",
    summary="What may be done with an order",
    responses={200: {"model": OrderTransitions}} | problems(403, 404, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its state, and what stands in the way of each."""
    return answers.plain(await OrderActions(tx).transitions(id))


@orders.post(
    "/{id}/handover",
    operation_id="handOverOrder",
    summary="Write down what of the checklist is done",
    responses=_DONE,
)
async def hand_over(id: Id, tx: Writing, body: HandoverInput, if_match: IfMatch = None) -> Response:
    """By the keys of its items; the answer tells when each was done, and by whom."""
    expected = answers.version_of(if_match)
    return answers.record(await OrderActions(tx).hand_over(id, body, expected))


def _add_plain(verb: Verb, act: Callable[[OrderActions], Callable[..., Awaitable[Any]]]) -> None:
    async def action(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
        expected = answers.version_of(if_match)
        return answers.record(await act(OrderActions(tx))(id, expected))

    _add(verb, action, _PLAIN[verb], _ONE | problems(403, 404, 409, 412, 422))


def _add_end(verb: Verb) -> None:
    async def action(
        id: Id, tx: Writing, body: OrderEnd | None = None, if_match: IfMatch = None
    ) -> Response:
        data, expected = body or OrderEnd(comment=None), answers.version_of(if_match)
        return answers.record(await OrderActions(tx).end(id, verb, data, expected))

    _add(verb, action, _ENDS[verb], _DONE)


def _add(
    verb: Verb, action: Callable[..., Any], texts: tuple[str, str], responses: Responses
) -> None:
    orders.add_api_route(
        f"/{{id}}/{verb}",
        action,
        methods=["POST"],
        operation_id=f"{verb}Order",
        summary=texts[0],
        description=texts[1],
        responses=responses,
    )


_add_plain("confirm", lambda actions: actions.confirm)
_add_plain("start", lambda actions: actions.start)
_add_plain("fulfil", lambda actions: actions.fulfil)
for _verb in _ENDS:
    _add_end(_verb)

ROUTERS = (pure, quotes, deals, orders, changes)
