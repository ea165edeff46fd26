"""Forms that capture leads, what came by them, and lists of leads."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270129_prospects"
down_revision = "20270127_leads"
branch_labels = None
depends_on = None

FORMS, SUBMISSIONS = "lead_forms", "lead_submissions"
LISTS, MEMBERS = "prospect_lists", "prospect_members"
JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
REFERENCES = {
    FORMS: {},
    SUBMISSIONS: {"form_id": FORMS},
    LISTS: {"parent_id": LISTS, "pool_id": "lead_pools"},
    MEMBERS: {"list_id": LISTS},
}
CHECKS = {
    FORMS: {
        "status": "status IN ('active', 'closed')",
        "spam_threshold": "spam_threshold BETWEEN 1 AND 100",
    },
    SUBMISSIONS: {
        "status": "status IN ('pending', 'accepted', 'refused')",
        "spam_score": "spam_score BETWEEN 0 AND 100",
    },
    LISTS: {
        "status": "status IN ('open', 'frozen', 'split')",
        "consent_basis": "consent_basis IN ('consent', 'contract', 'legal_obligation', "
        "'vital_interest', 'public_task', 'legitimate_interest')",
        "currency": "cost IS NULL OR currency IS NOT NULL",
    },
    MEMBERS: {"status": "status IN ('listed', 'given', 'left', 'recalled')"},
}
# Those that may be empty, and those that are never.
SOMETIMES = {
    FORMS: ("owner_id",),
    SUBMISSIONS: ("lead_id",),
    LISTS: ("parent_id", "pool_id", "owner_id"),
    MEMBERS: (),
}
ALWAYS = {FORMS: (), SUBMISSIONS: ("form_id",), LISTS: (), MEMBERS: ("lead_id",)}
ORDERS = {
    FORMS: ("created_at", "updated_at", "sort_name"),
    SUBMISSIONS: ("created_at",),
    LISTS: ("created_at", "updated_at", "sort_name"),
    MEMBERS: ("created_at",),
}


def made(table: str, *columns: Column) -> None:
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        *columns,
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
            sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
            for name, condition in CHECKS[table].items()
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{target}.organization_id", f"{target}.id"],
                name=op.f(f"fk_{table}_organization_id_{column}"),
            )
            for column, target in REFERENCES[table].items()
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    ddl.protect(table)
    for column in (*SOMETIMES[table], *ALWAYS[table]):
        is_whole = column in ALWAYS[table]
        op.create_index(
            f"ix_{table}_{column.removesuffix('_id')}",
            table,
            ["organization_id", column],
            postgresql_where=None if is_whole else sa.text(f"{column} IS NOT NULL"),
        )
    for column in ORDERS[table]:
        name = column.removeprefix("sort_").removesuffix("_at")
        op.create_index(f"ix_{table}_{name}", table, ["organization_id", column, "id"])
    ddl.count_records(table)


def some(kind: sa.types.TypeEngine, *names: str, nullable: bool = True) -> list[Column]:
    return [Column(name, kind, nullable=nullable) for name in names]


def make_forms() -> None:
    made(
        FORMS,
        *some(KEY, "name", "sort_name", "status", "title", nullable=False),
        *some(KEY, "introduction", "thank_you", "redirect_url"),
        *some(KEY, "language"),
        *some(JSON, "fields", "consents", nullable=False),
        *some(sa.Boolean(), "double_opt_in", nullable=False),
        *some(sa.Integer(), "confirm_hours", "spam_threshold", nullable=False),
        *some(KEY, "source", "campaign", "medium"),
        *some(sa.Text(), "description"),
        *some(KEY, "path", "embed", nullable=False),
        *some(KEY, "secret_hash", nullable=False),
    )
    made(
        SUBMISSIONS,
        *some(ID, "form_id", nullable=False),
        *some(KEY, "status", nullable=False),
        *some(JSON, "reasons", nullable=False),
        *some(sa.Integer(), "spam_score", nullable=False),
        *some(JSON, "answers", "consents", nullable=False),
        *some(KEY, "campaign", "medium", "referrer"),
        *some(JSON, "utm", nullable=False),
        *some(ID, "lead_id"),
        *some(sa.Boolean(), "is_new_lead"),
        *some(INSTANT, "confirm_until", "confirmed_at"),
        *some(JSON, "evidence", nullable=False),
        *some(KEY, "email_key", "language"),
        *some(KEY, "secret_hash", nullable=False),
    )
    op.create_index("ix_lead_submissions_email", SUBMISSIONS, ["organization_id", "email_key"])


def make_lists() -> None:
    made(
        LISTS,
        *some(KEY, "name", "sort_name", "status", nullable=False),
        *some(KEY, "consent_basis", "origin"),
        *some(sa.BigInteger(), "cost"),
        *some(KEY, "currency"),
        *some(sa.Text(), "description"),
        *some(ID, "parent_id"),
        *some(KEY, "part"),
        *some(INSTANT, "frozen_at"),
        *some(ID, "pool_id", "job_id"),
        *some(sa.Integer(), "runs", "member_count", "given_count", nullable=False),
    )
    made(
        MEMBERS,
        *some(ID, "list_id", "lead_id", nullable=False),
        *some(KEY, "status", nullable=False),
        *some(ID, "user_id"),
        *some(KEY, "outcome"),
        *some(INSTANT, "given_at"),
        *some(sa.Integer(), "run", "place", nullable=False),
    )
    op.create_index(
        "uq_prospect_members_lead", MEMBERS, ["organization_id", "list_id", "lead_id"], unique=True
    )
    op.create_index(
        "ix_prospect_members_place", MEMBERS, ["organization_id", "list_id", "run", "place"]
    )


def upgrade() -> None:
    make_forms()
    make_lists()


def downgrade() -> None:
    for table in (MEMBERS, LISTS, SUBMISSIONS, FORMS):
        op.drop_table(table)
