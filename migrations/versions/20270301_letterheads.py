"""The logos on the paper of organizations, by what they are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

from crm_api.kit.db import ddl

revision = "20270301_letterheads"
down_revision = "20270301_coupons_of_people"
branch_labels = None
depends_on = None

TABLE = "letterhead_logos"


def upgrade() -> None:
    op.create_table(
        TABLE,
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("sha256", sa.Text(collation="C"), nullable=False),
        Column("kind", sa.Text(collation="C"), nullable=False),
        Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN ('png', 'jpg', 'svg')", name=op.f(f"ck_{TABLE}_kind")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{TABLE}")),
    )
    op.create_index(
        f"uq_{TABLE}_organization_id_sha256", TABLE, ["organization_id", "sha256"], unique=True
    )
    ddl.protect(TABLE)


def downgrade() -> None:
    op.drop_table(TABLE)
