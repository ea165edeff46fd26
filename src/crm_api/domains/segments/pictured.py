"""What people did, on their timelines."""

from collections.abc import Mapping
from typing import Any

from crm_api.kit.touchpoints import Party, Touchpoint


def _name(row: Mapping[str, Any]) -> str:
    return row["name"]


TOUCHPOINTS = (
    Touchpoint(
        "behaviour_event.created",
        "advertising",
        (Party("contact_id", "contact"),),
        direction="in",
        at="occurred_at",
        kind=_name,
    ),
)
