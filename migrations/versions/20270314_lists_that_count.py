"""Lists of leads tell what was accepted and what came back."""

import sqlalchemy as sa
from alembic import op

from crm_api.kit.db import ddl

revision = "20270314_lists_that_count"
down_revision = "20270314_named_respond"
branch_labels = None
depends_on = None

LISTS, MEMBERS = "prospect_lists", "prospect_members"
COUNTS = ((LISTS, "accepted_count"), (LISTS, "returned_count"), (MEMBERS, "returns"))
STATUS = f"ck_{MEMBERS}_status"
BEFORE = "status IN ('listed', 'given', 'left', 'recalled')"
AFTER = "status IN ('listed', 'given', 'left', 'returned', 'recalled')"


def upgrade() -> None:
    for table, name in COUNTS:
        op.add_column(
            table, sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
        )
    accepted = sa.Column("accepted_at", sa.TIMESTAMP(timezone=True), nullable=True)
    op.add_column(MEMBERS, accepted)
    op.drop_constraint(op.f(STATUS), MEMBERS)
    # Looked at afterwards, while others read and write.
    op.create_check_constraint(op.f(STATUS), MEMBERS, AFTER, postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE {MEMBERS} VALIDATE CONSTRAINT {STATUS}")


def downgrade() -> None:
    with ddl.rows_of_all(MEMBERS):
        op.execute(f"UPDATE {MEMBERS} SET status = 'left' WHERE status = 'returned'")
    op.drop_constraint(op.f(STATUS), MEMBERS)
    op.create_check_constraint(op.f(STATUS), MEMBERS, BEFORE)
    op.drop_column(MEMBERS, "accepted_at")
    for table, name in COUNTS:
        op.drop_column(table, name)
