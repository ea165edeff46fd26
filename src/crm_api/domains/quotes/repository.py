"""How quotes, their versions and the library of clauses are listed and found."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.prices.repository import LISTS
from crm_api.domains.quotes.models import Clause, Quote, QuoteVersion
from crm_api.domains.quotes.schemas import ClauseOut, QuoteContent, QuoteOut, QuoteVersionOut
from crm_api.kit.crud.marks import marked
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode
from crm_api.kit.db.queued import is_at_work
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA = "quotes"
_COSTS = ("product.cost", "product_variant.cost", "product_variant.cost_delta")
QUOTES: Listing = Listing(
    model=Quote,
    out=QuoteOut,
    area=AREA,
    sorts={"name": Quote.sort_name},
    relations=(
        Relation("company", lambda: COMPANIES, Quote.company_id, COMPANIES.model.id, back="quotes"),
        Relation("contact", lambda: CONTACTS, Quote.contact_id, CONTACTS.model.id, back="quotes"),
        Relation("deal", lambda: DEALS, Quote.deal_id, DEALS.model.id, back="quotes"),
        Relation("price_list", lambda: LISTS, Quote.price_list_id, LISTS.model.id),
    ),
    search=Searched(
        names=("name", "number"),
        others=("tags", "description", "external_ids"),
        subtitle=("number",),
    ),
    tells={
        **dict.fromkeys(_COSTS, frozenset(["costs", "cost", "margin", "margin_percent"])),
        # What events that happen by themselves have beside the fields of a quote.
        "quote.lines": frozenset(["drifted_lines"]),
        "quote.valid_until": frozenset(["days_left"]),
        "quote.sent_at": frozenset(["days_unviewed"]),
    },
)
VERSIONS: Listing = Listing(
    model=QuoteVersion,
    out=QuoteVersionOut,
    area=AREA,
    relations=(Relation("quote", lambda: QUOTES, QuoteVersion.quote_id, Quote.id),),
    within="quote",
    tells={
        **dict.fromkeys(_COSTS, frozenset(["costs"])),
        **dict.fromkeys(
            (
                "company.addresses",
                "company.legal_name",
                "company.tax_id",
                "contact.addresses",
                "contact.title",
            ),
            frozenset(["customer"]),
        ),
    },
)
CLAUSES: Listing = Listing(
    model=Clause,
    out=ClauseOut,
    area="clauses",
    sorts={"name": Clause.sort_name},
    search=Searched(names=("name", "names", "key"), others=("text", "texts", "external_ids")),
)
_PARTIES = """
    SELECT
        (SELECT to_jsonb(o) FROM (SELECT name, country, language FROM organizations
            WHERE id = $1) o) AS organization,
        (SELECT to_jsonb(c) FROM (SELECT name, legal_name, tax_id, addresses, language, deleted_at
            FROM companies WHERE organization_id = $1 AND id = $2) c) AS company,
        (SELECT to_jsonb(p) FROM (SELECT first_name, last_name, title, addresses, language, deleted_at
            FROM contacts WHERE organization_id = $1 AND id = $3) p) AS contact,
        (SELECT to_jsonb(u) FROM (SELECT name, email FROM users
            WHERE organization_id = $1 AND id = $4) u) AS owner
"""

_CONTENTS = """
    SELECT c.id, c.is_optional, c.product_id AS bundle_id, c.component_id AS product_id, c.variant_id, c.quantity,
        coalesce(v.name, p.name) AS name,
        CASE WHEN v.name IS NULL THEN p.names ELSE v.names END AS names
    FROM bundle_components c
    JOIN products p ON p.organization_id = $1 AND p.id = c.component_id
    LEFT JOIN product_variants v ON v.organization_id = $1 AND v.id = c.variant_id
    WHERE c.organization_id = $1 AND c.product_id = ANY($2) AND c.deleted_at IS NULL
        AND (NOT c.is_optional AND c.quantity > 0 OR c.id = ANY($3)) AND p.deleted_at IS NULL
    ORDER BY c.position, c.id
"""
_BETWEEN = """
    SELECT r.product_id, r.related_id, r.kind, p.name, o.name AS own_name
    FROM product_relations r
    JOIN products p ON p.organization_id = $1 AND p.id = r.related_id
    JOIN products o ON o.organization_id = $1 AND o.id = r.product_id
    WHERE r.organization_id = $1 AND r.product_id = ANY($2) AND r.deleted_at IS NULL
        AND r.kind IN ('requires', 'excludes') AND p.deleted_at IS NULL
    ORDER BY r.position, r.id
