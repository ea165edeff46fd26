"""Opens and clicks: written down once for people, and counted apart for programs."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.mailings.models import HitKind, MailingHit
from crm_api.domains.mailings.progress import happen
from crm_api.domains.mailings.settings import settings_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id

PREFETCHED_WITHIN = timedelta(seconds=3)
"""So soon after it left nobody has read a mail: scanners and proxies look at all links at once."""
MOST_HITS = 200
"""Of one mail; what comes after is counted no more."""
_PROGRAMS = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|prefetch|monitor|curl|wget|python|java/|okhttp|"
    r"go-http|headless|barracuda|proofpoint|mimecast|safelinks|symantec|facebookexternal|slurp",
    re.IGNORECASE,
)
_FIND = """
    SELECT s.mailing_id, s.contact_id, s.handed_at, (SELECT count(*) FROM (
        SELECT FROM mailing_hits h WHERE h.organization_id = $1 AND h.send_id = s.id LIMIT $3) AS c)
        AS hits
    FROM mailing_sends s WHERE s.organization_id = $1 AND s.id = $2 AND s.handed_at IS NOT NULL
"""


def is_program(user_agent: str | None) -> bool:
    """Whether a request names itself as no browser, or does not name itself."""
    return not user_agent or _PROGRAMS.search(user_agent) is not None


async def hit(
    tx: Tx, send_id: UUID, kind: HitKind, user_agent: str | None, url: str | None = None
) -> None:
    """Write down that a mail was opened, or a link of it followed."""
    if not settings_of(tx).tracks:
        return
    rows: list[Any] = await tx.fetch(_FIND, tx.organization_id, send_id, MOST_HITS)
    if not rows or rows[0]["hits"] >= MOST_HITS:
        return
    row = rows[0]
    is_bot = is_program(user_agent) or tx.now - row["handed_at"] < PREFETCHED_WITHIN
    values = {
        "id": new_id(),
        "mailing_id": row["mailing_id"],
        "send_id": send_id,
        "kind": kind,
        "url": url,
        "at": tx.now,
        "is_bot": is_bot,
    }
    tx.insert(MailingHit, values)
    if not is_bot:
        await happen(tx, [send_id], "opened" if kind == "open" else "clicked", detail=url)
