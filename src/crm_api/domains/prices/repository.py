"""How price lists, their rules and contract prices are listed and found."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, func, literal, select

from crm_api.domains.catalogue.repository import CATEGORIES, VARIANTS
from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.prices.models import ContractPrice, PriceList, PriceRule
from crm_api.domains.prices.schemas import ContractPriceOut, PriceListOut, PriceRuleOut
from crm_api.kit.crud.spans import SpanRepository
from crm_api.kit.crud.tree import TreeRepository
from crm_api.kit.query.listing import Listing, Relation

LISTS: Listing = Listing(
    model=PriceList,
    out=PriceListOut,
    area="prices",
    sorts={"name": PriceList.sort_name},
    relations=(
        Relation("parent", lambda: LISTS, PriceList.parent_id, PriceList.id),
        Relation("children", lambda: LISTS, PriceList.id, PriceList.parent_id, many=True),
        Relation("company", lambda: COMPANIES, PriceList.company_id, COMPANIES.model.id),
        Relation(
            "rules", lambda: RULES, PriceList.id, PriceRule.price_list_id, many=True, part=True
        ),
    ),
)
RULES: Listing = Listing(
    model=PriceRule,
    out=PriceRuleOut,
    foreign=dict.fromkeys(
        ("unit_price", "surcharge", "round_to", "ending", "floor", "ceiling"), "list"
    ),
    area="prices",
    relations=(
        Relation("list", lambda: LISTS, PriceRule.price_list_id, PriceList.id),
        Relation("variant", lambda: VARIANTS, PriceRule.variant_id, VARIANTS.model.id),
        Relation("product", lambda: PRODUCTS, PriceRule.product_id, PRODUCTS.model.id),
        Relation("category", lambda: CATEGORIES, PriceRule.category_id, CATEGORIES.model.id),
    ),
    within="list",
)
CONTRACTS: Listing = Listing(
    model=ContractPrice,
    out=ContractPriceOut,
    area="prices",
    relations=(
        Relation("company", lambda: COMPANIES, ContractPrice.company_id, COMPANIES.model.id),
        Relation("product", lambda: PRODUCTS, ContractPrice.product_id, PRODUCTS.model.id),
        Relation("variant", lambda: VARIANTS, ContractPrice.variant_id, VARIANTS.model.id),
    ),
)


class PriceLists(TreeRepository[PriceList]):
    """The price lists of an organization."""

    model = PriceList
    listing = LISTS

    async def named(self, names: Sequence[str], source: str, ids: Sequence[str]) -> list[Any]:
        """Living lists of these names, as they sort, or with these ids, here or in another system.

        Of each `id`, `own`, the same as a text, `currency`, `name` as it sorts, and `external`, its
        id there.
        """
        return await self.tx.fetch(
            "SELECT * FROM (SELECT id, id::text AS own, currency, split_part(sort_name, chr(1), 1) AS name, "
            "external_ids ->> $3 AS external FROM price_lists "
            "WHERE organization_id = $1 AND deleted_at IS NULL) lists "
            "WHERE name = ANY($2) OR external = ANY($4) OR own = ANY($4)",
            self.tx.organization_id,
            list(names),
            source,
            list(ids),
        )


class PriceRules(SpanRepository[PriceRule]):
    """The rules of price lists."""

    model = PriceRule
    listing = RULES
    same = ("price_list_id", "target_id", "min_quantity")

    async def of_list(
        self, price_list_id: UUID, after: UUID | None, limit: int, until: UUID | None = None
    ) -> list[PriceRule]:
        """The next rules of a list, up to one of them."""
        query = self._stretch(price_list_id, after, until).limit(limit)
        return list((await self.tx.run(query)).scalars())

    async def any_of_list(self, price_list_id: UUID) -> bool:
        """Whether a list has rules, in the bin or not; nobody adds the first one meanwhile."""
        await self.lock_same({self.same[0]: price_list_id})
        query = self.select_all().where(PriceRule.price_list_id == price_list_id)
        return (await self.tx.run(query.limit(1))).first() is not None

    async def fixed(
        self,
        price_list_id: UUID,
        targets: Sequence[UUID] | None,
        after: UUID | None,
        limit: int,
        until: UUID | None = None,
    ) -> list[PriceRule]:
        """The next rules of a list with a fixed price, locked; only those for some targets."""
        query = self._fixed(price_list_id, targets, after, until).limit(limit)
        return list((await self.tx.run(query.with_for_update(key_share=True))).scalars())

    async def more_than(
        self, most: int, price_list_id: UUID, targets: Sequence[UUID] | None, *, fixed: bool
    ) -> tuple[int, UUID] | None:
        """How many rules there are and which is the last, if they are more than so many."""
        query = (
            self._fixed(price_list_id, targets, None, None)
            if fixed
            else self._stretch(price_list_id, None, None)
        )
        ids = query.with_only_columns(PriceRule.id).subquery()
        last = select(ids.c.id).order_by(ids.c.id.desc()).limit(1).scalar_subquery()
        counted = await self.tx.run(select(func.count(), last).select_from(ids))
        number, id = tuple(counted.one())
        return (number, id) if number > most else None

    def _fixed(
        self,
        price_list_id: UUID,
        targets: Sequence[UUID] | None,
        after: UUID | None,
        until: UUID | None,
    ) -> Select[Any]:
        query = self._stretch(price_list_id, after, until).where(PriceRule.method == "fixed")
        return (
            query
            if targets is None
            else query.where(PriceRule.target_id == func.any(literal(list(targets), ARRAY(Uuid()))))
        )

    def _stretch(self, price_list_id: UUID, after: UUID | None, until: UUID | None) -> Select[Any]:
        query = self.select().where(
            PriceRule.price_list_id == price_list_id, PriceRule.deleted_at.is_(None)
        )
        if after is not None:
            query = query.where(PriceRule.id > after)
        if until is not None:
            query = query.where(PriceRule.id <= until)
        return query.order_by(PriceRule.id)

    async def targets_below(self, category_id: UUID) -> list[UUID]:
        """A category, those below it, and their products and variants."""
        rows = await self.tx.fetch(
            "WITH RECURSIVE below AS (SELECT id FROM product_categories "
            "WHERE organization_id = $1 AND id = $2 UNION SELECT c.id FROM product_categories c "
            "JOIN below ON c.parent_id = below.id WHERE c.organization_id = $1), "
            "sold AS (SELECT id FROM products WHERE organization_id = $1 "
            "AND category_id IN (SELECT id FROM below)) "
            "SELECT id FROM below UNION ALL SELECT id FROM sold UNION ALL "
            "SELECT id FROM product_variants WHERE organization_id = $1 "
            "AND product_id IN (SELECT id FROM sold)",
            self.tx.organization_id,
            category_id,
        )
        return [row["id"] for row in rows]


class ContractPrices(SpanRepository[ContractPrice]):
    """The contract prices of an organization."""

    model = ContractPrice
    listing = CONTRACTS
    same = ("company_id", "target_id", "currency", "min_quantity")
