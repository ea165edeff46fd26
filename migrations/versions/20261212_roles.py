"""Roles, who has them, and keys that act for users."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261212_roles"
down_revision = "20261211_apps"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")

FOUND = """
    SELECT k.organization_id, k.id, k.secret_hash, k.scopes, k.expires_at,
           o.time_zone, o.country, k.allowed_addresses{user}
    FROM api_keys k JOIN organizations o ON o.id = k.organization_id
    WHERE k.prefix = wanted_prefix AND k.deleted_at IS NULL
"""
COLUMNS = (
    "organization_id uuid, id uuid, secret_hash text, scopes jsonb, expires_at timestamptz, "
    "time_zone text, country text, allowed_addresses jsonb"
)


def _reach(read: str, create: str, update: str, delete: str) -> dict[str, str]:
    return {"read": read, "create": create, "update": update, "delete": delete}


OWN = _reach("own", "own", "own", "own")
# Whoever may look at records at all keeps views of them; what is one's own is shared.
VIEWS = {"views": OWN}
KEPT = {"exports": OWN, "imports": OWN, "shares": OWN, **VIEWS}
ROLES: list[tuple[str, str, str, str, dict[str, Any], list[str]]] = [
    (
        "admin",
        "Administrator",
        "administrator",
        "May do everything.",
        {"*": _reach("all", "all", "all", "all")},
        ["*"],
    ),
    (
        "sales_manager",
        "Sales manager",
        "sales manager",
        "Works with the records of the own teams and of the teams below them.",
        {"*": _reach("subtree", "subtree", "subtree", "subtree"), **VIEWS},
        ["export", "import", "manage_consents", "merge"],
    ),
    (
        "sales_rep",
        "Sales representative",
        "sales representative",
        "Works with the own records and with those that are shared.",
        {"*": OWN},
        ["manage_consents"],
    ),
    (
        "marketing",
        "Marketing",
        "marketing",
        "Sees all records and changes the own ones.",
        {"*": _reach("all", "own", "own", "none"), **KEPT},
        ["export", "import", "manage_consents"],
    ),
    (
        "service",
        "Service",
        "service",
        "Sees and changes all records.",
        {"*": _reach("all", "own", "all", "none"), **KEPT},
        ["manage_consents"],
    ),
    (
        "read_only",
        "Read only",
        "read only",
        "Sees all records.",
        {"*": _reach("all", "none", "none", "none"), **KEPT},
        [],
    ),
]
# A UUIDv7: the milliseconds in front, the version, and chance.
NEW_ID = """
    encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
