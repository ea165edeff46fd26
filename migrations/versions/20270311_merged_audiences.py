"""Frozen audiences follow the merges of people, and what was merged before does so now."""

from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB

from crm_api.kit.db import ddl

revision = "20270311_merged_audiences"
down_revision = "20270310_news_by_index"
branch_labels = None
depends_on = None

# What a merge puts together, or its undoing takes apart, says as what it was frozen.
STAYS = """
    CREATE OR REPLACE FUNCTION crm_audience_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM (SELECT DISTINCT organization_id, campaign_id FROM added{among}) a
            JOIN campaigns c ON c.organization_id = a.organization_id AND c.id = a.campaign_id
            WHERE c.frozen_at IS NOT NULL
        ) THEN
            RAISE EXCEPTION 'the audience is frozen' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
"""
TABLES = ("campaign_members", "record_redirects", "mailings", "mailing_sends")
# As `domains/campaigns/merging.py` does.
TOGETHER = """
    CREATE TEMPORARY TABLE merged_members AS
    WITH RECURSIVE path (organization_id, was, id) AS (
        SELECT r.organization_id, r.record_id, r.target_id FROM record_redirects r
        WHERE EXISTS (SELECT FROM campaign_members m
            WHERE m.organization_id = r.organization_id AND m.contact_id = r.record_id)
        UNION SELECT p.organization_id, p.was, r.target_id FROM path p
        JOIN record_redirects r ON r.organization_id = p.organization_id AND r.record_id = p.id),
    became AS (
        SELECT p.* FROM path p WHERE NOT EXISTS (SELECT FROM record_redirects r
            WHERE r.organization_id = p.organization_id AND r.record_id = p.id)),
    merged AS (
        SELECT m.*, b.id AS person FROM campaign_members m JOIN became b
            ON b.organization_id = m.organization_id AND b.was = m.contact_id),
    entries AS (
        SELECT * FROM merged
        UNION ALL SELECT m.*, m.contact_id FROM campaign_members m WHERE EXISTS (
            SELECT FROM merged o WHERE o.organization_id = m.organization_id
                AND o.campaign_id = m.campaign_id AND o.person = m.contact_id)),
    sent AS (
        SELECT e.organization_id, e.campaign_id, e.person, e.contact_id, EXISTS (
            SELECT FROM mailing_sends s JOIN mailings m
                ON m.organization_id = s.organization_id AND m.id = s.mailing_id
            WHERE s.organization_id = e.organization_id AND m.campaign_id = e.campaign_id
                AND s.contact_id = ANY(ARRAY[e.contact_id, e.person])
                AND (s.handed_at IS NOT NULL OR s.status = 'sending')) AS was
        FROM entries e),
    ranked AS (
        SELECT e.*, CASE
                WHEN e.excluded_reason IN ('suppressed', 'excluded_segment') THEN 0
                WHEN e.excluded_reason IS NOT NULL THEN 4 + array_position(
                    ARRAY['no_consent', 'address_unusable', 'no_address'], e.excluded_reason)
                WHEN e.is_holdout THEN 2
                WHEN bool_or(s.was) OVER together THEN 1 ELSE 3 END AS rank, s.was,
            jsonb_agg(jsonb_build_object('contact_id', e.contact_id, 'variant', e.variant,
                'is_holdout', e.is_holdout, 'excluded_reason', e.excluded_reason)) OVER together
                AS kept
        FROM entries e JOIN sent s USING (organization_id, campaign_id, person, contact_id)
        WINDOW together AS (PARTITION BY e.organization_id, e.campaign_id, e.person))
    SELECT organization_id, campaign_id, contact_id, person, variant, is_holdout, excluded_reason,
        frozen_at, kept, row_number() OVER (PARTITION BY organization_id, campaign_id, person
            ORDER BY rank, was DESC, contact_id = person DESC, contact_id) AS place
    FROM ranked
"""
TAKE = """
    DELETE FROM campaign_members m USING merged_members o
    WHERE o.organization_id = m.organization_id AND o.campaign_id = m.campaign_id
        AND o.contact_id = m.contact_id
"""
PUT = """
    INSERT INTO campaign_members (organization_id, campaign_id, contact_id, variant, is_holdout,
        excluded_reason, frozen_at, frozen_as)
    SELECT organization_id, campaign_id, person, variant, is_holdout, excluded_reason, frozen_at,
        kept
    FROM merged_members WHERE place = 1
"""
APART = """
    CREATE TEMPORARY TABLE merged_members AS
    SELECT m.organization_id, m.campaign_id, m.frozen_at, e.*
    FROM campaign_members m, jsonb_to_recordset(m.frozen_as)
        AS e (contact_id uuid, variant text, is_holdout boolean, excluded_reason text)
    WHERE m.frozen_as IS NOT NULL
"""
TAKE_ALL = "DELETE FROM campaign_members WHERE frozen_as IS NOT NULL"
PUT_ALL = """
    INSERT INTO campaign_members (organization_id, campaign_id, contact_id, variant, is_holdout,
        excluded_reason, frozen_at, frozen_as)
    SELECT organization_id, campaign_id, contact_id, variant, is_holdout, excluded_reason,
        frozen_at, '[]' FROM merged_members
"""


def upgrade() -> None:
    op.add_column("campaign_members", Column("frozen_as", JSONB(), nullable=True))
    op.execute(STAYS.format(among=" WHERE frozen_as IS NULL"))
    with ddl.rows_of_all(*TABLES):
        for statement in (TOGETHER, TAKE, PUT):
            op.execute(statement)
    op.execute("DROP TABLE merged_members")


def downgrade() -> None:
    with ddl.rows_of_all("campaign_members"):
        for statement in (APART, TAKE_ALL, PUT_ALL):
            op.execute(statement)
    op.execute("DROP TABLE merged_members")
    op.execute(STAYS.format(among=""))
    op.drop_column("campaign_members", "frozen_as")
