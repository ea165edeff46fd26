"""Which price lists are looked through for prices that seem wrong."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270228_price_scans"
down_revision = "20270227_forget_jobs"
branch_labels = None
depends_on = None

ACTIVE = """
    SELECT l.organization_id, l.id FROM price_lists l
    WHERE l.deleted_at IS NULL AND l.status = 'active'
        AND (l.organization_id, l.id) > (after_organization, after_list)
    ORDER BY l.organization_id, l.id LIMIT most
"""


def upgrade() -> None:
    ddl.definer_function(
        "crm_price_lists_active(after_organization uuid, after_list uuid, most integer)",
        "TABLE (organization_id uuid, price_list_id uuid)",
        ACTIVE,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_price_lists_active")
