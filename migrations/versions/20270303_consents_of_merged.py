"""Of merged people the most restrictive consent holds, until they decide anew."""

from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270303_consents_of_merged"
down_revision = "20270302_retention_goes_on"
branch_labels = None
depends_on = None

_SIGNATURE = (
    "crm_consent_state(organization uuid, person uuid, for_purpose text, by_channel text, "
    "at_moment timestamptz)"
)
# As `_EFFECTIVE` of `platform/outreach/repository.py`, for one person, purpose and channel.
STATE = """
    WITH RECURSIVE whole(id, merged_at, above) AS (
        SELECT person, NULL::timestamptz, '{}'::uuid[]
        UNION SELECT r.record_id, r.merged_at, whole.above || whole.id
        FROM record_redirects r JOIN whole ON r.target_id = whole.id
        WHERE r.organization_id = organization),
    word AS (
        SELECT DISTINCT ON (whole.id) whole.id AS said_as, whole.merged_at, whole.above,
            c.state, c.at, c.expires_at, c.seq, c.created_at
        FROM whole JOIN consents c ON c.organization_id = organization AND c.record_id = whole.id
        WHERE c.purpose = for_purpose AND c.channel = by_channel
        ORDER BY whole.id, c.at DESC, c.seq DESC)
    SELECT CASE WHEN word.expires_at <= at_moment THEN 'expired' ELSE word.state END
    FROM word WHERE NOT EXISTS (
        SELECT FROM word later
        WHERE later.said_as = ANY(word.above) AND later.created_at > word.merged_at)
    ORDER BY array_position(ARRAY['withdrawn', 'denied'], word.state), word.at DESC, word.seq DESC
    LIMIT 1
"""
BEFORE = """
    WITH RECURSIVE whole(id) AS (
        SELECT person
        UNION SELECT r.record_id FROM record_redirects r JOIN whole ON r.target_id = whole.id
        WHERE r.organization_id = organization)
    SELECT CASE WHEN c.expires_at <= at_moment THEN 'expired' ELSE c.state END
    FROM consents c
    WHERE c.organization_id = organization AND c.purpose = for_purpose AND c.channel = by_channel
        AND c.record_id IN (SELECT id FROM whole)
    ORDER BY c.at DESC, c.seq DESC LIMIT 1
"""
# A record that was merged, parted and merged again goes by the last time.
FILL = """
    UPDATE record_redirects r SET merged_at = coalesce(
        (SELECT max(m.created_at) FROM merges m
        WHERE m.organization_id = r.organization_id AND m.status = 'done'
        AND m.loser_ids @> jsonb_build_array(r.record_id::text)), now())
"""


def upgrade() -> None:
    op.add_column("record_redirects", Column("merged_at", TIMESTAMP(timezone=True), nullable=True))
    with ddl.rows_of_all("record_redirects", "merges"):
        op.execute(FILL)
    op.alter_column("record_redirects", "merged_at", nullable=False)
    op.execute(_function(STATE))


def downgrade() -> None:
    op.execute(_function(BEFORE))
    op.drop_column("record_redirects", "merged_at")


def _function(body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {_SIGNATURE} RETURNS text LANGUAGE sql STABLE AS $$ {body} $$"
    )
