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
    WITH RECURSIVE had AS (SELECT DISTINCT s.contact_id, s.variant FROM {mails} AND {what}),
    became (was, id) AS (
        SELECT r.record_id, r.target_id FROM record_redirects r
        WHERE r.organization_id = $1 AND r.record_id IN (SELECT contact_id FROM had)
        UNION SELECT b.was, r.target_id FROM became b
        JOIN record_redirects r ON r.organization_id = $1 AND r.record_id = b.id)
    SELECT had.contact_id AS id{variant} FROM had
    UNION SELECT became.id{variant} FROM had JOIN became ON became.was = had.contact_id
"""
_DID = "s.{what}_at >= $3 AND s.{what}_at < $4 AND $5::text IS NULL"


def _people(what: str, variant: str = "") -> str:
    return _AS_THEY_ARE.format(mails=_MAILS, what=what, variant=variant)


_IS_TOLD = (
    "EXISTS (SELECT FROM mailings k WHERE k.organization_id = $1 AND k.campaign_id = $2 "
    "AND k.deleted_at IS NULL AND k.started_at IS NOT NULL)"
)
SENDING = (_IS_TOLD, _people("s.sent_at < {until}", ", had.variant"))
MAIL_KINDS: Mapping[Conversion, Kind] = {
    "mail_opened": Kind(_people(_DID.format(what="opened")), AREA),
    "mail_clicked": Kind(_people(_DID.format(what="clicked")), AREA),
}
