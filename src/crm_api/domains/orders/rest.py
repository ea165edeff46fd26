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
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings

Responses = dict[int | str, dict[str, Any]]
_ONE: Responses = {200: {"model": OrderOut}}
_DONE = _ONE | problems(400, 403, 404, 409, 412, 415, 422)
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


add_settings(
    pure,
    OrderSettingsService,
    (OrderSettings, OrderSettingsOut),
    "Order",
    read=("What new orders begin with", "The checklist by which they are handed over."),
    write=(
        "Say what new orders begin with",
        "Replaces what was said before; takes the permission `manage_settings`.",
    ),
)


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
    return answers.made("orders", made)


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
    add_action(
        orders,
        verb,
        lambda tx, one, _data, expected: act(OrderActions(tx))(one, expected),
        OrderOut,
        _PLAIN[verb],
    )


def _add_end(verb: Verb) -> None:
    add_action(
        orders,
        verb,
        lambda tx, one, data, expected: OrderActions(tx).end(one, verb, data, expected),
        OrderOut,
        _ENDS[verb],
        body=OrderEnd,
    )


_add_plain("confirm", lambda actions: actions.confirm)
_add_plain("start", lambda actions: actions.start)
_add_plain("fulfil", lambda actions: actions.fulfil)
for _verb in _ENDS:
    _add_end(_verb)

ROUTERS = (pure, quotes, deals, orders, changes)
