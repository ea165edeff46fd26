"""SLA clocks of cases, what was escalated by them, and when they are to be looked at."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270119_sla_clocks"
down_revision = "20270118_conversations"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
# Each organization is a look into the index; a random order lets none stand in others' way.
DUE = """
    SELECT o.id FROM organizations o
    WHERE EXISTS (
        SELECT FROM cases c WHERE c.organization_id = o.id AND c.sla_next_at < now()
            AND c.sla_next_at IS NOT NULL AND c.deleted_at IS NULL)
    ORDER BY random() LIMIT most
"""
STEPS = """
    UPDATE sla_policies SET escalations = (
        SELECT coalesce(jsonb_agg('{"target": null, "raises_priority": false,
            "reassign_to_team": null, "notify": [], "notify_teams": []}'::jsonb || step), '[]')
        FROM jsonb_array_elements(escalations) AS step)
"""
KNOWN = """
    UPDATE organization_states SET version = version + 1,
        snapshot = snapshot || '{"clocked": ["activity", "case"]}'
    WHERE organization_id IN (SELECT organization_id FROM sla_policies)
"""
INDEXES = {
    "ix_cases_sla_policy": (["organization_id", "sla_policy_id"], "sla_policy_id IS NOT NULL"),
    "ix_cases_sla_state": (["organization_id", "sla_state", "id"], None),
    "ix_cases_sla_next": (
        ["organization_id", "sla_next_at"],
        "sla_next_at IS NOT NULL AND deleted_at IS NULL",
    ),
}


def links() -> None:
    """Secret links by which customers rate."""
    op.create_table(
        "case_links",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("case_id", ID, nullable=False),
        Column("contact_id", ID, nullable=True),
        Column("label", KEY, nullable=True),
        Column("expires_at", INSTANT, nullable=False),
        Column("revoked_at", INSTANT, nullable=True),
        Column("first_viewed_at", INSTANT, nullable=True),
        Column("rated_at", INSTANT, nullable=True),
        Column("secret_hash", KEY, nullable=False),
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
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{table}.organization_id", f"{table}.id"],
                name=op.f(f"fk_case_links_organization_id_{column}"),
            )
            for column, table in (("case_id", "cases"), ("contact_id", "contacts"))
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_case_links")),
    )
    for name, column in (
        ("created", "created_at"),
        ("updated", "updated_at"),
        ("expires", "expires_at"),
    ):
        op.create_index(f"ix_case_links_{name}", "case_links", ["organization_id", column, "id"])
    op.create_index("ix_case_links_case", "case_links", ["organization_id", "case_id"])
    op.create_index(
        "ix_case_links_contact",
        "case_links",
        ["organization_id", "contact_id"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    ddl.protect("case_links")
    ddl.count_records("case_links")


def upgrade() -> None:
    op.add_column("cases", Column("sla_policy_id", ID, nullable=True))
    op.add_column("cases", Column("sla_state", KEY, nullable=True))
    op.add_column(
        "cases", Column("sla_track", JSON, server_default=sa.text("'{}'"), nullable=False)
    )
    op.alter_column("cases", "sla_track", server_default=None)
    op.add_column("cases", Column("tags", JSON, server_default=sa.text("'[]'"), nullable=False))
    op.alter_column("cases", "tags", server_default=None)
    op.add_column("cases", Column("sla_next_at", INSTANT, nullable=True))
    op.create_check_constraint(
        op.f("ck_cases_sla_state"),
        "cases",
        "sla_state IN ('running', 'paused', 'breached', 'met')",
    )
    op.create_table(
        "sla_escalations",
        Column("organization_id", ID, nullable=False),
        Column("case_id", ID, nullable=False),
        Column("target", KEY, nullable=False),
        Column("cycle", sa.Integer(), nullable=False),
        Column("level", sa.Integer(), nullable=False),
        Column("due_at", INSTANT, nullable=False),
        Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(
            *("organization_id", "case_id", "target", "cycle", "level"),
            name=op.f("pk_sla_escalations"),
        ),
    )
    ddl.protect("sla_escalations")
    links()
    ddl.definer_function("crm_organizations_with_sla_due(most integer)", "SETOF uuid", DUE)
    # Policies that are there say what is new, and who writes cases is to heed them.
    with ddl.rows_of_all("sla_policies", "organization_states"):
        op.execute(STEPS)
        op.execute(KNOWN)
    with op.get_context().autocommit_block():
        for name, (columns, where) in INDEXES.items():
            op.create_index(
                name,
                "cases",
                columns,
                postgresql_where=None if where is None else sa.text(where),
                postgresql_concurrently=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.drop_index(name, "cases", postgresql_concurrently=True)
    op.execute("DROP FUNCTION crm_organizations_with_sla_due")
    op.drop_table("case_links")
    op.drop_table("sla_escalations")
    op.drop_constraint(op.f("ck_cases_sla_state"), "cases")
    for name in ("sla_next_at", "tags", "sla_track", "sla_state", "sla_policy_id"):
        op.drop_column("cases", name)
