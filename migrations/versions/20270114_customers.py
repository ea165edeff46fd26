"""Points of contact, preferences, expectations, and how companies fare."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270114_customers"
down_revision = "20270113_guards"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = (
    *("touchpoints", "touchpoint_parties", "touchpoint_states"),
    *("preferences", "expectations", "company_health"),
)
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# In no order, so that those which cannot go on do not stand before the others.
NEWS = f"""
    SELECT o.id FROM organizations o
    LEFT JOIN touchpoint_states s ON s.organization_id = o.id
    WHERE EXISTS (
        SELECT FROM events e WHERE e.organization_id = o.id
            AND (e.tx, e.seq) > (coalesce(s.tx, 0), coalesce(s.seq, 0))
            AND e.tx < {HORIZON})
    ORDER BY random() LIMIT most
"""
MISSED = """
    SELECT organization_id, id FROM expectations
    WHERE status = 'open' AND deleted_at IS NULL AND due_at < now()
        AND (organization_id, id) > (after_organization, after_expectation)
    ORDER BY organization_id, id LIMIT most
"""
# Those with companies that have no figure of today, in their time zone.
UNMEASURED = """
    SELECT o.id, o.time_zone FROM organizations o
    WHERE o.id > after_organization AND EXISTS (
        SELECT FROM companies c WHERE c.organization_id = o.id AND c.deleted_at IS NULL
            AND NOT EXISTS (SELECT FROM company_health h WHERE h.organization_id = o.id
                AND h.company_id = c.id AND h.day = (now() AT TIME ZONE o.time_zone)::date))
    ORDER BY o.id LIMIT most
