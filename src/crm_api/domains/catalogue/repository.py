"""How the records of the catalogue are listed and found."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.codes import as_written, barcode_key, sku_key
from crm_api.domains.catalogue.compositions import (
    BundleComponentOut,
    ProductRelationOut,
    ServiceSpecificationOut,
)
from crm_api.domains.catalogue.models import (
    BundleComponent,
    Product,
    ProductCategory,
    ProductRelation,
    ProductVariant,
    ServiceSpecification,
    Unit,
)
from crm_api.domains.catalogue.schemas import (
    ProductCategoryOut,
    ProductOut,
    ProductVariantOut,
    UnitOut,
)
from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.tree import TreeRepository
from crm_api.kit.db.base import Entity
from crm_api.kit.db.json import decode
from crm_api.kit.query.listing import Key, Listing, Relation, Searched
from crm_api.kit.query.visibility import among

CATALOGUE, PRODUCTS = "catalogue", "products"


UNITS: Listing = Listing(
    model=Unit,
    out=UnitOut,
    area=CATALOGUE,
    sorts={"name": Unit.sort_name},
    matched_by={"key": Key("key", as_written)},
    search=Searched(
        names=("name", "names", "key", "symbol"),
        others=("external_ids",),
        subtitle=("symbol", "key"),
    ),
)
CATEGORIES: Listing = Listing(
    model=ProductCategory,
    out=ProductCategoryOut,
    area=CATALOGUE,
    sorts={"name": ProductCategory.sort_name},
    relations=(
        Relation("parent", lambda: CATEGORIES, ProductCategory.parent_id, ProductCategory.id),
        Relation(
            "children", lambda: CATEGORIES, ProductCategory.id, ProductCategory.parent_id, many=True
        ),
        Relation("products", lambda: LISTING, ProductCategory.id, Product.category_id, many=True),
    ),
    search=Searched(names=("name", "names"), others=("description", "external_ids")),
)
_CODES = {"sku": Key("sku", sku_key), "barcode": Key("barcode", barcode_key)}
LISTING: Listing = Listing(
    model=Product,
    out=ProductOut,
    area=PRODUCTS,
    sorts={"name": Product.sort_name},
    relations=(
        Relation("category", lambda: CATEGORIES, Product.category_id, ProductCategory.id),
        Relation("unit", lambda: UNITS, Product.unit_id, Unit.id),
        Relation("successor", lambda: LISTING, Product.successor_id, Product.id),
        Relation("predecessors", lambda: LISTING, Product.id, Product.successor_id, many=True),
        Relation(
            "variants",
            lambda: VARIANTS,
            Product.id,
            ProductVariant.product_id,
            many=True,
            part=True,
        ),
        Relation(
            "components",
            lambda: COMPONENTS,
            Product.id,
            BundleComponent.product_id,
            many=True,
            part=True,
        ),
        Relation(
            "relations",
            lambda: RELATIONS,
            Product.id,
            ProductRelation.product_id,
            many=True,
            part=True,
        ),
        Relation(
            "specifications",
            lambda: SPECIFICATIONS,
            Product.id,
            ServiceSpecification.product_id,
            many=True,
            part=True,
        ),
    ),
    matched_by=_CODES,
    search=Searched(
        names=("name", "names", "sku"),
        others=("barcode", "needs", "tags", "description", "descriptions", "external_ids"),
        subtitle=("sku",),
    ),
)
VARIANTS: Listing = Listing(
    model=ProductVariant,
    out=ProductVariantOut,
    foreign=dict.fromkeys(("cost", "cost_delta", "list_price", "list_price_delta"), "product"),
    area=PRODUCTS,
    sorts={"name": ProductVariant.sort_name},
    relations=(Relation("product", lambda: LISTING, ProductVariant.product_id, Product.id),),
    matched_by=_CODES,
    search=Searched(
        names=("name", "names", "sku"), others=("barcode", "external_ids"), subtitle=("sku",)
    ),
    within="product",
)
COMPONENTS: Listing = Listing(
    model=BundleComponent,
    out=BundleComponentOut,
    foreign={"price": "product"},
    area=PRODUCTS,
    relations=(
        Relation("product", lambda: LISTING, BundleComponent.product_id, Product.id),
        Relation("component", lambda: LISTING, BundleComponent.component_id, Product.id),
        Relation("variant", lambda: VARIANTS, BundleComponent.variant_id, ProductVariant.id),
    ),
    within="product",
)
RELATIONS: Listing = Listing(
    model=ProductRelation,
    out=ProductRelationOut,
    area=PRODUCTS,
    relations=(
        Relation("product", lambda: LISTING, ProductRelation.product_id, Product.id),
        Relation("related", lambda: LISTING, ProductRelation.related_id, Product.id),
    ),
    within="product",
)
SPECIFICATIONS: Listing = Listing(
    model=ServiceSpecification,
    out=ServiceSpecificationOut,
    area=PRODUCTS,
    relations=(Relation("product", lambda: LISTING, ServiceSpecification.product_id, Product.id),),
    within="product",
)


class Units(Repository[Unit]):
    """The units of an organization."""

    model = Unit
    listing = UNITS

    async def by_key(self, keys: Sequence[str]) -> dict[str, Any]:
        """The living units that go by these keys: `key`, `dimension` and `ratio` of each."""
        rows = await self.tx.fetch(
            "SELECT key, dimension, ratio FROM units WHERE organization_id = $1 "
            "AND key = ANY($2) AND deleted_at IS NULL",
            self.tx.organization_id,
            list(keys),
        )
        return {row["key"]: row for row in rows}

    async def named(self) -> list[tuple[UUID, list[str]]]:
        """Every living unit with what it goes by."""
        rows = await self.tx.fetch(
            "SELECT id, key, name, symbol, names FROM units WHERE organization_id = $1 "
            "AND deleted_at IS NULL",
            self.tx.organization_id,
        )
        return [
            (id, [key, name, symbol or key, *decode(names).values()])
            for id, key, name, symbol, names in rows
        ]


class ProductCategories(TreeRepository[ProductCategory]):
    """The categories of an organization."""

    model = ProductCategory
    listing = CATEGORIES

    async def attributes(self) -> list[dict[str, Any]]:
        """What every living category says that its products have."""
        rows = await self.tx.fetch(
            "SELECT attributes FROM product_categories WHERE organization_id = $1 "
            "AND deleted_at IS NULL AND attributes <> '[]' ORDER BY created_at, id",
            self.tx.organization_id,
        )
        return [told for row in rows for told in decode(row["attributes"])]

    async def named(self) -> list[tuple[UUID, list[str]]]:
        """Every living category with its name, and with its path: `Devices > Printers`."""
        rows = await self.tx.fetch(
            "SELECT id, name, parent_id FROM product_categories WHERE organization_id = $1 "
            "AND deleted_at IS NULL",
            self.tx.organization_id,
        )
        known = {row["id"]: row for row in rows}
        return [(row["id"], [row["name"], _path(row, known)]) for row in rows]

    async def lineage(self, id: UUID) -> list[tuple[UUID, list[dict[str, Any]]]]:
        """A category and those above it with their attributes, the highest first.

        Whoever asks; empty if there is none.
        """
        ids = await self.ancestors(id)
        rows = await self.tx.fetch(
            "SELECT id, attributes FROM product_categories WHERE organization_id = $1 "
            "AND id = ANY($2)",
            self.tx.organization_id,
            ids,
        )
        found = {row["id"]: decode(row["attributes"]) for row in rows}
        return [(above, found[above]) for above in reversed(ids)]


def _path(category: Mapping[str, Any], known: Mapping[UUID, Mapping[str, Any]]) -> str:
    names = [category["name"]]
    above = known.get(category["parent_id"])
    while above is not None and len(names) < len(known):
        names.append(above["name"])
        above = known.get(above["parent_id"])
    return " > ".join(reversed(names))


class Products(TreeRepository[Product]):
    """The products of an organization."""

    model = Product
    listing = LISTING
    above = "successor_id"

    async def has_parts(self, id: UUID, model: type[Entity]) -> bool:
        """Whether living records of a kind are parts of a product, whoever asks."""
        rows = await self.tx.fetch(  # the only part that varies is the name of a table
            f"SELECT 1 FROM {model.__tablename__} WHERE organization_id = $1 "  # noqa: S608
            "AND product_id = $2 AND deleted_at IS NULL LIMIT 1",
            self.tx.organization_id,
            id,
        )
        return bool(rows)

    async def variants(self, id: UUID) -> list[tuple[str, dict[str, str]]]:
        """The skus and options of a product's living variants, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT sku, options FROM product_variants WHERE organization_id = $1 "
            "AND product_id = $2 AND deleted_at IS NULL",
            self.tx.organization_id,
            id,
        )
        return [(row["sku"], decode(row["options"])) for row in rows]


