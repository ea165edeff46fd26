"""Coupons are used by whoever accepts a quote, also where that is no company."""

from alembic import op
from sqlalchemy import text

from crm_api.kit.db import ddl

revision = "20270301_coupons_of_people"
down_revision = "20270301_hashes_of_decisions"
branch_labels = None
depends_on = None

TABLE, INDEX, COLUMNS = (
    "coupon_redemptions",
    "ix_coupon_redemptions_company",
    ["organization_id", "company_id"],
)
# They say how often coupons were used: removed, these could be used once more.
REFUSE = f"""
    DO $$ BEGIN
        IF EXISTS (SELECT FROM {TABLE} WHERE company_id IS NULL) THEN
            RAISE EXCEPTION 'coupons were redeemed by people without a company'
                USING HINT = 'Give these rows of {TABLE} a company_id, or delete them.';
        END IF;
    END $$
"""


def upgrade() -> None:
    op.alter_column(TABLE, "company_id", nullable=True)
    op.drop_index(INDEX, TABLE)
    op.create_index(INDEX, TABLE, COLUMNS, postgresql_where=text("company_id IS NOT NULL"))


def downgrade() -> None:
    with ddl.rows_of_all(TABLE):
        op.execute(REFUSE)
    op.drop_index(INDEX, TABLE)
    op.create_index(INDEX, TABLE, COLUMNS)
    op.alter_column(TABLE, "company_id", nullable=False)
