"""The catalogue: units, categories, products, variants, bundles, relations, specifications."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261227_catalogue"
down_revision = "20261229_accounts"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = (
    "units",
    "product_categories",
    "products",
    "product_variants",
    "bundle_components",
    "product_relations",
    "service_specifications",
)
# One at a time, so that a commit of one organization waits for no other.
DUE = """
    SELECT p.organization_id, p.id FROM products p
    JOIN organizations o ON o.id = p.organization_id
    WHERE p.deleted_at IS NULL AND (
        (p.status = 'draft' AND p.valid_from <= (now() AT TIME ZONE o.time_zone)::date
            AND (p.valid_to IS NULL OR p.valid_to >= (now() AT TIME ZONE o.time_zone)::date))
        OR (p.status = 'active' AND p.valid_to < (now() AT TIME ZONE o.time_zone)::date))
        AND (p.organization_id, p.id) > (after_organization, after_product)
    ORDER BY p.organization_id, p.id LIMIT most
"""


def stamps() -> list[Column]:
    """The columns that every record has after its own."""
    return [
        Column("version", sa.Integer(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("created_by", ID, nullable=True),
        Column("updated_by", ID, nullable=True),
        Column("owner_id", ID, nullable=True),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", ID, nullable=True),
    ]


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for kind in ("sku", "barcode"):
            name = f"uq_record_keys_organization_id_{kind}"
            # One that was broken off is there, and good for nothing.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.create_index(
                name,
                "record_keys",
                ["organization_id", "value"],
                unique=True,
                postgresql_where=sa.text(f"kind = '{kind}'"),
                postgresql_concurrently=True,
            )
    op.create_table(
        "product_categories",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("parent_id", ID, nullable=True),
        Column("position", sa.Integer(), nullable=False),
        Column("attributes", JSON, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("names", JSON, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "parent_id <> id", name=op.f("ck_product_categories_not_its_own_parent")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_id"],
            ["product_categories.organization_id", "product_categories.id"],
            name=op.f("fk_product_categories_organization_id_parent_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_product_categories")),
    )
    op.create_index(
        "ix_product_categories_created",
        "product_categories",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_product_categories_name", "product_categories", ["organization_id", "sort_name", "id"]
    )
    op.create_index(
        "ix_product_categories_parent",
        "product_categories",
        ["organization_id", "parent_id"],
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_product_categories_position",
        "product_categories",
        ["organization_id", "position", "id"],
    )
    op.create_index(
        "ix_product_categories_updated",
        "product_categories",
        ["organization_id", "updated_at", "id"],
    )
    op.create_table(
        "units",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("key", KEY, nullable=False),
        Column("symbol", KEY, nullable=True),
        Column("dimension", KEY, nullable=False),
        Column("ratio", KEY, nullable=False),
        Column("decimals", sa.Integer(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("names", JSON, nullable=False),
        *stamps(),
        sa.CheckConstraint("decimals BETWEEN 0 AND 6", name=op.f("ck_units_decimals")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_units")),
    )
    op.create_index("ix_units_created", "units", ["organization_id", "created_at", "id"])
    op.create_index("ix_units_dimension", "units", ["organization_id", "dimension"])
    op.create_index("ix_units_name", "units", ["organization_id", "sort_name", "id"])
    op.create_index("ix_units_updated", "units", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_units_organization_id_key",
        "units",
        ["organization_id", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "products",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("sku", KEY, nullable=False),
        Column("type", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("descriptions", JSON, nullable=False),
        Column("category_id", ID, nullable=True),
        Column("unit_id", ID, nullable=True),
        Column("tax_category", KEY, nullable=True),
        Column("currency", KEY, nullable=True),
        Column("barcode", KEY, nullable=True),
        Column("successor_id", ID, nullable=True),
        Column("valid_from", sa.Date(), nullable=True),
        Column("valid_to", sa.Date(), nullable=True),
        Column("attributes", JSON, nullable=False),
        Column("options", JSON, nullable=False),
        Column("needs", JSON, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("names", JSON, nullable=False),
        Column("cost", sa.BigInteger(), nullable=True),
        Column("list_price", sa.BigInteger(), nullable=True),
        Column("tags", JSON, nullable=False),
        Column("source", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'discontinued', 'archived')",
            name=op.f("ck_products_status"),
        ),
        sa.CheckConstraint(
            "type IN ('good', 'service', 'bundle', 'subscription')", name=op.f("ck_products_type")
        ),
        sa.CheckConstraint("successor_id <> id", name=op.f("ck_products_not_its_own_successor")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_products_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["organization_id", "category_id"],
            ["product_categories.organization_id", "product_categories.id"],
            name=op.f("fk_products_organization_id_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "successor_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_products_organization_id_successor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "unit_id"],
            ["units.organization_id", "units.id"],
            name=op.f("fk_products_organization_id_unit_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_products")),
    )
    op.create_index(
        "ix_products_begins",
        "products",
        ["valid_from"],
        postgresql_where=sa.text("status = 'draft' AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_products_category",
        "products",
        ["organization_id", "category_id"],
        postgresql_where=sa.text("category_id IS NOT NULL"),
    )
    op.create_index("ix_products_created", "products", ["organization_id", "created_at", "id"])
    op.create_index(
        "ix_products_ends",
        "products",
        ["valid_to"],
        postgresql_where=sa.text("status = 'active' AND deleted_at IS NULL"),
    )
    op.create_index("ix_products_name", "products", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_products_owner",
        "products",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index("ix_products_sku", "products", ["organization_id", "sku", "id"])
    op.create_index(
        "ix_products_successor",
        "products",
        ["organization_id", "successor_id"],
        postgresql_where=sa.text("successor_id IS NOT NULL"),
    )
    op.create_index(
        "ix_products_unit",
        "products",
        ["organization_id", "unit_id"],
        postgresql_where=sa.text("unit_id IS NOT NULL"),
    )
    op.create_index("ix_products_updated", "products", ["organization_id", "updated_at", "id"])
    op.create_table(
        "product_relations",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("product_id", ID, nullable=False),
        Column("related_id", ID, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("reason", KEY, nullable=True),
        Column("position", sa.Integer(), nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "kind IN ('cross_sell', 'up_sell', 'substitute', 'requires', 'excludes')",
            name=op.f("ck_product_relations_kind"),
        ),
        sa.CheckConstraint(
            "related_id <> product_id", name=op.f("ck_product_relations_not_to_itself")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_product_relations_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "related_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_product_relations_organization_id_related_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_product_relations")),
    )
    op.create_index(
        "ix_product_relations_created", "product_relations", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_product_relations_product", "product_relations", ["organization_id", "product_id"]
    )
    op.create_index(
        "ix_product_relations_related", "product_relations", ["organization_id", "related_id"]
    )
    op.create_index(
        "uq_product_relations_organization_id_related_id",
        "product_relations",
        ["organization_id", "product_id", "related_id", "kind"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "product_variants",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("product_id", ID, nullable=False),
        Column("sku", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("options", JSON, nullable=False),
        Column("barcode", KEY, nullable=True),
        Column("list_price_delta", sa.BigInteger(), nullable=True),
        Column("cost_delta", sa.BigInteger(), nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("names", JSON, nullable=False),
        Column("cost", sa.BigInteger(), nullable=True),
        Column("list_price", sa.BigInteger(), nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'discontinued', 'archived')",
            name=op.f("ck_product_variants_status"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(list_price, list_price_delta) < 2 AND num_nonnulls(cost, cost_delta) < 2",
            name=op.f("ck_product_variants_one_price"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_product_variants_organization_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_product_variants")),
    )
    op.create_index(
        "ix_product_variants_created", "product_variants", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_product_variants_name", "product_variants", ["organization_id", "sort_name", "id"]
    )
    op.create_index(
        "ix_product_variants_product", "product_variants", ["organization_id", "product_id"]
    )
    op.create_index("ix_product_variants_sku", "product_variants", ["organization_id", "sku", "id"])
    op.create_index(
        "ix_product_variants_updated", "product_variants", ["organization_id", "updated_at", "id"]
    )
    op.create_index(
        "uq_product_variants_organization_id_options",
        "product_variants",
        ["organization_id", "product_id", "options"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "service_specifications",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("product_id", ID, nullable=False),
        Column("duration_minutes", sa.Integer(), nullable=False),
        Column("buffer_before_minutes", sa.Integer(), nullable=False),
        Column("buffer_after_minutes", sa.Integer(), nullable=False),
        Column("capacity_per_day", sa.Integer(), nullable=True),
        Column("skills", JSON, nullable=False),
        Column("resources", JSON, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "buffer_before_minutes >= 0 AND buffer_after_minutes >= 0",
            name=op.f("ck_service_specifications_buffers"),
        ),
        sa.CheckConstraint("capacity_per_day > 0", name=op.f("ck_service_specifications_capacity")),
        sa.CheckConstraint("duration_minutes > 0", name=op.f("ck_service_specifications_duration")),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_service_specifications_organization_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_service_specifications")),
    )
    op.create_index(
        "ix_service_specifications_created",
        "service_specifications",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "uq_service_specifications_organization_id_product_id",
        "service_specifications",
        ["organization_id", "product_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "bundle_components",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("product_id", ID, nullable=False),
        Column("component_id", ID, nullable=False),
        Column("variant_id", ID, nullable=True),
        Column("quantity", sa.BigInteger(), nullable=False),
        Column("min_quantity", sa.BigInteger(), nullable=False),
        Column("max_quantity", sa.BigInteger(), nullable=True),
        Column("is_optional", sa.Boolean(), nullable=False),
        Column("price_mode", KEY, nullable=False),
        Column("price", sa.BigInteger(), nullable=True),
        Column("percent", sa.BigInteger(), nullable=True),
        Column("position", sa.Integer(), nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "price_mode IN ('sum', 'fixed', 'percent')",
            name=op.f("ck_bundle_components_price_mode"),
        ),
        sa.CheckConstraint(
            "component_id <> product_id", name=op.f("ck_bundle_components_not_in_itself")
        ),
        sa.CheckConstraint(
            "min_quantity >= 0 AND quantity >= min_quantity AND quantity <= max_quantity",
            name=op.f("ck_bundle_components_quantities"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "component_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_bundle_components_organization_id_component_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_bundle_components_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "variant_id"],
            ["product_variants.organization_id", "product_variants.id"],
            name=op.f("fk_bundle_components_organization_id_variant_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_bundle_components")),
    )
    op.create_index(
        "ix_bundle_components_component", "bundle_components", ["organization_id", "component_id"]
    )
    op.create_index(
        "ix_bundle_components_created", "bundle_components", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_bundle_components_position", "bundle_components", ["organization_id", "position", "id"]
    )
    op.create_index(
        "ix_bundle_components_product", "bundle_components", ["organization_id", "product_id"]
    )
    op.create_index(
        "ix_bundle_components_variant",
        "bundle_components",
        ["organization_id", "variant_id"],
        postgresql_where=sa.text("variant_id IS NOT NULL"),
    )
    op.create_index(
        "uq_bundle_components_organization_id_component_id",
        "bundle_components",
        ["organization_id", "product_id", "component_id", "variant_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    for table in TABLES:
        ddl.protect(table)
    ddl.count_records("products")
    ddl.see_all("products", ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_products_due(after_organization uuid, after_product uuid, most integer)",
        "TABLE (organization_id uuid, product_id uuid)",
        DUE,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_products_due")
    for table in reversed(TABLES):
        op.drop_table(table)
    for kind in ("sku", "barcode"):
        op.drop_index(f"uq_record_keys_organization_id_{kind}", "record_keys")
