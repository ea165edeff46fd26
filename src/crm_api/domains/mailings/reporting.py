"""What comes back of mails: reports that one bounced or arrived, complaints, and answers."""

from uuid import UUID

from crm_api.domains.conversations.heard import Report
from crm_api.domains.conversations.matching import mark_bounced
from crm_api.domains.mailings.bouncing import heed_soft
from crm_api.domains.mailings.guarding import guard
from crm_api.domains.mailings.progress import happen
from crm_api.kit.db.tx import Tx
from crm_api.platform.outreach.unsubscribing import suppress, unsubscribe

_FIND = """
    SELECT s.id, s.mailing_id, s.contact_id, s.address, m.purpose FROM mailing_sends s
    JOIN mailings m ON m.organization_id = s.organization_id AND m.id = s.mailing_id
    WHERE s.organization_id = $1 AND s.id = $2
"""


async def heed_report(tx: Tx, report: Report) -> bool:
    """Write down what a mail that came in says of one of a mailing; whether it is of one."""
    rows = []
    for one in report.about:
        if (id := _id_in(one)) is not None:
            rows = await tx.fetch(_FIND, tx.organization_id, id)
            if rows:
                break
    if not rows:
        return False
    row = rows[0]
    if report.kind == "reply":
        await happen(tx, [row["id"]], "replied")
    elif report.kind == "complaint":
        await happen(tx, [row["id"]], "complained", detail=report.detail)
        whom, purpose = row["contact_id"], row["purpose"]
        await unsubscribe(tx, whom, purpose, "complaint", address=row["address"])
        await suppress(tx, row["address"], "complaint")
        await guard(tx, row["mailing_id"])
    elif report.kind == "delivered":
        await happen(tx, [row["id"]], "delivered", detail=report.detail)
    elif report.kind == "bounce":
        await _bounced(tx, row, report)
    return True


async def _bounced(tx: Tx, row: dict[str, object], report: Report) -> None:
    kind = "hard" if report.is_lasting else "soft"
    id, address = UUID(str(row["id"])), str(row["address"])
    whom = UUID(str(row["contact_id"]))
    is_news = await happen(tx, [id], "bounced", detail=report.detail, bounce=kind)
    if not is_news:
        return
    if not report.is_lasting:
        await heed_soft(tx, [(whom, address)])
        return
    await mark_bounced(tx, whom, address)
    await suppress(tx, address, "hard_bounce")
    await guard(tx, UUID(str(row["mailing_id"])))


def _id_in(message_id: str) -> UUID | None:
    """The mail of a Message-ID from here."""
    try:
        return UUID(message_id.partition("@")[0].strip("<> "))
    except ValueError:
        return None