"""


def stamps() -> list[Column]:
    """The columns that every record has after its own."""
    return [
        Column("version", sa.Integer(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("created_by", ID, nullable=True),
        Column("updated_by", ID, nullable=True),
        Column("owner_id", ID, nullable=True),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", ID, nullable=True),
    ]


def touchpoints() -> None:
    op.create_table(
        "touchpoints",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("at", INSTANT, nullable=False),
        Column("topic", KEY, nullable=False),
        Column("kind", KEY, nullable=True),
        Column("department", KEY, nullable=False),
        Column("direction", KEY, nullable=True),
        Column("entity", KEY, nullable=False),
        Column("record_id", ID, nullable=False),
        Column("actor_kind", KEY, nullable=False),
        Column("actor_id", ID, nullable=True),
        sa.CheckConstraint(
            "direction IN ('in', 'out', 'internal')", name=op.f("ck_touchpoints_direction")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_touchpoints")),
    )
    op.create_index("ix_touchpoints_record", "touchpoints", ["organization_id", "record_id"])
    op.create_table(
        "touchpoint_parties",
        Column("organization_id", ID, nullable=False),
        Column("party_id", ID, nullable=False),
        Column("party_kind", KEY, nullable=False),
        Column("touchpoint_id", ID, nullable=False),
        Column("at", INSTANT, nullable=False),
        Column("department", KEY, nullable=False),
        Column("topic", KEY, nullable=False),
        Column("kind", KEY, nullable=True),
        Column("direction", KEY, nullable=True),
        Column("entity", KEY, nullable=False),
        Column("is_direct", sa.Boolean(), nullable=False),
        Column("moved_from", ID, nullable=True),
        sa.CheckConstraint(
            "party_kind IN ('company', 'contact', 'deal', 'case')",
            name=op.f("ck_touchpoint_parties_party_kind"),
        ),
        sa.PrimaryKeyConstraint(
            *("organization_id", "party_id", "party_kind", "touchpoint_id"),
            name=op.f("pk_touchpoint_parties"),
        ),
    )
    latest = [sa.text("at DESC"), sa.text("touchpoint_id DESC")]
    whose = ["organization_id", "party_id", "party_kind"]
    op.create_index("ix_touchpoint_parties_at", "touchpoint_parties", [*whose, *latest])
    op.create_index(
        "ix_touchpoint_parties_department", "touchpoint_parties", [*whose, "department", *latest]
    )
    op.create_index(
        "ix_touchpoint_parties_touchpoint",
        "touchpoint_parties",
        ["organization_id", "touchpoint_id"],
    )
    op.create_index(
        "ix_touchpoint_parties_moved_from",
        "touchpoint_parties",
        ["organization_id", "moved_from"],
        postgresql_where=sa.text("moved_from IS NOT NULL"),
    )
    op.create_table(
        "touchpoint_states",
        Column("organization_id", ID, nullable=False),
        Column("tx", sa.BigInteger(), nullable=False),
        Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_touchpoint_states")),
    )


def record(table: str, *columns: object, indexes: tuple[str, ...] = ()) -> None:
    parties = ("contact", "contacts"), ("company", "companies")
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("contact_id", ID, nullable=True),
        Column("company_id", ID, nullable=True),
        *columns,
        *stamps(),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", f"{name}_id"],
                [f"{many}.organization_id", f"{many}.id"],
                name=op.f(f"fk_{table}_organization_id_{name}_id"),
            )
            for name, many in parties
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    for name in ("created", "updated", *indexes):
        op.create_index(f"ix_{table}_{name}", table, ["organization_id", f"{name}_at", "id"])
    for name in ("contact", "company", "owner"):
        op.create_index(
            f"ix_{table}_{name}",
            table,
            ["organization_id", f"{name}_id"],
            postgresql_where=sa.text(f"{name}_id IS NOT NULL"),
        )


def upgrade() -> None:
    touchpoints()
    record(
        "preferences",
        Column("key", KEY, nullable=False),
        Column("value", KEY, nullable=False),
        Column("origin", KEY, nullable=False),
        Column("confidence", sa.Integer(), nullable=False),
        Column("evidence", JSON, nullable=False),
        Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(contact_id, company_id) = 1", name=op.f("ck_preferences_one_subject")
        ),
        sa.CheckConstraint("confidence BETWEEN 0 AND 100", name=op.f("ck_preferences_confidence")),
        sa.CheckConstraint(
            "key IN ('channel', 'time', 'language', 'topic', 'product', 'tone', 'frequency', "
            "'other')",
            name=op.f("ck_preferences_key"),
        ),
        sa.CheckConstraint(
            "origin IN ('stated', 'observed', 'inferred')", name=op.f("ck_preferences_origin")
        ),
    )
    record(
        "expectations",
        Column("what", KEY, nullable=False),
        Column("about", JSON, nullable=True),
        Column("source", KEY, nullable=False),
        Column("due_at", INSTANT, nullable=True),
        Column("importance", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("resolved_at", INSTANT, nullable=True),
        Column("comment", KEY, nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(contact_id, company_id) > 0", name=op.f("ck_expectations_some_party")
        ),
        sa.CheckConstraint(
            "(status = 'open') = (resolved_at IS NULL)", name=op.f("ck_expectations_resolved_at")
        ),
        sa.CheckConstraint(
            "source IN ('said', 'contract', 'sla', 'inferred')", name=op.f("ck_expectations_source")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'met', 'exceeded', 'missed')", name=op.f("ck_expectations_status")
        ),
        sa.CheckConstraint(
            "importance IN ('low', 'normal', 'high', 'critical')",
            name=op.f("ck_expectations_importance"),
        ),
        indexes=("due",),
    )
    op.create_index(
        "ix_expectations_open",
        "expectations",
        ["due_at"],
        postgresql_where=sa.text("status = 'open' AND deleted_at IS NULL"),
    )
    op.create_table(
        "company_health",
        Column("organization_id", ID, nullable=False),
        Column("company_id", ID, nullable=False),
        Column("day", sa.Date(), nullable=False),
        Column("score", sa.BigInteger(), nullable=True),
        Column("components", JSON, nullable=False),
        Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "company_id", "day", name=op.f("pk_company_health")
        ),
    )
    op.create_index(
        "ix_company_health_day", "company_health", ["organization_id", "day", "score", "company_id"]
    )
    for table in TABLES:
        ddl.protect(table)
    for table in ("preferences", "expectations"):
        ddl.count_records(table)
    for table in ("touchpoint_states", "expectations", "company_health", "companies"):
        ddl.see_all(table, ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_organizations_with_touchpoints(most integer)", "SETOF uuid", NEWS)
    ddl.definer_function(
        "crm_expectations_missed(after_organization uuid, after_expectation uuid, most integer)",
        "TABLE (organization_id uuid, expectation_id uuid)",
        MISSED,
    )
    ddl.definer_function(
        "crm_health_due(after_organization uuid, most integer)",
        "TABLE (organization_id uuid, time_zone text)",
        UNMEASURED,
    )


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION crm_health_due, crm_expectations_missed, crm_organizations_with_touchpoints"
    )
    op.execute(f"DROP POLICY {ddl.DEFINER} ON companies")
    op.execute(f"REVOKE SELECT ON companies FROM {ddl.DEFINER}")
    for table in reversed(TABLES):
        op.drop_table(table)