class ProductVariants(Repository[ProductVariant]):
    """The variants of the products of an organization."""

    model = ProductVariant
    listing = VARIANTS


# The longest ways down and up, not followed much further than may be, each step by an index.
_NESTING = """
    WITH RECURSIVE parts AS NOT MATERIALIZED (SELECT * FROM bundle_components
        WHERE organization_id = $1 AND deleted_at IS NULL),
    down AS (SELECT $2::uuid AS id, 0 AS depth UNION SELECT c.component_id, depth + 1 FROM parts c
        JOIN down ON c.product_id = down.id WHERE depth <= $4),
    up AS (SELECT $3::uuid AS id, 0 AS depth UNION SELECT c.product_id, depth + 1 FROM parts c
        JOIN up ON c.component_id = up.id WHERE depth <= $4)
    SELECT EXISTS (SELECT FROM down WHERE id = $3) AS is_circle,
        (SELECT max(depth) FROM down) + 1 + (SELECT max(depth) FROM up) AS deepest
"""


class BundleComponents(Repository[BundleComponent]):
    """What the bundles of an organization are made of."""

    model = BundleComponent
    listing = COMPONENTS

    async def any_but(self, bundle: UUID, ids: Sequence[UUID]) -> bool:
        """Whether a bundle has living components besides these, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT 1 FROM bundle_components WHERE organization_id = $1 AND product_id = $2 "
            "AND deleted_at IS NULL AND id <> ALL($3) LIMIT 1",
            self.tx.organization_id,
            bundle,
            list(ids),
        )
        return bool(rows)

    async def optional(self, bundles: Sequence[UUID]) -> list[UUID]:
        """The living components that some bundles can do without, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT id FROM bundle_components WHERE organization_id = $1 AND product_id = ANY($2) "
            "AND deleted_at IS NULL AND is_optional",
            self.tx.organization_id,
            list(bundles),
        )
        return [row["id"] for row in rows]

    async def nesting(self, bundle: UUID, part: UUID, most: int) -> tuple[bool, int]:
        """Whether a bundle is in what becomes a part of it, and how deep bundles then nest."""
        (row,) = await self.tx.fetch(_NESTING, self.tx.organization_id, part, bundle, most)
        return row["is_circle"], row["deepest"]


