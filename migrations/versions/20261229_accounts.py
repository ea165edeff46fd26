"""Another address for a login; roles and sessions by outside providers; a quota of records; what rules tell."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261229_accounts"
down_revision = "20261226_approvals"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
INSTANT = TIMESTAMP(timezone=True)
# Of those that have begun, the provider is that by which their user was seen last.
BEGUN_BY = """
    UPDATE sessions s SET provider_id = (
        SELECT l.provider_id FROM outside_logins l
        WHERE l.organization_id = s.organization_id AND l.user_id = s.user_id
        ORDER BY l.used_at DESC LIMIT 1)
    WHERE s.methods ? 'fed' AND s.ended_at IS NULL
"""

# Statement by statement: the row of the quota is held until the commit, so that parallel writers
# of an organization that has a limit wait, and none passes it.
COUNT = """
    DECLARE
      changed record;
      quota record;
    BEGIN
      FOR changed IN SELECT organization_id AS own, count(*) AS number FROM touched GROUP BY 1 LOOP
        UPDATE organization_quotas
        SET records_used = greatest(0, records_used
          + CASE TG_OP WHEN 'INSERT' THEN changed.number ELSE -changed.number END)
        WHERE organization_id = changed.own AND records IS NOT NULL
        RETURNING records, records_used INTO quota;
        IF FOUND AND TG_OP = 'INSERT' AND quota.records_used > quota.records THEN
          RAISE EXCEPTION 'records' USING ERRCODE = 'CRMQU', DETAIL = quota.records::text;
        END IF;
      END LOOP;
      RETURN NULL;
    END
"""
FORGET_NOTICES = """
    WITH gone AS (
      DELETE FROM notices n USING (
        SELECT organization_id, id FROM notices
        WHERE created_at < now() - interval '365 days' LIMIT most) o
      WHERE n.organization_id = o.organization_id AND n.id = o.id RETURNING 1)
    SELECT count(*) FROM gone
"""
COUNTED = ("companies", "contacts", "custom_records")


def upgrade() -> None:
    op.add_column("accounts", Column("new_email", KEY, nullable=True))
    op.add_column("accounts", Column("new_email_hash", KEY, nullable=True))
    op.add_column("accounts", Column("new_email_until", INSTANT, nullable=True))
    _providers()
    _records()
    _notices()


def _providers() -> None:
    op.add_column("identity_providers", Column("default_role_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_identity_providers_organization_id_default_role_id"),
        "identity_providers",
        "roles",
        ["organization_id", "default_role_id"],
        ["organization_id", "id"],
    )
    op.add_column("sessions", Column("provider_id", sa.Uuid(), nullable=True))
    for table, column in (("identity_providers", "default_role_id"), ("sessions", "provider_id")):
        op.create_index(
            f"ix_{table}_{column.removesuffix('_id')}",
            table,
            ["organization_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.add_column("authorization_codes", Column("provider_id", sa.Uuid(), nullable=True))
    # The owner of the tables is held to the policies as well.
    with ddl.rows_of_all("sessions", "outside_logins"):
        op.execute(BEGUN_BY)


def _records() -> None:
    op.add_column("organization_quotas", Column("records", sa.BigInteger(), nullable=True))
    op.add_column(
        "organization_quotas",
        Column("records_used", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_organization_quotas_records"), "organization_quotas", "records > 0"
    )
    ddl.see_all("organization_quotas", ddl.DEFINER, "SELECT, UPDATE")
    ddl.definer_function("crm_count_records()", "trigger", COUNT, language="plpgsql", changes=True)
    for table in COUNTED:
        ddl.count_records(table)


def _notices() -> None:
    op.create_table(
        "notices",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("subject", sa.Text(), nullable=False),
        Column("text", sa.Text(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_notices")),
    )
    op.create_index("ix_notices_record", "notices", ["organization_id", "record_id"])
    op.create_index("ix_notices_age", "notices", ["created_at"])
    ddl.protect("notices")
    ddl.see_all("notices", ddl.DEFINER, "SELECT, DELETE")
    ddl.definer_function("crm_forget_notices(most integer)", "bigint", FORGET_NOTICES, changes=True)


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_forget_notices")
    op.drop_table("notices")
    for table in COUNTED:
        op.execute(f"DROP TRIGGER count_records ON {table}")
        op.execute(f"DROP TRIGGER uncount_records ON {table}")
    op.execute("DROP FUNCTION crm_count_records")
    op.execute(f"DROP POLICY {ddl.DEFINER} ON organization_quotas")
    op.execute(f"REVOKE ALL ON organization_quotas FROM {ddl.DEFINER}")
    op.drop_column("organization_quotas", "records_used")
    op.drop_column("organization_quotas", "records")
    op.drop_column("authorization_codes", "provider_id")
    op.drop_column("sessions", "provider_id")
    op.drop_column("identity_providers", "default_role_id")
    for column in ("new_email_until", "new_email_hash", "new_email"):
        op.drop_column("accounts", column)
