"""Coupons count by contact where there is no company."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

from crm_api.kit.db import ddl

revision = "20270305_coupons_by_contact"
down_revision = "20270304_contact_relationships"
branch_labels = None
depends_on = None

TABLE = "coupon_redemptions"
# Those that quotes of people without a company have used: a redemption is by the quote's number.
FILL = f"""
    UPDATE {TABLE} r SET contact_id = q.contact_id FROM quotes q
    WHERE q.organization_id = r.organization_id AND q.number = r.reference
        AND q.company_id IS NULL AND r.company_id IS NULL AND q.contact_id IS NOT NULL
"""


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("contact_id", sa.Uuid(), nullable=True))
    # The owner of the tables fills it for all organizations, and sees them only so.
    with ddl.rows_of_all(TABLE, "quotes"):
        op.execute(FILL)
    op.create_check_constraint(
        op.f("ck_coupon_redemptions_one_customer"),
        TABLE,
        "num_nonnulls(company_id, contact_id) < 2",
    )
    op.create_foreign_key(
        op.f("fk_coupon_redemptions_organization_id_contact_id"),
        TABLE,
        "contacts",
        ["organization_id", "contact_id"],
        ["organization_id", "id"],
    )
    op.create_index(
        "ix_coupon_redemptions_contact",
        TABLE,
        ["organization_id", "contact_id"],
        postgresql_where=text("contact_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_coupon_redemptions_contact", TABLE)
    op.drop_constraint(
        op.f("fk_coupon_redemptions_organization_id_contact_id"), TABLE, type_="foreignkey"
    )
    op.drop_constraint(op.f("ck_coupon_redemptions_one_customer"), TABLE, type_="check")
    op.drop_column(TABLE, "contact_id")
