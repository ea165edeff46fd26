"""Collecting what is due to somebody by one channel, to be sent as one message."""

from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.kit.rounds import Rounds
from crm_api.platform.notifications.events import SendDigest
from crm_api.platform.notifications.kinds import OUTWARD, OutwardChannel
from crm_api.platform.notifications.models import NotificationDigest
from crm_api.platform.notifications.repository import Telling


class Collector(Rounds):
    """Makes digests of what is due; of several workers one gets each of them.

    What is taken, the digest and the job that sends it are one transaction.
    """

    sql = "SELECT DISTINCT organization_id, user_id AS id FROM crm_notifications_due($1)"

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Collect what is due to a user, by each way."""
        telling, some = Telling(tx), False
        for channel in OUTWARD:
            items = await telling.collect(id, channel)
            if items:
                _digest(tx, id, channel, items)
                some = True
        return some


def _digest(tx: Tx, user_id: UUID, channel: OutwardChannel, items: dict[str, int]) -> None:
    id = new_id()
    values = {
        "id": id,
        "user_id": user_id,
        "channel": channel,
        "items": items,
        "status": "pending",
        "created_at": tx.now,
    }
    tx.insert(NotificationDigest, values)
    tx.enqueue(SendDigest(id))
