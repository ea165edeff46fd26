"""The deals that quotes are to win."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "20270108_orders"
down_revision = "20270107_forecasting"
branch_labels = None
depends_on = None

ID = sa.Uuid()


def upgrade() -> None:
    op.add_column("quotes", Column("deal_id", ID, nullable=True))
    op.create_foreign_key(
        op.f("fk_quotes_organization_id_deal_id"),
        "quotes",
        "deals",
        ["organization_id", "deal_id"],
        ["organization_id", "id"],
    )
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_quotes_deal",
            "quotes",
            ["organization_id", "deal_id"],
            postgresql_where=sa.text("deal_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    op.drop_index("ix_quotes_deal", "quotes")
    op.drop_constraint(op.f("fk_quotes_organization_id_deal_id"), "quotes", type_="foreignkey")
    op.drop_column("quotes", "deal_id")
