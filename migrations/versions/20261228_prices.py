"""Tax rates, promotions with their coupons, discount policies, price lists and contract prices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, ExcludeConstraint

from crm_api.kit.db import ddl

revision = "20261228_prices"
down_revision = "20261227_catalogue"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = (
    "tax_rates",
    "discount_policies",
    "price_lists",
    "promotions",
    "contract_prices",
    "coupons",
    "price_rules",
    "coupon_redemptions",
)


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


def alone(table: str, *columns: str) -> ExcludeConstraint:
    """No two living rows have these values on one day."""
    return ExcludeConstraint(
        *((sa.column(name), "=") for name in ("organization_id", *columns)),
        (sa.text("daterange(valid_from, valid_to, '[]')"), "&&"),
        name=f"ex_{table}_overlap",
        using="gist",
        where=sa.text("deleted_at IS NULL"),
    )


def upgrade() -> None:
    # It stays at a downgrade: others may use it by now.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "tax_rates",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("code", KEY, nullable=False),
        Column("country", KEY, nullable=False),
        Column("region", KEY, nullable=False),
        Column("tax_category", KEY, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("rate", sa.BigInteger(), nullable=False),
        Column("compound", sa.Boolean(), nullable=False),
        Column("position", sa.Integer(), nullable=False),
        Column("valid_from", sa.Date(), nullable=True),
        Column("valid_to", sa.Date(), nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        alone("tax_rates", "country", "region", "tax_category", "code"),
        sa.CheckConstraint(
            "kind IN ('standard', 'reduced', 'zero', 'exempt', 'reverse_charge')",
            name=op.f("ck_tax_rates_kind"),
        ),
        sa.CheckConstraint("rate >= 0", name=op.f("ck_tax_rates_rate")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_tax_rates_ends_after_start")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_tax_rates")),
    )
    op.create_index("ix_tax_rates_country", "tax_rates", ["organization_id", "country"])
    op.create_index("ix_tax_rates_created", "tax_rates", ["organization_id", "created_at", "id"])
    op.create_index("ix_tax_rates_name", "tax_rates", ["organization_id", "sort_name", "id"])
    op.create_index("ix_tax_rates_updated", "tax_rates", ["organization_id", "updated_at", "id"])
    op.create_table(
        "discount_policies",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("role_id", ID, nullable=True),
        Column("max_percent", sa.BigInteger(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "max_percent BETWEEN 0 AND 100000000", name=op.f("ck_discount_policies_max_percent")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "role_id"],
            ["roles.organization_id", "roles.id"],
            name=op.f("fk_discount_policies_organization_id_role_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_discount_policies")),
    )
    op.create_index(
        "ix_discount_policies_created", "discount_policies", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_discount_policies_name", "discount_policies", ["organization_id", "sort_name", "id"]
    )
    op.create_index(
        "ix_discount_policies_role",
        "discount_policies",
        ["organization_id", "role_id"],
        postgresql_where=sa.text("role_id IS NOT NULL"),
    )
    op.create_index(
        "ix_discount_policies_updated", "discount_policies", ["organization_id", "updated_at", "id"]
    )
    op.create_index(
        "uq_discount_policies_organization_id_role_id",
        "discount_policies",
        ["organization_id", "role_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "price_lists",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("currency", KEY, nullable=False),
        Column("priority", sa.Integer(), nullable=False),
        Column("audience", KEY, nullable=False),
        Column("company_id", ID, nullable=True),
        Column("audience_key", KEY, nullable=True),
        Column("valid_from", sa.Date(), nullable=True),
        Column("valid_to", sa.Date(), nullable=True),
        Column("parent_id", ID, nullable=True),
        Column("factor", sa.BigInteger(), nullable=False),
        Column("tax_included", sa.Boolean(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "(audience = 'account') = (company_id IS NOT NULL) AND (audience IN ('segment', 'channel', 'region')) = (audience_key IS NOT NULL)",
            name=op.f("ck_price_lists_whose"),
        ),
        sa.CheckConstraint(
            "audience IN ('account', 'segment', 'channel', 'region', 'default')",
            name=op.f("ck_price_lists_audience"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'scheduled', 'active', 'expired')",
            name=op.f("ck_price_lists_status"),
        ),
        sa.CheckConstraint("factor > 0", name=op.f("ck_price_lists_factor")),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_price_lists_not_its_own_parent")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_price_lists_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_price_lists_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_id"],
            ["price_lists.organization_id", "price_lists.id"],
            name=op.f("fk_price_lists_organization_id_parent_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_price_lists")),
    )
    op.create_index(
        "ix_price_lists_audience",
        "price_lists",
        ["organization_id", "currency", "audience", "audience_key"],
    )
    op.create_index(
        "ix_price_lists_company",
        "price_lists",
        ["organization_id", "company_id"],
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index(
        "ix_price_lists_created", "price_lists", ["organization_id", "created_at", "id"]
    )
    op.create_index("ix_price_lists_name", "price_lists", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_price_lists_parent",
        "price_lists",
        ["organization_id", "parent_id"],
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_price_lists_updated", "price_lists", ["organization_id", "updated_at", "id"]
    )
    op.create_table(
        "promotions",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("percent", sa.BigInteger(), nullable=True),
        Column("amount", sa.BigInteger(), nullable=True),
        Column("currency", KEY, nullable=True),
        Column("product_id", ID, nullable=True),
        Column("category_id", ID, nullable=True),
        Column("needs_coupon", sa.Boolean(), nullable=False),
        Column("stacking", KEY, nullable=False),
        Column("priority", sa.Integer(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("valid_from", sa.Date(), nullable=True),
        Column("valid_to", sa.Date(), nullable=True),
        Column("description", sa.Text(), nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "stacking IN ('exclusive', 'stackable')", name=op.f("ck_promotions_stacking")
        ),
        sa.CheckConstraint(
            "(amount IS NULL) = (currency IS NULL)", name=op.f("ck_promotions_currency")
        ),
        sa.CheckConstraint(
            "num_nonnulls(percent, amount) = 1", name=op.f("ck_promotions_one_discount")
        ),
        sa.CheckConstraint(
            "num_nonnulls(product_id, category_id) < 2", name=op.f("ck_promotions_one_target")
        ),
        sa.CheckConstraint("percent BETWEEN 0 AND 100000000", name=op.f("ck_promotions_percent")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_promotions_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["organization_id", "category_id"],
            ["product_categories.organization_id", "product_categories.id"],
            name=op.f("fk_promotions_organization_id_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_promotions_organization_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_promotions")),
    )
    op.create_index(
        "ix_promotions_category",
        "promotions",
        ["organization_id", "category_id"],
        postgresql_where=sa.text("category_id IS NOT NULL"),
    )
    op.create_index("ix_promotions_created", "promotions", ["organization_id", "created_at", "id"])
    op.create_index("ix_promotions_name", "promotions", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_promotions_product",
        "promotions",
        ["organization_id", "product_id"],
        postgresql_where=sa.text("product_id IS NOT NULL"),
    )
    op.create_index("ix_promotions_updated", "promotions", ["organization_id", "updated_at", "id"])
    op.create_table(
        "contract_prices",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("company_id", ID, nullable=False),
        Column("product_id", ID, nullable=True),
        Column("variant_id", ID, nullable=True),
        Column("target_id", ID, nullable=False),
        Column("currency", KEY, nullable=False),
        Column("unit_price", sa.BigInteger(), nullable=False),
        Column("min_quantity", sa.BigInteger(), nullable=False),
        Column("tax_included", sa.Boolean(), nullable=False),
        Column("reference", KEY, nullable=True),
        Column("valid_from", sa.Date(), nullable=True),
        Column("valid_to", sa.Date(), nullable=True),
        *stamps(),
        alone("contract_prices", "company_id", "target_id", "currency", "min_quantity"),
        sa.CheckConstraint(
            "min_quantity >= 0 AND unit_price >= 0", name=op.f("ck_contract_prices_not_negative")
        ),
        sa.CheckConstraint(
            "num_nonnulls(product_id, variant_id) = 1", name=op.f("ck_contract_prices_one_target")
        ),
        sa.CheckConstraint(
            "valid_to >= valid_from", name=op.f("ck_contract_prices_ends_after_start")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_contract_prices_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_contract_prices_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "variant_id"],
            ["product_variants.organization_id", "product_variants.id"],
            name=op.f("fk_contract_prices_organization_id_variant_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_contract_prices")),
    )
    op.create_index(
        "ix_contract_prices_company",
        "contract_prices",
        ["organization_id", "company_id"],
        postgresql_where=None,
    )
    op.create_index(
        "ix_contract_prices_created", "contract_prices", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_contract_prices_product",
        "contract_prices",
        ["organization_id", "product_id"],
        postgresql_where=sa.text("product_id IS NOT NULL"),
    )
    op.create_index(
        "ix_contract_prices_target",
        "contract_prices",
        ["organization_id", "company_id", "target_id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_contract_prices_updated", "contract_prices", ["organization_id", "updated_at", "id"]
    )
    op.create_index(
        "ix_contract_prices_variant",
        "contract_prices",
        ["organization_id", "variant_id"],
        postgresql_where=sa.text("variant_id IS NOT NULL"),
    )
    op.create_table(
        "coupons",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("promotion_id", ID, nullable=False),
        Column("code", KEY, nullable=False),
        Column("max_redemptions", sa.Integer(), nullable=True),
        Column("max_per_customer", sa.Integer(), nullable=True),
        Column("redeemed", sa.Integer(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("valid_from", sa.Date(), nullable=True),
        Column("valid_to", sa.Date(), nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "max_redemptions > 0 AND max_per_customer > 0", name=op.f("ck_coupons_limits")
        ),
        sa.CheckConstraint(
            "redeemed >= 0 AND redeemed <= max_redemptions", name=op.f("ck_coupons_redeemed")
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_coupons_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["organization_id", "promotion_id"],
            ["promotions.organization_id", "promotions.id"],
            name=op.f("fk_coupons_organization_id_promotion_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_coupons")),
    )
    op.create_index("ix_coupons_created", "coupons", ["organization_id", "created_at", "id"])
    op.create_index(
        "ix_coupons_promotion",
        "coupons",
        ["organization_id", "promotion_id"],
        postgresql_where=None,
    )
    op.create_index("ix_coupons_updated", "coupons", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_coupons_organization_id_code",
        "coupons",
        ["organization_id", "code"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "price_rules",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("price_list_id", ID, nullable=False),
        Column("variant_id", ID, nullable=True),
        Column("product_id", ID, nullable=True),
        Column("category_id", ID, nullable=True),
        Column("target_id", ID, nullable=False),
        Column("min_quantity", sa.BigInteger(), nullable=False),
        Column("method", KEY, nullable=False),
        Column("unit_price", sa.BigInteger(), nullable=True),
        Column("percent", sa.BigInteger(), nullable=True),
        Column("base", KEY, nullable=False),
        Column("formula", KEY, nullable=True),
        Column("surcharge", sa.BigInteger(), nullable=True),
        Column("round_to", sa.BigInteger(), nullable=True),
        Column("direction", KEY, nullable=False),
        Column("ending", sa.BigInteger(), nullable=True),
        Column("floor", sa.BigInteger(), nullable=True),
        Column("ceiling", sa.BigInteger(), nullable=True),
        Column("min_margin", sa.BigInteger(), nullable=True),
        Column("max_margin", sa.BigInteger(), nullable=True),
        Column("tier_mode", KEY, nullable=True),
        Column("tiers", JSON, nullable=False),
        Column("valid_from", sa.Date(), nullable=True),
        Column("valid_to", sa.Date(), nullable=True),
        *stamps(),
        alone("price_rules", "price_list_id", "target_id", "min_quantity"),
        sa.CheckConstraint("base IN ('list', 'cost', 'parent')", name=op.f("ck_price_rules_base")),
        sa.CheckConstraint(
            "direction IN ('nearest', 'up', 'down')", name=op.f("ck_price_rules_direction")
        ),
        sa.CheckConstraint(
            "method IN ('fixed', 'percent', 'formula', 'cost_plus')",
            name=op.f("ck_price_rules_method"),
        ),
        sa.CheckConstraint(
            "tier_mode IN ('volume', 'graduated', 'package')", name=op.f("ck_price_rules_tier_mode")
        ),
        sa.CheckConstraint("min_quantity >= 0", name=op.f("ck_price_rules_min_quantity")),
        sa.CheckConstraint(
            "num_nonnulls(variant_id, product_id, category_id) < 2",
            name=op.f("ck_price_rules_one_target"),
        ),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_price_rules_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["organization_id", "category_id"],
            ["product_categories.organization_id", "product_categories.id"],
            name=op.f("fk_price_rules_organization_id_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "price_list_id"],
            ["price_lists.organization_id", "price_lists.id"],
            name=op.f("fk_price_rules_organization_id_price_list_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_price_rules_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "variant_id"],
            ["product_variants.organization_id", "product_variants.id"],
            name=op.f("fk_price_rules_organization_id_variant_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_price_rules")),
    )
    op.create_index(
        "ix_price_rules_category",
        "price_rules",
        ["organization_id", "category_id"],
        postgresql_where=sa.text("category_id IS NOT NULL"),
    )
    op.create_index(
        "ix_price_rules_created", "price_rules", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_price_rules_price_list",
        "price_rules",
        ["organization_id", "price_list_id"],
        postgresql_where=None,
    )
    op.create_index(
        "ix_price_rules_product",
        "price_rules",
        ["organization_id", "product_id"],
        postgresql_where=sa.text("product_id IS NOT NULL"),
    )
    op.create_index(
        "ix_price_rules_target",
        "price_rules",
        ["organization_id", "target_id", "price_list_id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_price_rules_updated", "price_rules", ["organization_id", "updated_at", "id"]
    )
    op.create_index(
        "ix_price_rules_variant",
        "price_rules",
        ["organization_id", "variant_id"],
        postgresql_where=sa.text("variant_id IS NOT NULL"),
    )
    op.create_table(
        "coupon_redemptions",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("coupon_id", ID, nullable=False),
        Column("company_id", ID, nullable=False),
        Column("reference", KEY, nullable=False),
        *stamps(),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_coupon_redemptions_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "coupon_id"],
            ["coupons.organization_id", "coupons.id"],
            name=op.f("fk_coupon_redemptions_organization_id_coupon_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_coupon_redemptions")),
    )
    op.create_index(
        "ix_coupon_redemptions_company", "coupon_redemptions", ["organization_id", "company_id"]
    )
    op.create_index(
        "ix_coupon_redemptions_created",
        "coupon_redemptions",
        ["organization_id", "created_at", "id"],
    )
    op.create_index(
        "ix_coupon_redemptions_updated",
        "coupon_redemptions",
        ["organization_id", "updated_at", "id"],
    )
    op.create_index(
        "uq_coupon_redemptions_organization_id_reference",
        "coupon_redemptions",
        ["organization_id", "coupon_id", "reference"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    for table in TABLES:
        ddl.protect(table)
    for table in ("contract_prices", "price_lists", "promotions"):
        ddl.count_records(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
