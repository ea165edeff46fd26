"""What quotes are reminded of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from crm_api.kit.db import ddl

revision = "20270103_quote_reminders"
down_revision = "20270102_recipes"
branch_labels = None
depends_on = None


def _setting(name: str, kind: str, usual: str) -> str:
    """What an organization says of reminders; null where it wants none."""
    own = "s.snapshot -> 'quoting'"
    return (
        f"(CASE WHEN jsonb_exists({own}, '{name}') THEN ({own} ->> '{name}')::{kind} "
        f"ELSE {usual} END)"
    )


TODAY = "(now() AT TIME ZONE o.time_zone)::date"
FROM = """
    FROM quotes q JOIN organizations o ON o.id = q.organization_id
    LEFT JOIN organization_states s ON s.organization_id = q.organization_id
    WHERE q.deleted_at IS NULL
"""
NEXT = """
    AND (q.organization_id, q.id) > (after_organization, after_quote)
    ORDER BY q.organization_id, q.id LIMIT most
"""
EXPIRING = f"""
    SELECT q.organization_id, q.id {FROM} AND q.status IN ('sent', 'viewed')
        AND q.valid_until BETWEEN {TODAY} AND {TODAY} + {_setting("expiring_days", "integer", "3")}
        AND q.alerts ->> 'expiring' IS DISTINCT FROM q.revision::text
    {NEXT}
"""
UNVIEWED = f"""
    SELECT q.organization_id, q.id {FROM} AND q.status = 'sent'
        AND q.sent_at <= now() - make_interval(days => {_setting("unviewed_days", "integer", "7")})
        AND (q.valid_until IS NULL OR q.valid_until >= {TODAY})
        AND q.alerts ->> 'unviewed' IS DISTINCT FROM q.revision::text
    {NEXT}
"""
OPEN = f"""
    SELECT q.organization_id, q.id, o.time_zone {FROM}
        AND q.status IN ('draft', 'in_approval', 'approved', 'sent', 'viewed')
        AND (q.valid_until IS NULL OR q.valid_until >= {TODAY})
        AND {_setting("drift_percent", "numeric", "0")} IS NOT NULL
    {NEXT}
"""
PLACE = "(after_organization uuid, after_quote uuid, most integer)"
DUE = "TABLE (organization_id uuid, quote_id uuid)"


def upgrade() -> None:
    op.add_column(
        "quotes",
        sa.Column("alerts", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    ddl.see_all("organization_states", ddl.DEFINER, "SELECT")
    ddl.definer_function(f"crm_quotes_expiring{PLACE}", DUE, EXPIRING)
    ddl.definer_function(f"crm_quotes_unviewed{PLACE}", DUE, UNVIEWED)
    zoned = "TABLE (organization_id uuid, quote_id uuid, time_zone text)"
    ddl.definer_function(f"crm_quotes_open{PLACE}", zoned, OPEN)


def downgrade() -> None:
    for name in ("quotes_open", "quotes_unviewed", "quotes_expiring"):
        op.execute(f"DROP FUNCTION crm_{name}")
    op.execute(f'DROP POLICY {ddl.DEFINER} ON "organization_states"')
    op.execute(f'REVOKE SELECT ON "organization_states" FROM {ddl.DEFINER}')
    op.drop_column("quotes", "alerts")
