"""Decisions of quotes name the document also where it was made after them."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270301_hashes_of_decisions"
down_revision = "20270228_price_scans"
branch_labels = None
depends_on = None

TABLES = ("quote_decisions", "quote_versions")
FILL = """
    UPDATE quote_decisions d SET document_sha256 = v.document_sha256 FROM quote_versions v
    WHERE v.organization_id = d.organization_id AND v.id = d.quote_version_id
    AND d.document_sha256 IS NULL AND v.document_sha256 IS NOT NULL
"""


def upgrade() -> None:
    with ddl.rows_of_all(*TABLES):
        op.execute(FILL)


def downgrade() -> None:
    """What was filled in is true before, too."""
