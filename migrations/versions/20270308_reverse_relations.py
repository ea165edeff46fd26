"""Fields that refer to records say what these call the records that refer to them."""

import sqlalchemy as sa
from alembic import op

from crm_api.kit.db import ddl

revision = "20270308_reverse_relations"
down_revision = "20270307_behaviour_index_only"
branch_labels = None
depends_on = None

TABLE = "custom_fields"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("reverse", sa.Text(collation="C"), nullable=True))
    # The owner of the tables fills it for all organizations, and sees them only so.
    with ddl.rows_of_all(TABLE):
        op.execute(f"UPDATE {TABLE} SET reverse = target || '.' || name WHERE type = 'relation'")


def downgrade() -> None:
    op.drop_column(TABLE, "reverse")
