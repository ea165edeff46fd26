"""What somebody may be told, and by which ways."""

from collections.abc import Mapping
from typing import Literal, get_args

Kind = Literal[
    "mention",
    "comment",
    "assigned",
    "shared",
    "changed",
    "approval",
    "work_ended",
    "job_failed",
    "webhook_trouble",
    "login_blocked",
    "notice",
    "reminder",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
OPERATIONAL = frozenset({"work_ended", "job_failed", "webhook_trouble", "login_blocked", "notice"})
"""What is told to whoever it concerns, also if they began it themselves."""
Channel = Literal["in_app", "email", "sms", "messenger"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
OutwardChannel = Literal["email", "sms", "messenger"]
OUTWARD: tuple[OutwardChannel, ...] = get_args(OutwardChannel)
Frequency = Literal["off", "instantly", "hourly", "daily", "weekly"]
EVERY = "*"
"""All kinds that are not named."""

BUILT_IN: Mapping[str, Mapping[str, Frequency]] = {
    EVERY: {"in_app": "instantly", "email": "off", "sms": "off", "messenger": "off"},
    "mention": {"email": "instantly"},
    "comment": {"email": "hourly"},
    "assigned": {"email": "instantly"},
    "shared": {"email": "hourly"},
    "approval": {"email": "instantly"},
    "webhook_trouble": {"email": "instantly"},
    "login_blocked": {"email": "instantly"},
    "notice": {"email": "instantly"},
    "reminder": {"email": "hourly"},
}
"""What holds where neither the user nor the organization says anything."""

DESCRIPTIONS: Mapping[Kind, str] = {
    "mention": "A comment mentions you or a team of yours.",
    "comment": "Somebody comments on a record that you follow.",
    "assigned": "A record becomes yours.",
    "shared": "A record is shared with you or a team of yours.",
    "changed": "A record that you follow is changed, put in the bin or taken out.",
    "approval": "A record waits for your decision, or what you asked for was decided.",
    "work_ended": "An import or an export of yours has ended.",
    "job_failed": "Work that you asked for in the background has failed for good.",
    "webhook_trouble": "A webhook fails or is disabled; for whoever may set them up.",
    "login_blocked": "Too many attempts to log in as you have failed.",
    "notice": "A rule tells you something.",
    "reminder": "A record of yours wants your attention: a quote that ends soon, say.",
}
OF_WORK = "cause"
"""By what is grouped what one piece of work did to many records; see `is_of_work`."""


def is_of_work(kind: str, group_key: str) -> bool:
    """Whether a notification is of all that one piece of work did, by what it is grouped by."""
    return group_key.startswith(f"{kind}:{OF_WORK}:")
