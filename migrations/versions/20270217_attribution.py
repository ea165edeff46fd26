"""Touches of people by campaigns and channels, by which conversions are attributed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270217_attribution"
down_revision = "20270216_marketing_plans"
branch_labels = None
depends_on = None

INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TOUCHES, STATES = "campaign_touches", "campaign_touch_states"
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
CHECKS = {
    "kind": "kind IN ('sent', 'opened', 'clicked', 'responded', 'visited', 'submitted', 'lead', "
    "'met')",
    "person_kind": "person_kind IN ('contact', 'lead')",
}
# In no order, so that those which cannot go on do not stand before the others.
NEWS = f"""
    SELECT o.id FROM organizations o
    LEFT JOIN {STATES} s ON s.organization_id = o.id
    WHERE EXISTS (
        SELECT FROM events e WHERE e.organization_id = o.id
            AND (e.tx, e.seq) > (coalesce(s.tx, 0), coalesce(s.seq, 0))
            AND e.tx < {HORIZON})
    ORDER BY random() LIMIT most
"""


def some(kind: sa.types.TypeEngine, *names: str, nullable: bool = True) -> list[Column]:
    return [Column(name, kind, nullable=nullable) for name in names]


def touches() -> None:
    own = "organization_id"
    op.create_table(
        TOUCHES,
        *some(ID, own, nullable=False),
        *some(KEY, "source", nullable=False),
        *some(ID, "source_id", nullable=False),
        *some(KEY, "kind", nullable=False),
        *some(ID, "person_id", nullable=False),
        *some(KEY, "person_kind", nullable=False),
        *some(ID, "campaign_id"),
        *some(KEY, "campaign", "channel", "variant"),
        *some(INSTANT, "occurred_at", nullable=False),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_{TOUCHES}_{name}"))
            for name, condition in CHECKS.items()
        ),
        sa.PrimaryKeyConstraint(
            *(own, "source", "source_id", "kind", "person_id"), name=op.f(f"pk_{TOUCHES}")
        ),
    )
    op.create_index(f"ix_{TOUCHES}_person", TOUCHES, [own, "person_id", "occurred_at"])
    op.create_index(f"ix_{TOUCHES}_occurred", TOUCHES, [own, "occurred_at"])
    for name, columns, where in (
        ("campaign", ["campaign_id", "kind", "occurred_at"], "campaign_id IS NOT NULL"),
        ("unknown", ["campaign"], "campaign_id IS NULL AND campaign IS NOT NULL"),
    ):
        op.create_index(
            f"ix_{TOUCHES}_{name}", TOUCHES, [own, *columns], postgresql_where=sa.text(where)
        )


def upgrade() -> None:
    touches()
    op.create_table(
        STATES,
        *some(ID, "organization_id", nullable=False),
        *some(sa.BigInteger(), "tx", "seq", nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f(f"pk_{STATES}")),
    )
    for table in (TOUCHES, STATES):
        ddl.protect(table)
    ddl.see_all(STATES, ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_organizations_with_touches(most integer)", "SETOF uuid", NEWS)


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_organizations_with_touches")
    op.drop_table(STATES)
    op.drop_table(TOUCHES)
