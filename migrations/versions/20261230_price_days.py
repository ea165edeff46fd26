"""Which price lists are due to be activated or to expire."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20261230_price_days"
down_revision = "20261228_prices"
branch_labels = None
depends_on = None

DUE = """
    SELECT l.organization_id, l.id FROM price_lists l
    JOIN organizations o ON o.id = l.organization_id
    WHERE l.deleted_at IS NULL AND l.status IN ('scheduled', 'active')
        AND (l.valid_to < (now() AT TIME ZONE o.time_zone)::date
            OR (l.status = 'scheduled' AND (l.valid_from IS NULL
                OR l.valid_from <= (now() AT TIME ZONE o.time_zone)::date)))
        AND (l.organization_id, l.id) > (after_organization, after_list)
    ORDER BY l.organization_id, l.id LIMIT most
"""


def upgrade() -> None:
    ddl.see_all("price_lists", ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_price_lists_due(after_organization uuid, after_list uuid, most integer)",
        "TABLE (organization_id uuid, price_list_id uuid)",
        DUE,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_price_lists_due")
    op.execute(f'DROP POLICY {ddl.DEFINER} ON "price_lists"')
    op.execute(f'REVOKE SELECT ON "price_lists" FROM {ddl.DEFINER}')
