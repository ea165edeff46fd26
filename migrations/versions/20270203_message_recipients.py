"""Messages are found by whom they went to, for whoever is erased."""

import sqlalchemy as sa
from alembic import op

from crm_api.kit.db import ddl

revision = "20270203_message_recipients"
down_revision = "20270202_reports"
branch_labels = None
depends_on = None

NAME = "ix_messages_recipients"
ADDRESSES = "(lower(jsonb_path_query_array(recipients, '$[*].address')::text)::jsonb)"
# The operator is not leakproof, so behind row-level security the index would not be used.
SENT_TO = f"""
    SELECT id FROM messages
    WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
        AND {ADDRESSES} ?| addresses
"""


def upgrade() -> None:
    ddl.see_all("messages", ddl.DEFINER, "SELECT (organization_id, id, recipients)")
    ddl.definer_function("crm_messages_sent_to(addresses text[])", "SETOF uuid", SENT_TO)
    with op.get_context().autocommit_block():
        op.create_index(
            NAME,
            "messages",
            [sa.text(ADDRESSES)],
            postgresql_using="gin",
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(NAME, "messages", postgresql_concurrently=True)
    op.execute("DROP FUNCTION crm_messages_sent_to")
    op.execute(f"DROP POLICY {ddl.DEFINER} ON messages")
    op.execute(f"REVOKE ALL (organization_id, id, recipients) ON messages FROM {ddl.DEFINER}")
