"""When a mailing stops by itself: it is done, or too much of it comes back."""

from typing import Any
from uuid import UUID

from crm_api.domains.campaigns.repository import waiting
from crm_api.domains.mailings.models import Mailing
from crm_api.domains.mailings.repository import Mailings
from crm_api.domains.mailings.service import MailingService
from crm_api.domains.mailings.settings import settings_of
from crm_api.kit.db.tx import Tx

_COUNT = """
    SELECT count(*) FILTER (WHERE sent_at IS NOT NULL OR bounced_at IS NOT NULL)::int AS sent,
        count(*) FILTER (WHERE bounce = 'hard')::int AS bounced,
        count(complained_at)::int AS complained
    FROM mailing_sends WHERE organization_id = $1 AND mailing_id = $2
"""
# A part of the audience may wait for an experiment to be decided.
_IS_OPEN = f"""
    SELECT {waiting("$3")} OR EXISTS (SELECT FROM mailing_sends
        WHERE organization_id = $1 AND mailing_id = $2 AND status IN ('queued', 'sending')) AS is_open
"""  # noqa: S608


async def guard(tx: Tx, mailing_id: UUID) -> bool:
    """Pause a mailing of which too much bounces or is complained about; whether it was."""
    (found,) = await tx.fetch(_COUNT, tx.organization_id, mailing_id)
    reason = _too_much(found, settings_of(tx))
    if reason is None:
        return False
    service = MailingService(tx)
    (current,) = await service.records.locked([mailing_id], everywhere=True) or (None,)
    if current is None or current.status != "running":
        return False
    told = {name: found[name] for name in ("sent", "bounced", "complained")}
    values = {"status": "paused", "pause_reason": reason}
    await service.change(current, values, verb="auto_paused", told=told)
    return True


def _too_much(found: Any, limits: Any) -> str | None:
    if found["sent"] < limits.least_sent:
        return None
    for name, most in (
        ("bounced", limits.most_bounces_percent),
        ("complained", limits.most_complaints_percent),
    ):
        if 100 * found[name] >= most * found["sent"]:
            return "bounces" if name == "bounced" else "complaints"
    return None


async def complete_if_done(tx: Tx, mailing_id: UUID) -> bool:
    """Complete a mailing of which nothing is left to send; whether it was."""
    current = await Mailings(tx).find(mailing_id)
    if current is None or current.status != "running" or current.is_ongoing:
        return False
    if await _is_open(tx, current):
        return False
    service = MailingService(tx)
    (current,) = await service.records.locked([mailing_id], everywhere=True) or (None,)
    if current is None or current.status != "running":
        return False
    # Whoever queues more holds the mailing, so nothing was queued since.
    if await _is_open(tx, current):
        return False
    await service.change(current, {"status": "completed", "ended_at": tx.now}, verb="completed")
    return True


async def _is_open(tx: Tx, current: Mailing) -> bool:
    about = (tx.organization_id, current.id, current.campaign_id)
    (found,) = await tx.fetch(_IS_OPEN, *about)
    return found["is_open"]
