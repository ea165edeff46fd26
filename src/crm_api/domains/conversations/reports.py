"""Reports of what became of mail, as those who sent it are told, and in words."""

from collections.abc import Sequence

from crm_api.domains.conversations.heard import Report
from crm_api.domains.conversations.kinds import Bounce


def report_of(kind: str, bounce: Bounce | None, ids: Sequence[str]) -> Report | None:
    """The report that a mail is, or the answer by the ids that it names; None for all else."""
    if bounce is None:
        return Report("reply", ids) if ids and kind == "message" else None
    about = [bounce.original_id] if bounce.original_id else []
    if bounce.complaint is not None:
        return Report("complaint", about, detail=bounce.complaint)
    said = " ".join(filter(None, (bounce.status, bounce.diagnostic))) or None
    if bounce.code == "delivered":
        return Report("delivered", about, detail=said)
    return Report("bounce", about, is_lasting=bounce.is_permanent, detail=said)


def said_by(bounce: Bounce) -> str:
    """A report in words."""
    if bounce.complaint is not None:
        return f"Whom a mail was sent to complains about it: {bounce.complaint[:100]}."
    if bounce.code == "delivered":
        return "It tells that a mail arrived."
    said = " ".join(filter(None, (bounce.status, bounce.diagnostic)))[:400]
    to = f" to {bounce.recipient}" if bounce.recipient else ""
    return f"It tells that a mail{to} did not arrive: {said or 'no reason is told'}."
