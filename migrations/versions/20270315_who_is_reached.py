"""Who is kept from being reached says by what: suppressions have a reason of their own."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270315_who_is_reached"
down_revision = "20270313_lead_queues"
branch_labels = None
depends_on = None

MEMBERS = "campaign_members"
ADDRESS, SEGMENT = "suppressed", "suppressed_segment"


def _rename(before: str, after: str) -> None:
    said = '"excluded_reason": "{}"'
    with ddl.rows_of_all(MEMBERS):
        op.execute(
            f"UPDATE {MEMBERS} SET excluded_reason = '{after}' WHERE excluded_reason = '{before}'"
        )
        op.execute(
            f"UPDATE {MEMBERS} SET frozen_as = replace(frozen_as::text, "
            f"'{said.format(before)}', '{said.format(after)}')::jsonb "
            f"WHERE frozen_as IS NOT NULL"
        )


def upgrade() -> None:
    _rename(ADDRESS, SEGMENT)


def downgrade() -> None:
    _rename(SEGMENT, ADDRESS)
