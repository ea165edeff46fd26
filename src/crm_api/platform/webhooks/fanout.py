"""Taking up what happened: each endpoint reads the feed for itself and notes what to send."""

from uuid import UUID

from crm_api.kit.crud.feed import Feed
from crm_api.kit.crud.places import began_after
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid, Unauthenticated
from crm_api.kit.rounds import Rounds
from crm_api.platform.webhooks.parking import parked_kinds
from crm_api.platform.webhooks.repository import Deliveries
from crm_api.platform.webhooks.service import WebhookService

STRETCH = 200


class FanOut(Rounds):
    """Turns events into deliveries.

    Deliveries and the place in the feed are one transaction: killed in the middle, nothing has
    happened, and what is taken up twice finds its delivery there.
    """

    sql = "SELECT organization_id, webhook_id AS id FROM crm_webhooks_with_news($1)"
    leaves = True

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new for an endpoint."""
        service = WebhookService(tx)
        found = await service.records.places.lock(id)
        if found is None:
            return False
        place, begun = found
        webhook = await service.records.find(id)
        if webhook is None or webhook.status != "enabled":
            return False
        await Deliveries(tx).unpark(webhook.id, parked_kinds(tx, service.types.services))
        try:
            reader = await service.reader(tx.database, webhook.actor)
            feed = Feed(reader, service.types.services)
            passing = feed.filter_of(webhook.filter, webhook.topics) if webhook.filter else None
            stretch = await feed.stretch(place, STRETCH, types=webhook.topics, filter=passing)
        except (Forbidden, Unauthenticated):
            await service.switch_off(webhook.id, "rights_lost")
            return False
        except Invalid:
            await service.switch_off(webhook.id, "filter_outdated")
            return False
        # Of itself an endpoint is told nothing: its own troubles would trouble it further.
        rows = [r for r in stretch.rows if began_after(begun, r) and r["record_id"] != webhook.id]
        if rows:
            await Deliveries(tx).add(webhook.id, rows)
        await service.records.places.move(webhook.id, stretch.end)
        return not stretch.whole
