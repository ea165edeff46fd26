"""Whether an account belongs to other organizations too, whatever has become of it there."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270226_accounts_elsewhere"
down_revision = "20270225_searched_kinds"
branch_labels = None
depends_on = None

IS_ELSEWHERE = """
    SELECT EXISTS (SELECT FROM users u
        WHERE u.account_id = wanted_account AND u.organization_id <> own)
"""


def upgrade() -> None:
    ddl.definer_function(
        "crm_account_is_elsewhere(wanted_account uuid, own uuid)", "boolean", IS_ELSEWHERE
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_account_is_elsewhere")
