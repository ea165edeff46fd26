"""When leads were recycled."""

import sqlalchemy as sa
from alembic import op

revision = "20270317_recycled_leads"
down_revision = "20270315_who_is_reached"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("leads", sa.Column("recycled_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("leads", "recycled_at")
