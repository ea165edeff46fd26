"""Whoever asks which organizations have news looks the next event up, and reads no others.

Right after very many events came, the planner takes their number for a few: it would rather read
all of them, of all organizations, than look up whether there is one behind a place.
"""

from alembic import op

revision = "20270310_news_by_index"
down_revision = "20270309_standard_schedules"
branch_labels = None
depends_on = None

FUNCTIONS = (
    "crm_automations_with_news",
    "crm_organizations_with_journey_news",
    "crm_organizations_with_news",
    "crm_organizations_with_score_news",
    "crm_organizations_with_segment_news",
    "crm_organizations_with_sequence_news",
    "crm_organizations_with_tally_news",
    "crm_organizations_with_touches",
    "crm_organizations_with_touchpoints",
    "crm_organizations_with_waitlist_news",
    "crm_webhooks_with_news",
)
OTHER_WAYS = ("enable_hashjoin", "enable_mergejoin")


def upgrade() -> None:
    for function in FUNCTIONS:
        for way in OTHER_WAYS:
            op.execute(f"ALTER FUNCTION {function}(integer) SET {way} = off")


def downgrade() -> None:
    for function in FUNCTIONS:
        for way in OTHER_WAYS:
            op.execute(f"ALTER FUNCTION {function}(integer) RESET {way}")
