"""What experiments of campaigns know of mails: who was sent which variant, opened it, clicked."""

from collections.abc import Mapping

from crm_api.domains.campaigns.converting import Kind
from crm_api.domains.campaigns.schemas import Conversion
from crm_api.domains.mailings.repository import AREA

_MAILS = """
    mailings k JOIN mailing_sends s ON s.organization_id = $1 AND s.mailing_id = k.id
    WHERE k.organization_id = $1 AND k.campaign_id = $2 AND k.deleted_at IS NULL
"""
# Sends stay with the contact that was mailed, whoever they are now.
_AS_THEY_ARE = """
    WITH RECURSIVE had AS (SELECT s.contact_id, s.variant, {at} AS at FROM {mails} AND {what}),
    became (was, id) AS (
        SELECT r.record_id, r.target_id FROM record_redirects r
        WHERE r.organization_id = $1 AND r.record_id IN (SELECT contact_id FROM had)
        UNION SELECT b.was, r.target_id FROM became b
        JOIN record_redirects r ON r.organization_id = $1 AND r.record_id = b.id)
    SELECT had.contact_id AS id, had.variant, had.at FROM had
    UNION ALL SELECT became.id, had.variant, had.at FROM had
    JOIN became ON became.was = had.contact_id
"""
_DID = "s.{what}_at >= $3 AND s.{what}_at < $4 AND $5::text IS NULL"
# What was done with a mail was done after it left, whatever two clocks say.
_DONE_AT = "greatest(s.{what}_at, s.sent_at)"


def _people(what: str, at: str) -> str:
    return _AS_THEY_ARE.format(mails=_MAILS, what=what, at=at)


def _mails(what: str) -> Kind:
    return Kind(_people(_DID.format(what=what), _DONE_AT.format(what=what)), AREA)


_IS_TOLD = (
    "EXISTS (SELECT FROM mailings k WHERE k.organization_id = $1 AND k.campaign_id = $2 "
    "AND k.deleted_at IS NULL AND k.started_at IS NOT NULL)"
)
SENDING = (AREA, _IS_TOLD, _people("s.sent_at < {until}", "s.sent_at"))
MAIL_KINDS: Mapping[Conversion, Kind] = {
    "mail_opened": _mails("opened"),
    "mail_clicked": _mails("clicked"),
}
