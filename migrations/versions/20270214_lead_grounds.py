"""Grounds that many decisions of leads share, whatever shared these out.

Members of lists keep no place: whoever shares a list out reads its order once.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from crm_api.kit.db import ddl

revision = "20270214_lead_grounds"
down_revision = "20270213_mailings"
branch_labels = None
depends_on = None

PLANS, GROUNDS, ASSIGNMENTS = "lead_plans", "lead_grounds", "lead_assignments"
POOLS, STATES = "lead_pools", "organization_states"
MEMBERS, PLACE = "prospect_members", "ix_prospect_members_place"
TAKEN = f"""
    INSERT INTO {GROUNDS} (organization_id, id, told) SELECT organization_id, id, grounds
    FROM {PLANS} WHERE grounds <> '{{}}'
"""
GIVEN_BACK = f"""
    UPDATE {PLANS} p SET grounds = g.told FROM {GROUNDS} g
    WHERE g.organization_id = p.organization_id AND g.id = p.id
"""

# Activities are responses where a pool wants any: whoever writes them is to heed it (ADR-0096).
KNOWN = f"""
    INSERT INTO {STATES} AS s (organization_id, version, snapshot)
    SELECT DISTINCT organization_id, 1, '{{"clocked": ["activity", "lead"]}}'::jsonb
    FROM {POOLS} WHERE response_minutes IS NOT NULL
    ON CONFLICT (organization_id) DO UPDATE SET version = s.version + 1,
        snapshot = s.snapshot || jsonb_build_object('clocked', (
            SELECT jsonb_agg(DISTINCT kind) FROM jsonb_array_elements_text(
                coalesce(s.snapshot -> 'clocked', '[]') || (excluded.snapshot -> 'clocked')
            ) AS kind))
"""


def rename(old: str, new: str) -> None:
    with ddl.rows_of_all(ASSIGNMENTS):
        op.execute(
            f"UPDATE {ASSIGNMENTS} SET decision = decision - '{old}' "
            f"|| jsonb_build_object('{new}', decision -> '{old}') WHERE decision ? '{old}'"
        )


def upgrade() -> None:
    op.create_table(
        GROUNDS,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("told", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{GROUNDS}")),
    )
    with ddl.rows_of_all(PLANS):
        op.execute(TAKEN)
    ddl.protect(GROUNDS, rights="SELECT, INSERT")
    op.drop_column(PLANS, "grounds")
    rename("plan_id", "grounds_id")
    op.drop_index(PLACE, MEMBERS)
    op.drop_column(MEMBERS, "place")
    with ddl.rows_of_all(POOLS, STATES):
        op.execute(KNOWN)


def downgrade() -> None:
    op.add_column(MEMBERS, sa.Column("place", sa.Integer(), server_default="0", nullable=False))
    op.alter_column(MEMBERS, "place", server_default=None)
    op.create_index(PLACE, MEMBERS, ["organization_id", "list_id", "run", "place"])
    rename("grounds_id", "plan_id")
    op.add_column(PLANS, sa.Column("grounds", JSONB(), server_default="{}", nullable=False))
    op.alter_column(PLANS, "grounds", server_default=None)
    with ddl.rows_of_all(PLANS, GROUNDS):
        op.execute(GIVEN_BACK)
    op.drop_table(GROUNDS)
