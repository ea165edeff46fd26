"""Accounts, their sessions, and the keys that sign access tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261204_accounts"
down_revision = "20261129_search_types"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")

MEMBERSHIPS = """
    SELECT u.organization_id, o.name, u.id
    FROM users u JOIN organizations o ON o.id = u.organization_id
    WHERE u.account_id = wanted_account AND u.status = 'active' AND u.deleted_at IS NULL
    ORDER BY o.name, o.id
"""
# Whatever decides whether a session is good, and who works in it.
SESSION = """
    SELECT s.user_id, s.account_id, s.client_id, s.scopes, s.methods, s.expires_at,
           s.ended_at IS NULL AND s.user_epoch = u.epoch AND s.account_epoch = a.epoch,
           u.status = 'active' AND u.deleted_at IS NULL,
           coalesce(u.time_zone, o.time_zone), o.country,
           ARRAY(SELECT m.team_id FROM team_members m WHERE m.organization_id = u.organization_id
                   AND m.user_id = u.id AND m.deleted_at IS NULL)
    FROM sessions s
    JOIN users u ON u.organization_id = s.organization_id AND u.id = s.user_id
    JOIN accounts a ON a.id = s.account_id AND a.id = u.account_id
    JOIN organizations o ON o.id = s.organization_id
    WHERE s.organization_id = wanted_organization AND s.id = wanted_session
"""
PURGE = """
    DELETE FROM login_attempts
    WHERE coalesce(locked_until, failed_at) < now() - interval '15 minutes'
"""


def upgrade() -> None:
    op.add_column("users", Column("account_id", sa.Uuid(), nullable=True))
    op.add_column("users", Column("epoch", sa.Integer(), server_default="0", nullable=False))
    op.add_column("users", Column("invitation_hash", KEY, nullable=True))
    op.add_column("users", Column("invited_until", INSTANT, nullable=True))
    op.create_index(
        "uq_users_organization_id_account_id",
        "users",
        ["organization_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("account_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_users_account",
        "users",
        ["account_id"],
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )
    op.create_table(
        "accounts",
        Column("id", sa.Uuid(), nullable=False),
        Column("email", KEY, nullable=False),
        Column("password_hash", KEY, nullable=True),
        Column("password_changed_at", INSTANT, nullable=True),
        Column("epoch", sa.Integer(), server_default="0", nullable=False),
        Column("reset_hash", KEY, nullable=True),
        Column("reset_until", INSTANT, nullable=True),
        Column("totp_secret", KEY, nullable=True),
        Column("totp_confirmed_at", INSTANT, nullable=True),
        Column("totp_step", sa.BigInteger(), nullable=True),
        Column("recovery_hashes", JSON, server_default=sa.text("'[]'"), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("email", name=op.f("uq_accounts_email")),
    )
    op.create_table(
        "login_attempts",
        Column("subject", KEY, nullable=False),
        Column("failures", sa.Integer(), nullable=False),
        Column("failed_at", INSTANT, nullable=False),
        Column("locked_until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_login_attempts")),
    )
    op.create_table(
        "signing_keys",
        Column("id", KEY, nullable=False),
        Column("purpose", KEY, nullable=False),
        Column("private", KEY, nullable=False),
        Column("public", JSON, nullable=False),
        Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "sessions",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("user_id", sa.Uuid(), nullable=False),
        Column("account_id", sa.Uuid(), nullable=False),
        Column("user_epoch", sa.Integer(), nullable=False),
        Column("account_epoch", sa.Integer(), nullable=False),
        Column("methods", JSON, nullable=False),
        Column("client_id", sa.Uuid(), nullable=True),
        Column("scopes", JSON, nullable=False),
        Column("seed", KEY, nullable=False),
        Column("generation", sa.Integer(), nullable=False),
        Column("started_at", INSTANT, nullable=False),
        Column("refreshed_at", INSTANT, nullable=False),
        Column("expires_at", INSTANT, nullable=False),
        Column("ended_at", INSTANT, nullable=True),
        Column("ended_because", KEY, nullable=True),
        Column("address", KEY, nullable=True),
        Column("user_agent", KEY, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_user", "sessions", ["organization_id", "user_id", "started_at"])
    ddl.protect("sessions")
    ddl.protect_by("account", "accounts", "id::text", "email", rights="SELECT, INSERT, UPDATE")
    every = "SELECT, INSERT, UPDATE, DELETE"
    ddl.protect_by("attempts", "login_attempts", "subject", rights=every)
    ddl.protect_by("signing", "signing_keys", "purpose", rights="SELECT, INSERT, DELETE")
    for table in ("users", "team_members", "accounts", "sessions"):
        ddl.see_all(table, ddl.DEFINER, "SELECT")
    ddl.see_all("login_attempts", ddl.DEFINER, "SELECT, DELETE")
    ddl.definer_function(
        "crm_memberships(wanted_account uuid)",
        "TABLE (organization_id uuid, name text, user_id uuid)",
        MEMBERSHIPS,
    )
    ddl.definer_function(
        "crm_session(wanted_organization uuid, wanted_session uuid)",
        "TABLE (user_id uuid, account_id uuid, client_id uuid, scopes jsonb, methods jsonb, "
        "expires_at timestamptz, is_open boolean, is_member boolean, time_zone text, country text, "
        "teams uuid[])",
        SESSION,
    )
    ddl.definer_function("crm_purge_login_attempts()", "void", PURGE, changes=True)


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_purge_login_attempts, crm_session, crm_memberships")
    for table in ("sessions", "signing_keys", "login_attempts", "accounts"):
        op.drop_table(table)
    for table in ("users", "team_members"):
        op.execute(f'DROP POLICY {ddl.DEFINER} ON "{table}"')
        op.execute(f'REVOKE ALL ON "{table}" FROM {ddl.DEFINER}')
    op.drop_index("ix_users_account", "users")
    op.drop_index("uq_users_organization_id_account_id", "users")
    for column in ("invited_until", "invitation_hash", "epoch", "account_id"):
        op.drop_column("users", column)
