"""Erasing what events say of records that are purged."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20261128_purges"
down_revision = "20261128_kept_answers"
branch_labels = None
depends_on = None

ERASE = """
    UPDATE events SET data = '{}', previous = CASE WHEN previous IS NOT NULL THEN '{}'::jsonb END
    WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
    AND record_id = ANY(ids)
"""


def upgrade() -> None:
    ddl.see_all("events", ddl.DEFINER, "SELECT, UPDATE")
    ddl.definer_function("crm_erase(ids uuid[])", "void", ERASE, changes=True)


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_erase")
    op.execute(f"DROP POLICY {ddl.DEFINER} ON events")
    op.execute(f"REVOKE SELECT, UPDATE ON events FROM {ddl.DEFINER}")
