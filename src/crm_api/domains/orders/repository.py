"""How orders, changes of them and contracts are listed and found."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, or_

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.orders.contract_schemas import ContractOut
from crm_api.domains.orders.models import ChangeRequest, Contract, Order
from crm_api.domains.orders.schemas import ChangeRequestOut, OrderOut
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.repository import QUOTES
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA, CONTRACTS_AREA = "orders", "contracts"
VALUES = ("net", "tax", "gross", "one_time", "mrr", "arr", "acv", "tcv")
ORDERS: Listing = Listing(
    model=Order,
    out=OrderOut,
    area=AREA,
    sorts={"name": Order.sort_name},
    relations=(
        Relation("company", lambda: COMPANIES, Order.company_id, COMPANIES.model.id, back="orders"),
        Relation("contact", lambda: CONTACTS, Order.contact_id, CONTACTS.model.id, back="orders"),
        Relation("deal", lambda: DEALS, Order.deal_id, DEALS.model.id, back="orders"),
        Relation("quote", lambda: QUOTES, Order.quote_id, QUOTES.model.id, back="orders"),
        Relation(
            "change_requests",
            lambda: CHANGES,
            Order.id,
            ChangeRequest.order_id,
            many=True,
            part=True,
        ),
        Relation("contracts", lambda: CONTRACTS, Order.id, Contract.order_id, many=True),
    ),
    search=Searched(
        names=("name", "number"),
        others=("reference", "tags", "description", "external_ids"),
        subtitle=("number", "reference"),
    ),
    # What a quote or a deal says the order says, too.
    tells={
        "deal.promises": frozenset(["promises"]),
        **{f"quote.{name}": frozenset([name]) for name in ("lines", "totals", "promises")},
    },
)

CHANGES: Listing = Listing(
    model=ChangeRequest,
    out=ChangeRequestOut,
    foreign={"net_change": "order"},
    area=AREA,
    sorts={"name": ChangeRequest.sort_name},
    relations=(Relation("order", lambda: ORDERS, ChangeRequest.order_id, Order.id),),
    within="order",
    tells={
        "quote.lines": frozenset(["changes"]),
        "order.lines": frozenset(["changes"]),
        "order.due_on": frozenset(["due_on", "before", "after"]),
    },
)

CONTRACTS: Listing = Listing(
    model=Contract,
    out=ContractOut,
    area=CONTRACTS_AREA,
    sorts={"name": Contract.sort_name},
    relations=(
        Relation("company", lambda: COMPANIES, Contract.company_id, COMPANIES.model.id),
        Relation("contact", lambda: CONTACTS, Contract.contact_id, CONTACTS.model.id),
        Relation("order", lambda: ORDERS, Contract.order_id, Order.id),
        Relation("renewal_deal", lambda: DEALS, Contract.renewal_deal_id, DEALS.model.id),
    ),
    search=Searched(names=("name",), others=("tags", "description", "external_ids")),
    tells={f"{kind}.lines": frozenset(["lines"]) for kind in ("quote", "order")},
)


class Orders(Repository[Order]):
    """The orders of an organization."""

    model = Order
    listing = ORDERS

    async def of_quote(self, quote_id: UUID) -> Order | None:
        """The living order of a quote, whoever asks: the one that was made of it, if there is."""
        query = self.select_all().where(
            Order.quote_id == quote_id,
            Order.deleted_at.is_(None),
            # One by hand that came to nothing is not in the way of what was accepted.
            or_(Order.status != "cancelled", Order.quote_version_id.is_not(None)),
        )
        query = query.order_by(Order.quote_version_id, Order.id).limit(1)
        return (await self.tx.run(query)).scalar_one_or_none()

    async def quote_named(self, quote_id: UUID) -> tuple[str, UUID | None] | None:
        """The status and the company of a living quote, whoever asks; None where there is none."""
        rows = await self.tx.fetch(
            "SELECT status, company_id FROM quotes "
            "WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
            self.tx.organization_id,
            quote_id,
        )
        return (rows[0]["status"], rows[0]["company_id"]) if rows else None

    async def id_of_quote(self, quote_id: UUID) -> UUID | None:
        """The id of the same, if the actor sees it."""
        rows = await self.tx.fetch(
            "SELECT id FROM orders "
            "WHERE organization_id = $1 AND quote_id = $2 AND deleted_at IS NULL "
            "AND (status <> 'cancelled' OR quote_version_id IS NOT NULL) "
            "ORDER BY quote_version_id, id LIMIT 1",
            self.tx.organization_id,
            quote_id,
        )
        return rows[0]["id"] if rows and await self.sees(rows[0]["id"]) else None

    async def accepted_of(self, deal_id: UUID) -> list[UUID]:
        """The accepted quotes of a deal, the one that was decided last first, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT id FROM quotes WHERE organization_id = $1 AND deal_id = $2 "
            "AND status = 'accepted' AND deleted_at IS NULL ORDER BY decided_at DESC, id DESC",
            self.tx.organization_id,
            deal_id,
        )
        return [row["id"] for row in rows]

    async def accepted(self, quote_id: UUID) -> Quote | None:
        """An accepted quote to make an order of, locked, whoever asks; None for any other."""
        rows = await self.tx.write(
            "SELECT id FROM quotes WHERE organization_id = $1 AND id = $2 "
            "AND status = 'accepted' AND deleted_at IS NULL FOR NO KEY UPDATE",
            self.tx.organization_id,
            quote_id,
        )
        return await self.quote(quote_id) if rows else None

    async def quote(self, quote_id: UUID) -> Quote:
        """A quote as it stands."""
        return (await QuoteRows(self.tx).by_ids([quote_id]))[0]


