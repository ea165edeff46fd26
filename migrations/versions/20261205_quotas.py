"""What an organization may use, as the operator of the installation says."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

from crm_api.kit.db import ddl

revision = "20261205_quotas"
down_revision = "20261204_accounts"
branch_labels = None
depends_on = None

NAMES = ("requests_per_minute", "key_requests_per_minute", "users")

# In the database, so that no way to a user goes past it; whoever adds one at the same time waits.
CHECK = """
    CREATE FUNCTION crm_check_users() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
      most integer := (SELECT users FROM organization_quotas q
                       WHERE q.organization_id = NEW.organization_id);
    BEGIN
      IF most IS NOT NULL AND NEW.deleted_at IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('users:' || NEW.organization_id::text, 0));
        IF (SELECT count(*) FROM users u WHERE u.organization_id = NEW.organization_id
            AND u.deleted_at IS NULL) > most THEN
          RAISE EXCEPTION 'users' USING ERRCODE = 'CRMQU', DETAIL = most::text;
        END IF;
      END IF;
      RETURN NULL;
    END $$
"""


def upgrade() -> None:
    op.create_table(
        "organization_quotas",
        Column("organization_id", sa.Uuid(), nullable=False),
        *(Column(name, sa.Integer(), nullable=True) for name in NAMES),
        *(
            sa.CheckConstraint(f"{name} > 0", name=op.f(f"ck_organization_quotas_{name}"))
            for name in NAMES
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_organization_quotas_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_organization_quotas")),
    )
    ddl.protect("organization_quotas", rights="SELECT")
    ddl.see_all("organization_quotas", ddl.WORKER, "SELECT, INSERT, UPDATE")
    op.execute(CHECK)
    op.execute(
        "CREATE TRIGGER check_quota AFTER INSERT ON users "
        "FOR EACH ROW EXECUTE FUNCTION crm_check_users()"
    )
    op.execute(
        "CREATE TRIGGER check_quota_restored AFTER UPDATE OF deleted_at ON users "
        "FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL) EXECUTE FUNCTION crm_check_users()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER check_quota ON users")
    op.execute("DROP TRIGGER check_quota_restored ON users")
    op.execute("DROP FUNCTION crm_check_users")
    op.drop_table("organization_quotas")