"""


class Quotes(Repository[Quote]):
    """The quotes of an organization."""

    model = Quote
    listing = QUOTES

    async def parties(
        self, company_id: UUID | None, contact_id: UUID | None, owner_id: UUID | None
    ) -> dict[str, Any]:
        """The organization, the customer and whoever is responsible, those in the bin too."""
        rows = await self.tx.fetch(
            _PARTIES, self.tx.organization_id, company_id, contact_id, owner_id
        )
        return {name: None if one is None else decode(one) for name, one in rows[0].items()}

    async def contents(self, bundles: Sequence[UUID], chosen: Sequence[UUID]) -> list[Any]:
        """What bundles hold in any case, and of what they can do without what is chosen.

        `id`, `is_optional`, `bundle_id`, `product_id`, `variant_id`, `name`, `names`, `quantity`, in
        their order.
        """
        own = self.tx.organization_id
        return await self.tx.fetch(_CONTENTS, own, list(bundles), list(chosen))

    async def between(self, products: Collection[UUID]) -> list[Any]:
        """What products require or exclude: `product_id`, `own_name`, `related_id`, `name`, `kind`.

        Exclusions hold both ways, whichever of the two has the relation.
        """
        if not products:
            return []
        return await self.tx.fetch(_BETWEEN, self.tx.organization_id, list(products))

    async def language_of(self, content: QuoteContent) -> str | None:
        """The language that a quote is written in."""
        if content.language is not None:
            return content.language
        rows = await self.tx.fetch(
            "SELECT coalesce("
            "(SELECT language FROM contacts WHERE organization_id = $1 AND id = $3), "
            "(SELECT language FROM companies WHERE organization_id = $1 AND id = $2), "
            "(SELECT language FROM organizations WHERE id = $1)) AS language",
            self.tx.organization_id,
            content.company_id,
            content.contact_id,
        )
        return rows[0]["language"]

    async def company_of_deal(self, deal_id: UUID) -> tuple[bool, UUID | None]:
        """Whether there is such a living deal, and of which company it is."""
        rows = await self.tx.fetch(
            "SELECT company_id FROM deals "
            "WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
            self.tx.organization_id,
            deal_id,
        )
        return (True, rows[0]["company_id"]) if rows else (False, None)

    async def deals_with(self, deal_ids: Collection[UUID], statuses: Sequence[str]) -> set[UUID]:
        """Those of some deals that have a living quote of one of these statuses, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT DISTINCT deal_id FROM quotes WHERE organization_id = $1 "
            "AND deal_id = ANY($2) AND status = ANY($3) AND deleted_at IS NULL",
            self.tx.organization_id,
            list(deal_ids),
            list(statuses),
        )
        return {row["deal_id"] for row in rows}

    async def numbered(self, numbers: Collection[str]) -> dict[str, UUID]:
        """Living quotes that the actor sees, by their numbers."""
        query = self.select().where(Quote.number.in_(numbers), Quote.deleted_at.is_(None))
        rows: list[Any] = list(await self.tx.run(query.with_only_columns(Quote.number, Quote.id)))
        return dict(rows)

    async def mark(self, id: UUID, alert: str, mark: str | None) -> bool:
        """Note what is told of a quote by itself, or that nothing is; whether that is new."""
        return await marked(self.tx, Quote, id, alert, mark)

    async def policies(self) -> list[Any]:
        """Up to which discount roles need no approval."""
        return await self.tx.fetch(
            "SELECT role_id::text AS role_id, max_percent FROM discount_policies "
            "WHERE organization_id = $1 AND deleted_at IS NULL",
            self.tx.organization_id,
        )


class QuoteVersions(Repository[QuoteVersion]):
    """What was sent of quotes."""

    model = QuoteVersion
    listing = VERSIONS

    async def of(
        self, quote_id: UUID, revision: int | None = None, *, lock: bool = False
    ) -> QuoteVersion | None:
        """A version of a quote, the latest without a number, or None; locked to change it."""
        query = self.select_all().where(QuoteVersion.quote_id == quote_id)
        if revision is not None:
            query = query.where(QuoteVersion.revision == revision)
        query = query.order_by(QuoteVersion.revision.desc()).limit(1)
        if lock:
            query = query.with_for_update(key_share=True)
        return (await self.tx.run(query)).scalar_one_or_none()

    async def is_given_up(self, version: QuoteVersion) -> bool:
        """Whether nobody is about to make the document of a version."""
        return not await is_at_work(self.tx, version.job_id)


class Clauses(Repository[Clause]):
    """The library of clauses of an organization."""

    model = Clause
    listing = CLAUSES

    async def default(self) -> list[Clause]:
        """Those that new quotes have, in their order."""
        query = self.select().where(
            Clause.is_default, Clause.is_active, Clause.deleted_at.is_(None)
        )
        return list((await self.tx.run(query.order_by(Clause.position, Clause.id))).scalars())

    async def keyed(self, keys: Collection[str]) -> dict[str, UUID]:
        """Living clauses that the actor sees, by their keys."""
        query = self.select().where(Clause.key.in_(keys), Clause.deleted_at.is_(None))
        rows: list[Any] = list(await self.tx.run(query.with_only_columns(Clause.key, Clause.id)))
        return dict(rows)