class QuoteRows(Repository[Quote]):
    """Quotes, as orders are made of them."""

    model = Quote
    listing = QUOTES

    async def by_ids(self, ids: list[UUID]) -> list[Quote]:
        """Some quotes as they are now, whoever asks."""
        query = self.select_all().where(Quote.id.in_(ids))
        query = query.execution_options(populate_existing=True)
        return list((await self.tx.run(query)).scalars())


class ChangeRequests(Repository[ChangeRequest]):
    """What is to be different about orders."""

    model = ChangeRequest
    listing = CHANGES

    async def order_of(self, id: UUID) -> UUID | None:
        """The order that a request is of, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT order_id FROM change_requests WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            id,
        )
        return rows[0]["order_id"] if rows else None

    async def pending(self, order_id: UUID) -> int:
        """How many requests of an order are asked for and not decided, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT count(*) FROM change_requests WHERE organization_id = $1 AND order_id = $2 "
            "AND status IN ('submitted', 'approved') AND deleted_at IS NULL",
            self.tx.organization_id,
            order_id,
        )
        return rows[0][0]


class Contracts(Repository[Contract]):
    """What falls due again and again."""

    model = Contract
    listing = CONTRACTS

    async def running(self) -> list[Any]:
        """Of all that are seen and were begun: customer, currency, mrr, first and last day."""
        customer = func.coalesce(Contract.company_id, Contract.contact_id, Contract.id)
        query = (
            self.select()
            .where(Contract.activated_at.is_not(None), Contract.deleted_at.is_(None))
            .with_only_columns(
                customer, Contract.currency, Contract.mrr, Contract.starts_on, Contract.ends_on
            )
        )
        return list((await self.tx.run(query)).all())

    async def renewed_by(self, deal_id: UUID) -> list[UUID]:
        """The contracts that a deal is to renew, also those that ran out, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT id FROM contracts WHERE organization_id = $1 AND renewal_deal_id = $2 "
            "AND status IN ('active', 'ended') AND deleted_at IS NULL ORDER BY id",
            self.tx.organization_id,
            deal_id,
        )
        return [row["id"] for row in rows]

    async def deal_status(self, deal_id: UUID) -> str | None:
        """Where a living deal stands, whoever asks; None where there is none."""
        rows = await self.tx.fetch(
            "SELECT status FROM deals "
            "WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
            self.tx.organization_id,
            deal_id,
        )
        return rows[0]["status"] if rows else None

    async def of_order(self, order_id: UUID) -> Contract | None:
        """The first living contract of an order that was not cancelled, whoever asks."""
        query = self.select_all().where(
            Contract.order_id == order_id,
            Contract.status != "cancelled",
            Contract.deleted_at.is_(None),
        )
        query = query.order_by(Contract.created_at, Contract.id).limit(1)
        return (await self.tx.run(query)).scalar_one_or_none()
