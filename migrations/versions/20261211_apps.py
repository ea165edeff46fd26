"""Apps, what users allow them, and where keys are used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261211_apps"
down_revision = "20261210_packs"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")

KEY_COLUMNS = (
    "organization_id uuid, id uuid, secret_hash text, scopes jsonb, expires_at timestamptz, "
    "time_zone text, country text"
)
AUTHENTICATE = """
    SELECT k.organization_id, k.id, k.secret_hash, k.scopes, k.expires_at,
           o.time_zone, o.country{more}
    FROM api_keys k JOIN organizations o ON o.id = k.organization_id
    WHERE k.prefix = wanted_prefix AND k.deleted_at IS NULL
"""
APP = """
    SELECT a.organization_id, a.id, a.secret_hash, a.redirect_uris, a.scopes, a.is_confidential,
           o.time_zone, o.country
    FROM apps a JOIN organizations o ON o.id = a.organization_id
    WHERE a.id = wanted_app AND a.deleted_at IS NULL
"""
SESSION = """
    SELECT s.user_id, s.account_id, s.client_id, s.scopes, s.methods, s.expires_at,
           s.ended_at IS NULL AND s.user_epoch = u.epoch AND s.account_epoch = a.epoch{more},
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
ALIVE = """
               AND (s.client_id IS NULL OR EXISTS (SELECT FROM apps p
                   WHERE p.organization_id = s.organization_id AND p.id = s.client_id
                       AND p.deleted_at IS NULL))"""
USED = """
    UPDATE api_keys k SET last_used_at = used.at
    FROM unnest(organizations, keys, times) AS used (organization_id, id, at)
    WHERE k.organization_id = used.organization_id AND k.id = used.id
        AND (k.last_used_at IS NULL OR k.last_used_at < used.at)
"""


def authenticate(more_columns: str, more_values: str) -> None:
    op.execute("DROP FUNCTION crm_authenticate")
    ddl.definer_function(
        "crm_authenticate(wanted_prefix text)",
        f"TABLE ({KEY_COLUMNS}{more_columns})",
        AUTHENTICATE.format(more=more_values),
    )


def session(more: str) -> None:
    op.execute("DROP FUNCTION crm_session")
    ddl.definer_function(
        "crm_session(wanted_organization uuid, wanted_session uuid)",
        "TABLE (user_id uuid, account_id uuid, client_id uuid, scopes jsonb, methods jsonb, "
        "expires_at timestamptz, is_open boolean, is_member boolean, time_zone text, country text, "
        "teams uuid[])",
        SESSION.format(more=more),
    )


def upgrade() -> None:
    op.add_column(
        "api_keys",
        Column("allowed_addresses", JSON, server_default=sa.text("'[]'"), nullable=False),
    )
    op.add_column("api_keys", Column("last_used_at", INSTANT, nullable=True))
    op.create_table(
        "apps",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("name", sa.Text(), nullable=False),
        Column("redirect_uris", JSON, nullable=False),
        Column("scopes", JSON, nullable=False),
        Column("is_confidential", sa.Boolean(), nullable=False),
        Column("secret_hash", KEY, nullable=True),
        Column("version", sa.Integer(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("created_by", sa.Uuid(), nullable=True),
        Column("updated_by", sa.Uuid(), nullable=True),
        Column("owner_id", sa.Uuid(), nullable=True),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_apps")),
    )
    op.create_index("ix_apps_id", "apps", ["id"])
    op.create_index("ix_apps_created", "apps", ["organization_id", "created_at", "id"])
    op.create_table(
        "authorization_codes",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("app_id", sa.Uuid(), nullable=False),
        Column("user_id", sa.Uuid(), nullable=False),
        Column("account_id", sa.Uuid(), nullable=False),
        Column("account_epoch", sa.Integer(), nullable=False),
        Column("methods", JSON, nullable=False),
        Column("scopes", JSON, nullable=False),
        Column("redirect_uri", KEY, nullable=False),
        Column("challenge", KEY, nullable=False),
        Column("secret_hash", KEY, nullable=False),
        Column("expires_at", INSTANT, nullable=False),
        Column("session_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_authorization_codes")),
    )
    ddl.protect("apps")
    ddl.protect("authorization_codes")
    ddl.see_all("apps", ddl.DEFINER, "SELECT")
    op.execute(f"GRANT UPDATE ON api_keys TO {ddl.DEFINER}")
    authenticate(", allowed_addresses jsonb", ", k.allowed_addresses")
    session(ALIVE)
    ddl.definer_function(
        "crm_app(wanted_app uuid)",
        "TABLE (organization_id uuid, id uuid, secret_hash text, redirect_uris jsonb, "
        "scopes jsonb, is_confidential boolean, time_zone text, country text)",
        APP,
    )
    ddl.definer_function(
        "crm_keys_used(organizations uuid[], keys uuid[], times timestamptz[])",
        "void",
        USED,
        changes=True,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_keys_used, crm_app")
    authenticate("", "")
    session("")
    op.execute(f"REVOKE UPDATE ON api_keys FROM {ddl.DEFINER}")
    op.drop_table("authorization_codes")
    op.drop_table("apps")
    op.drop_column("api_keys", "last_used_at")
    op.drop_column("api_keys", "allowed_addresses")
