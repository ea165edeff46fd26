"""Which events of mails are touches: what people got and did, by the campaign of the mailing."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.touches import Touch, Touched, TouchKind
from crm_api.kit.touchpoints import Happened

_KINDS: Mapping[str, TouchKind] = {
    "mailing.sent": "sent",
    "mailing.opened": "opened",
    "mailing.clicked": "clicked",
    "mailing.replied": "responded",
}
_CAMPAIGNS = """
    SELECT id, campaign_id FROM mailings
    WHERE organization_id = $1 AND id = ANY($2) AND campaign_id IS NOT NULL
"""


async def _find(tx: Tx, events: Sequence[Happened]) -> Mapping[UUID, Sequence[Touched]]:
    ids = sorted({UUID(one.data["mailing_id"]) for one in events})
    rows = await tx.fetch(_CAMPAIGNS, tx.organization_id, ids)
    campaigns = {str(row["id"]): str(row["campaign_id"]) for row in rows}
    return {one.id: [_touched(one, campaigns)] for one in events}


def _touched(one: Happened, campaigns: Mapping[str, str]) -> Touched:
    # Events are of the contact: what tells mails apart is the send.
    return Touched(
        _KINDS[one.topic],
        one.record_id,
        one.at,
        campaign=campaigns.get(one.data["mailing_id"]),
        channel="email",
        variant=one.data["variant"],
        source_id=UUID(one.data["send_id"]),
    )


TOUCHES = (Touch(tuple(_KINDS), _find),)
