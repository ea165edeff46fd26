"""Active products of which nothing says what they cost whoever a list is for."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from crm_api.domains.prices.bundling import price_of
from crm_api.domains.prices.checking import Finding, finding
from crm_api.domains.prices.choosing import Chooser, NoPrice
from crm_api.domains.prices.gathering import Question, Row, gather
from crm_api.domains.prices.items import item_of
from crm_api.domains.prices.models import PriceList
from crm_api.domains.prices.resolving import PriceService
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.pricing.rounding import ONE

_COUNTS = (ONE, Decimal(1_000_000))
"""Some have a price from a quantity on alone."""
# What has a price of its own has one; of bundles that is the half of it.
_IN_DOUBT = """
    SELECT id FROM products p WHERE organization_id = $1 AND status = 'active'
        AND deleted_at IS NULL AND (type = 'bundle'
            OR (list_price IS NULL OR currency <> $3) AND NOT EXISTS (
                SELECT FROM price_rules r WHERE r.organization_id = $1 AND r.price_list_id = $2
                    AND r.target_id = p.id AND r.method = 'fixed' AND r.deleted_at IS NULL
                    AND (r.valid_from IS NULL OR r.valid_from <= $4)
                    AND (r.valid_to IS NULL OR r.valid_to >= $4)))
    ORDER BY id
"""
_VARIANTS = """
    SELECT id, product_id FROM product_variants WHERE organization_id = $1
        AND product_id = ANY($2) AND status = 'active' AND deleted_at IS NULL
    ORDER BY product_id, id
"""


async def in_doubt(tx: Tx, of: PriceList) -> list[UUID]:
    """The active products that may have no price for whoever a list is for."""
    own = tx.organization_id
    rows = await tx.fetch(_IN_DOUBT, own, of.id, of.currency, today_of(tx))
    return [row["id"] for row in rows]


async def unpriced(tx: Tx, of: PriceList, products: Sequence[UUID]) -> list[Finding]:
    """Those of some products that have no price there; of what has variants, those of these."""
    rows = await tx.fetch(_VARIANTS, tx.organization_id, list(products))
    day, key = today_of(tx), of.audience_key
    asked = Question(
        products,
        [row["id"] for row in rows],
        [],
        of.currency,
        day,
        company_id=of.company_id,
        segments=[key] if key is not None and of.audience == "segment" else [],
        channel=key if of.audience == "channel" else None,
        region=key if of.audience == "region" else None,
        begun=[of.id],
    )
    facts = await gather(tx, asked)
    facts.asked = sorted(facts.asked, key=lambda one: one["id"] != str(of.id))
    sold: list[tuple[Row, Row | None]] = [
        (product, facts.variants[str(row["id"])])
        for row in rows
        if str(row["id"]) in facts.variants
        and (product := facts.products.get(str(row["product_id"]))) is not None
    ]
    in_variants = {product["id"] for product, _ in sold}
    sold += [
        (facts.products[id], None)
        for id in map(str, products)
        if id in facts.products and id not in in_variants
    ]

    def lacking(chooser: Chooser) -> list[str]:
        return [
            (product if variant is None else variant)["id"]
            for product, variant in sold
            if not _has_price(chooser, product, variant)
        ]

    found = await PriceService(tx).with_rates(facts, of.currency, day, lacking)
    return [{**finding("unpriced", None), "target_id": id} for id in found]


def _has_price(chooser: Chooser, product: Row, variant: Row | None) -> bool:
    for count in _COUNTS:
        try:
            price_of(chooser, item_of(chooser.facts, product, variant, count))
        except (NoPrice, Conflict):
            continue
        return True
    return False