class ProductRelations(Repository[ProductRelation]):
    """What the products of an organization have to do with each other."""

    model = ProductRelation
    listing = RELATIONS

    async def of(self, ids: Iterable[UUID]) -> list[Any]:
        """The living relations that begin or end at some products and are seen, in their order."""
        rows = await self.tx.fetch(
            f"{_RELATIONS} AND (product_id = ANY($2) OR related_id = ANY($2)) ORDER BY position, id",
            self.tx.organization_id,
            list(ids),
        )
        visible = await among(self.tx, self.listing, self.sight, [row["id"] for row in rows])
        return [row for row in rows if row["id"] in visible]

    async def between(self, one: UUID, other: UUID) -> list[str]:
        """The kinds of the living relations of two products with each other, whoever asks."""
        rows = await self.tx.fetch(
            f"{_RELATIONS} AND product_id = ANY($2) AND related_id = ANY($2)",
            self.tx.organization_id,
            [one, other],
        )
        return [row["kind"] for row in rows]

    async def contradiction(self, ids: Sequence[UUID]) -> tuple[UUID, UUID] | None:
        """Two products that exclude each other and that one and the same product takes.

        Looked for among those which take all of these, however indirectly; itself counts too.
        """
        rows = await self.tx.fetch(
            _CONTRADICTION, self.tx.organization_id, list(ids), len(set(ids))
        )
        return (rows[0][0], rows[0][1]) if rows else None


_RELATIONS = (
    "SELECT id, product_id, related_id, kind, reason FROM product_relations "
    "WHERE organization_id = $1 AND deleted_at IS NULL"
)
# Those that take something stand above it; of each of them follows what it takes.
_CONTRADICTION = """
    WITH RECURSIVE edges AS (
        SELECT product_id, related_id, kind FROM product_relations
        WHERE organization_id = $1 AND deleted_at IS NULL AND kind IN ('requires', 'excludes')),
    up AS (
        SELECT id AS taken, id AS root FROM unnest($2::uuid[]) AS id
        UNION SELECT up.taken, e.product_id FROM edges e JOIN up ON e.related_id = up.root
        WHERE e.kind = 'requires'),
    roots AS (SELECT root FROM up GROUP BY root HAVING count(DISTINCT taken) = $3),
    down AS (
        SELECT root, root AS id FROM roots
        UNION SELECT down.root, e.related_id FROM edges e JOIN down ON e.product_id = down.id
        WHERE e.kind = 'requires')
    SELECT e.product_id, e.related_id FROM edges e
    JOIN down a ON a.id = e.product_id JOIN down b ON b.id = e.related_id AND b.root = a.root
    WHERE e.kind = 'excludes' LIMIT 1
"""


class ServiceSpecifications(Repository[ServiceSpecification]):
    """What the services of an organization take."""

    model = ServiceSpecification
    listing = SPECIFICATIONS
