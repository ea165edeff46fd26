"""Policies of retention are carried out by the organization itself, whoever switched them on."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270302_retention_goes_on"
down_revision = "20270301_letterheads"
branch_labels = None
depends_on = None

OWN = """
    jsonb_build_object('organization_id', {table}.organization_id, 'kind', 'system', 'id', NULL,
        'scopes', jsonb_build_array('*'), 'teams', jsonb_build_array(), 'time_zone', 'UTC',
        'country', NULL, 'session_id', NULL, 'user_id', NULL)
"""
WAITING = f"""
    UPDATE jobs SET actor = {OWN.format(table="jobs")}, created_by = NULL
    WHERE kind = 'privacy.retain' AND status = 'queued' AND (args ->> 'repeated')::boolean
"""
# Whose last run ended with the rights of whoever had asked for it.
STRANDED = f"""
    INSERT INTO jobs (organization_id, id, kind, args, max_attempts, lane, run_at, actor,
        created_at)
    SELECT p.organization_id, gen_random_uuid(), 'privacy.retain',
        jsonb_build_object('policy_id', p.id, 'repeated', true), 12, 'default',
        now() + interval '1 day', {OWN.format(table="p")}, now()
    FROM retention_policies p
    WHERE p.is_active AND p.deleted_at IS NULL AND NOT EXISTS (SELECT FROM jobs j
        WHERE j.organization_id = p.organization_id AND j.kind = 'privacy.retain'
        AND j.status IN ('queued', 'running') AND j.args ->> 'policy_id' = p.id::text
        AND (j.args ->> 'repeated')::boolean)
"""
TABLES = ("jobs", "retention_policies")


def upgrade() -> None:
    with ddl.rows_of_all(*TABLES):
        op.execute(WAITING)
        op.execute(STRANDED)


def downgrade() -> None:
    """Nothing to take back."""
