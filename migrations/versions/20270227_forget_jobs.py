"""Jobs that have ended are removed after a while."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270227_forget_jobs"
down_revision = "20270226_accounts_elsewhere"
branch_labels = None
depends_on = None

# What is not through stands as its job does, so it keeps that; a document that could not be made is
# made by the job that is named there, tried anew.
FORGET = """
    WITH old AS (
        SELECT organization_id, id FROM jobs j
        WHERE finished_at < now() - make_interval(days => days) AND (
            status IN ('succeeded', 'cancelled')
            OR status = 'failed' AND finished_at < now() - make_interval(days => failed_days))
            AND NOT EXISTS (SELECT FROM exports x WHERE x.organization_id = j.organization_id
                AND x.job_id = j.id AND x.finished_at IS NULL)
            AND NOT EXISTS (SELECT FROM imports i WHERE i.organization_id = j.organization_id
                AND i.job_id = j.id AND i.finished_at IS NULL)
            AND NOT EXISTS (SELECT FROM report_runs r WHERE r.organization_id = j.organization_id
                AND r.job_id = j.id AND r.finished_at IS NULL)
            AND (status <> 'failed' OR NOT EXISTS (SELECT FROM quote_versions v
                WHERE v.organization_id = j.organization_id AND v.job_id = j.id))
        ORDER BY finished_at LIMIT most),
    gone AS (
        DELETE FROM jobs j USING old
        WHERE j.organization_id = old.organization_id AND j.id = old.id
            AND j.status IN ('succeeded', 'cancelled', 'failed') RETURNING 1)
    SELECT count(*) FROM gone
"""
READ = {
    "exports": "job_id, finished_at",
    "imports": "job_id, finished_at",
    "report_runs": "job_id, finished_at",
    "quote_versions": "job_id",
}


def upgrade() -> None:
    op.create_index("ix_jobs_age", "jobs", ["finished_at"])
    op.execute(f"GRANT DELETE ON jobs TO {ddl.DEFINER}")
    for table, columns in READ.items():
        ddl.see_all(table, ddl.DEFINER, f"SELECT (organization_id, {columns})")
    ddl.definer_function(
        "crm_forget_jobs(most integer, days integer, failed_days integer)",
        "bigint",
        FORGET,
        changes=True,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_forget_jobs")
    for table, columns in READ.items():
        op.execute(f"DROP POLICY {ddl.DEFINER} ON {table}")
        op.execute(f"REVOKE SELECT (organization_id, {columns}) ON {table} FROM {ddl.DEFINER}")
    op.execute(f"REVOKE DELETE ON jobs FROM {ddl.DEFINER}")
    op.drop_index("ix_jobs_age", "jobs")
