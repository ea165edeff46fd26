"""Orders over GraphQL."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals.graphql import Deal
from crm_api.domains.orders import contract_schemas, schemas, settings
from crm_api.domains.orders.actions import OrderActions
from crm_api.domains.orders.changes import ChangeRequestService
from crm_api.domains.orders.contracts import ContractService
from crm_api.domains.orders.service import OrderService
from crm_api.domains.orders.states import Verb
from crm_api.domains.quotes.graphql import Quote
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from


def _later(name: str) -> Any:
    """A type of this file that stands below."""
    return Annotated[name, strawberry.lazy(__name__)]


@type_from(schemas.OrderOut)
class Order:
    """What was agreed with a customer."""

    company = related(OrderService, "company", Company)
    contact = related(OrderService, "contact", Contact)
    deal = related(OrderService, "deal", Deal)
    quote = related(OrderService, "quote", Quote)
    change_requests = related_many(
        OrderService, "change_requests", _later("ChangeRequestConnection")
    )
    contracts = related_many(OrderService, "contracts", _later("ContractConnection"))


@type_from(schemas.ChangeRequestOut)
class ChangeRequest:
    """What is to be different about an order that was confirmed."""

    order = related(ChangeRequestService, "order", Order)


@type_from(contract_schemas.ContractOut)
class Contract:
    """What falls due again and again, for a term or without an end."""

    company = related(ContractService, "company", Company)
    contact = related(ContractService, "contact", Contact)
    order = related(ContractService, "order", Order)
    renewal_deal = related(ContractService, "renewal_deal", Deal)


@type_from(schemas.OrderTransitions)
class OrderTransitions:
    """Where an order stands, and what may be done with it."""


@type_from(settings.OrderSettingsOut)
class OrderSettings:
    """What new orders begin with."""


_ORDERS = Collection(OrderService, Order)
CHANGES = Collection(ChangeRequestService, ChangeRequest)
CONTRACTS = Collection(ContractService, Contract)
ChangeRequestConnection = CHANGES.connection
ContractConnection = CONTRACTS.connection


@strawberry.type
class OrderQuery:
    """What is asked of orders beyond their records."""

    @strawberry.field
    async def order_settings(self, info: GraphInfo) -> OrderSettings:
        """What new orders begin with."""
        return cast("Any", settings.OrderSettingsService(info.context.tx).get())

    @strawberry.field
    async def order_transitions(self, info: GraphInfo, id: UUID) -> OrderTransitions:
        """What may be done with an order, and what stands in the way."""
        return cast("Any", await OrderActions(info.context.tx).transitions(id))

    @strawberry.field
    async def order_of_quote(self, info: GraphInfo, quote_id: UUID) -> Order:
        """The order that was made of a quote."""
        return await OrderActions(info.context.tx).of_quote(quote_id)


def _end(verb: Verb, description: str) -> Any:
    async def resolver(
        info: GraphInfo,
        id: UUID,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Order:
        data = shape_given(schemas.OrderEnd, {"comment": comment})
        return await OrderActions(info.context.tx).end(id, verb, data, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class OrderActionMutation:
    """What is done with orders."""

    @mutation
    async def set_order_settings(
        self,
        info: GraphInfo,
        input: input_from(settings.OrderSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> OrderSettings:
        """Say what new orders begin with."""
        data = shape_given(settings.OrderSettings, input)
        return cast("Any", await settings.OrderSettingsService(info.context.tx).replace(data))

    @mutation
    async def order_quote(self, info: GraphInfo, quote_id: UUID) -> Order:
        """The order of an accepted quote; there is one for each."""
        return (await OrderActions(info.context.tx).order(quote_id))[0]

    @mutation
    async def hand_over_order(
        self,
        info: GraphInfo,
        id: UUID,
        done: list[str] | None = None,
        undone: list[str] | None = None,
        expected_version: int | None = None,
    ) -> Order:
        """Write down what of the checklist is done, and what is not after all."""
        given = {"done": done or [], "undone": undone or []}
        data = shape_given(schemas.HandoverInput, given)
        return await OrderActions(info.context.tx).hand_over(id, data, expected_version)

    @mutation
    async def confirm_order(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Order:
        """Have an order stay as it is, and give it its number."""
        return await OrderActions(info.context.tx).confirm(id, expected_version)

    @mutation
    async def start_order(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Order:
        """Begin to deliver an order, once it is handed over."""
        return await OrderActions(info.context.tx).start(id, expected_version)

    @mutation
    async def fulfil_order(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Order:
        """Write down that all of an order is delivered."""
        return await OrderActions(info.context.tx).fulfil(id, expected_version)

    close_order = _end("close", "Close an order that is fulfilled.")
    cancel_order = _end("cancel", "Cancel an order.")


QUERIES = (_ORDERS.query(), OrderQuery)
MUTATIONS = (_ORDERS.mutation(), OrderActionMutation)
