"""Pages on which customers book, and links of bookings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270126_booking_links"
down_revision = "20270125_resource_times"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
OPENED = {
    "booking_pages": ("booking_type_id", "booking_types"),
    "booking_links": ("booking_id", "bookings"),
}


def upgrade() -> None:
    for table, (column, target) in OPENED.items():
        op.create_table(
            table,
            Column("organization_id", ID, nullable=False),
            Column("id", ID, nullable=False),
            Column(column, ID, nullable=False),
            Column("contact_id", ID, nullable=True),
            Column("label", KEY, nullable=True),
            Column("expires_at", INSTANT, nullable=False),
            Column("revoked_at", INSTANT, nullable=True),
            Column("first_viewed_at", INSTANT, nullable=True),
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
                    ["organization_id", name],
                    [f"{whole}.organization_id", f"{whole}.id"],
                    name=op.f(f"fk_{table}_organization_id_{name}"),
                )
                for name, whole in ((column, target), ("contact_id", "contacts"))
            ),
            sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
        )
        for name in ("created_at", "updated_at", "expires_at"):
            short = name.removesuffix("_at")
            op.create_index(f"ix_{table}_{short}", table, ["organization_id", name, "id"])
        op.create_index(
            f"ix_{table}_{column.removesuffix('_id')}", table, ["organization_id", column]
        )
        for name in ("contact_id", "owner_id"):
            op.create_index(
                f"ix_{table}_{name.removesuffix('_id')}",
                table,
                ["organization_id", name],
                postgresql_where=sa.text(f"{name} IS NOT NULL"),
            )
        ddl.protect(table)
        ddl.count_records(table)


def downgrade() -> None:
    for table in reversed(OPENED):
        op.drop_table(table)
