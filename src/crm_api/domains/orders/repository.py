"""How orders are listed and found."""

from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.orders.models import Order
from crm_api.domains.orders.schemas import OrderOut
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.repository import QUOTES
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA = "orders"
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
    ),
    search=Searched(
        names=("name", "number"),
        others=("reference", "tags", "description", "external_ids"),
        subtitle=("number", "reference"),
    ),
    # What a quote says its order says, too.
    tells={f"quote.{name}": frozenset([name]) for name in ("lines", "totals", *VALUES)},
)


class Orders(Repository[Order]):
    """The orders of an organization."""

    model = Order
    listing = ORDERS

    async def of_quote(self, quote_id: UUID) -> Order | None:
        """The living order of a quote, whoever asks."""
        query = self.select_all().where(Order.quote_id == quote_id, Order.deleted_at.is_(None))
        return (await self.tx.run(query)).scalar_one_or_none()

    async def id_of_quote(self, quote_id: UUID) -> UUID | None:
        """The id of the same, if the actor sees it."""
        rows = await self.tx.fetch(
            "SELECT id FROM orders "
            "WHERE organization_id = $1 AND quote_id = $2 AND deleted_at IS NULL",
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