"""
# Whoever removes an administrator waits for whoever else does, and then counts anew. Somebody who
# was merely invited does not take the place of somebody who works here.
KEEP_ADMIN = """
CREATE FUNCTION crm_keep_admin() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $$
DECLARE
    was text;
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        SELECT to_jsonb(OLD) ->> 'status' INTO was FROM role_assignments a JOIN roles r
            ON r.organization_id = a.organization_id AND r.id = a.role_id
            WHERE a.organization_id = OLD.organization_id AND a.user_id = OLD.id
            AND a.deleted_at IS NULL AND r.key = 'admin';
    ELSE
        SELECT u.status INTO was FROM users u JOIN roles r ON r.organization_id = u.organization_id
            WHERE u.organization_id = OLD.organization_id
            AND u.id = (to_jsonb(OLD) ->> 'user_id')::uuid
            AND u.deleted_at IS NULL AND u.status <> 'suspended'
            AND r.id = (to_jsonb(OLD) ->> 'role_id')::uuid AND r.key = 'admin';
    END IF;
    IF was IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('admins:' || OLD.organization_id::text, 0));
    IF NOT EXISTS (
        SELECT FROM role_assignments a
        JOIN roles r ON r.organization_id = a.organization_id AND r.id = a.role_id
        JOIN users u ON u.organization_id = a.organization_id AND u.id = a.user_id
        WHERE a.organization_id = OLD.organization_id AND a.deleted_at IS NULL
        AND r.key = 'admin' AND u.deleted_at IS NULL AND u.status IN ('active', was)
    ) THEN
        RAISE EXCEPTION 'the last administrator' USING ERRCODE = '23514', CONSTRAINT = 'last_admin';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    _create_tables()
    op.add_column("api_keys", Column("user_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_api_keys_organization_id_user_id"),
        "api_keys",
        "users",
        ["organization_id", "user_id"],
        ["organization_id", "id"],
    )
    op.create_index(
        "ix_api_keys_user",
        "api_keys",
        ["organization_id", "user_id"],
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.execute("DROP FUNCTION crm_authenticate")
    ddl.definer_function(
        "crm_authenticate(wanted_prefix text)",
        f"TABLE ({COLUMNS}, user_id uuid)",
        FOUND.format(user=", k.user_id"),
    )
    _create_roles()
    _keep_rights()
    op.execute(KEEP_ADMIN)
    gone = "OLD.deleted_at IS NULL AND {alive} AND (NEW.deleted_at IS NOT NULL OR {change})"
    for table, alive, change in (
        ("users", "OLD.status <> 'suspended'", "NEW.status = 'suspended'"),
        ("role_assignments", "true", "NEW.role_id <> OLD.role_id OR NEW.user_id <> OLD.user_id"),
    ):
        op.execute(
            f"CREATE TRIGGER keep_admin AFTER UPDATE ON {table} FOR EACH ROW "
            f"WHEN ({gone.format(alive=alive, change=change)}) EXECUTE FUNCTION crm_keep_admin()"
        )
        op.execute(
            f"CREATE TRIGGER keep_admin_deleted AFTER DELETE ON {table} FOR EACH ROW "
            f"WHEN (OLD.deleted_at IS NULL AND {alive}) EXECUTE FUNCTION crm_keep_admin()"
        )


def _create_tables() -> None:
    stamps = [
        ("version", sa.Integer(), False),
        ("created_at", INSTANT, False),
        ("updated_at", INSTANT, False),
        ("created_by", sa.Uuid(), True),
        ("updated_by", sa.Uuid(), True),
        ("owner_id", sa.Uuid(), True),
        ("deleted_at", INSTANT, True),
        ("deleted_by", sa.Uuid(), True),
    ]

    def record(table: str, *columns: Any) -> None:
        op.create_table(
            table,
            Column("organization_id", sa.Uuid(), nullable=False),
            Column("id", sa.Uuid(), nullable=False),
            *columns,
            *(Column(name, kind, nullable=null) for name, kind, null in stamps),
            Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
            Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
            sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
        )
        op.create_index(f"ix_{table}_created", table, ["organization_id", "created_at", "id"])
        ddl.protect(table)

    record(
        "roles",
        Column("key", KEY, nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("levels", JSON, nullable=False),
        Column("masks", JSON, nullable=False),
        Column("permissions", JSON, nullable=False),
    )
    op.create_index("ix_roles_name", "roles", ["organization_id", "sort_name", "id"])
    op.create_index(
        "uq_roles_organization_id_key",
        "roles",
        ["organization_id", "key"],
        unique=True,
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    refers = [
        sa.ForeignKeyConstraint(
            ["organization_id", f"{column}_id"],
            [f"{table}.organization_id", f"{table}.id"],
            name=op.f(f"fk_role_assignments_organization_id_{column}_id"),
        )
        for column, table in (("role", "roles"), ("user", "users"))
    ]
    record(
        "role_assignments",
        Column("role_id", sa.Uuid(), nullable=False),
        Column("user_id", sa.Uuid(), nullable=False),
        Column("reason", KEY, nullable=True),
        *refers,
    )
    op.create_index("ix_role_assignments_user", "role_assignments", ["organization_id", "user_id"])
    op.create_index(
        "uq_role_assignments_once",
        "role_assignments",
        ["organization_id", "role_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _create_roles() -> None:
    """Those that every organization begins with: the old ones now, the others when they are made."""
    op.execute(
        "CREATE FUNCTION crm_begin_roles() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path = pg_catalog, public AS "
        f"$$ BEGIN {_begin_roles('(SELECT NEW.id)')}; RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER begin_roles AFTER INSERT ON organizations FOR EACH ROW "
        "EXECUTE FUNCTION crm_begin_roles()"
    )
    # The owner of the tables is held to the policies as well.
    with ddl.rows_of_all("roles", "organizations"):
        op.execute(_begin_roles("organizations"))


def _keep_rights() -> None:
    """Whoever logs in could do everything so far."""
    tables = ("roles", "users", "role_assignments")
    with ddl.rows_of_all(*tables):
        op.execute(f"""
        INSERT INTO role_assignments (organization_id, id, role_id, user_id, version, created_at,
            updated_at)
        SELECT u.organization_id, {NEW_ID}, r.id, u.id, 1, now(), now()
        FROM users u JOIN roles r ON r.organization_id = u.organization_id AND r.key = 'admin'
        WHERE u.account_id IS NOT NULL AND u.deleted_at IS NULL
    """)


def _begin_roles(organizations: str) -> str:
    """Give each of these organizations its roles."""
    rows = ", ".join(
        f"('{key}', '{name}', '{sort_name}', '{about}', '{json.dumps(levels)}', "
        f"'{json.dumps(permissions)}')"
        for key, name, sort_name, about, levels, permissions in ROLES
    )
    return f"""
        INSERT INTO roles (organization_id, id, key, name, sort_name, description, levels, masks,
            permissions, version, created_at, updated_at)
        SELECT o.id, {NEW_ID}, b.key, b.name, b.sort_name, b.about, b.levels::jsonb, '{{}}',
            b.permissions::jsonb, 1, now(), now()
        FROM {organizations} AS o,
            (VALUES {rows}) AS b (key, name, sort_name, about, levels, permissions)
    """


def downgrade() -> None:
    for table in ("users", "role_assignments"):
        op.execute(f"DROP TRIGGER keep_admin ON {table}")
        op.execute(f"DROP TRIGGER keep_admin_deleted ON {table}")
    op.execute("DROP TRIGGER begin_roles ON organizations")
    op.execute("DROP FUNCTION crm_keep_admin, crm_begin_roles")
    op.execute("DROP FUNCTION crm_authenticate")
    ddl.definer_function(
        "crm_authenticate(wanted_prefix text)", f"TABLE ({COLUMNS})", FOUND.format(user="")
    )
    op.drop_index("ix_api_keys_user", "api_keys")
    op.drop_constraint(op.f("fk_api_keys_organization_id_user_id"), "api_keys")
    op.drop_column("api_keys", "user_id")
    op.drop_table("role_assignments")
    op.drop_table("roles")
