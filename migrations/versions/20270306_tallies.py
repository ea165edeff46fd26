"""What reports have added up in advance, kept by the feed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270306_tallies"
down_revision = "20270305_coupons_by_contact"
branch_labels = None
depends_on = None

INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
STATES, RECORDS, CELLS = "tally_states", "tally_records", "tally_cells"
# In no order, so that those which cannot go on do not stand before the others.
NEWS = f"""
    SELECT s.organization_id FROM (
        SELECT DISTINCT s.organization_id FROM {STATES} s
        WHERE s.tx IS NOT NULL AND EXISTS (
            SELECT FROM events e WHERE e.organization_id = s.organization_id
                AND (e.tx, e.seq) > (s.tx, s.seq)
                AND e.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint)) s
    ORDER BY random() LIMIT most
"""
DUE = f"""
    SELECT o.id FROM organizations o
    WHERE o.id > after_organization AND NOT EXISTS (
        SELECT FROM {STATES} s WHERE s.organization_id = o.id
            AND s.looked_at >= date_trunc('day', now(), o.time_zone))
    ORDER BY o.id LIMIT most
"""


def upgrade() -> None:
    op.create_table(
        STATES,
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("source", KEY, nullable=False),
        Column("tx", sa.BigInteger(), nullable=True),
        Column("seq", sa.BigInteger(), nullable=True),
        Column("looked_at", INSTANT, nullable=False),
        Column("drift", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "source", name=op.f(f"pk_{STATES}")),
    )
    op.create_table(
        RECORDS,
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("source", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("keys", ARRAY(KEY), nullable=False),
        Column("amounts", ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "source", "record_id", name=op.f(f"pk_{RECORDS}")
        ),
    )
    op.create_table(
        CELLS,
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("source", KEY, nullable=False),
        Column("grain", sa.Integer(), nullable=False),
        Column("keys", ARRAY(KEY), nullable=False),
        Column("records", sa.BigInteger(), nullable=False),
        Column("amounts", ARRAY(sa.Numeric()), nullable=False),
        Column("known", ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint(
            *("organization_id", "source", "grain", "keys"), name=op.f(f"pk_{CELLS}")
        ),
    )
    for table in (STATES, RECORDS, CELLS):
        ddl.protect(table)
    ddl.see_all(STATES, ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_organizations_with_tally_news(most integer)", "SETOF uuid", NEWS)
    ddl.definer_function(
        "crm_organizations_with_tallies_due(after_organization uuid, most integer)",
        "SETOF uuid",
        DUE,
    )


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION crm_organizations_with_tallies_due, crm_organizations_with_tally_news"
    )
    for table in (CELLS, RECORDS, STATES):
        op.drop_table(table)
