"""What rules can do by webhooks: have one endpoint be told, whatever its topics are."""

from contextlib import suppress
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tables import EventRow
from crm_api.kit.errors import Invalid, NotFound
from crm_api.platform.webhooks.events import CALLED
from crm_api.platform.webhooks.repository import Deliveries, Webhooks

LONGEST = 32_768


class CallWebhook(Step):
    """Tell an endpoint: signed, tried again and logged like any delivery."""

    action: Literal["webhook"]
    webhook_id: UUID
    data: dict[str, Any] = Field(
        default_factory=dict,
        description='What it is told; a value may be `{"$ref": "record.name"}`.',
    )

    async def check(self, about: Checking) -> None:
        """An endpoint that is there."""
        about.tx.actor.require("webhooks:write")
        about.values(self.data, "/data")
        if len(encode(self.data)) > LONGEST:
            about.fault("/data", "too_long", f"At most {LONGEST:,} bytes.")
        if await Webhooks(about.tx).find(self.webhook_id) is None:
            about.fault("/webhook_id", "unknown_reference", "There is no such webhook.")

    async def act(self, at: Situation) -> Outcome:
        """The delivery is a row of this transaction; its `webhook-id` is the event's id."""
        at.tx.actor.require("webhooks:write")
        webhook = await Webhooks(at.tx).get(self.webhook_id)
        if webhook.status != "enabled":
            return Outcome({"reason": "webhook_disabled"}, skipped=True)
        said = encode(await at.values(self.data, "/data"))
        if len(said) > LONGEST:
            raise Invalid.at("/data", "too_long", f"At most {LONGEST:,} bytes.")
        data = decode(said)
        entity, id, version = await self._about(at)
        told = {"automation_id": at.run.automation_id, "run_id": at.run.id, "data": data}
        at.tx.record(CALLED, entity=entity, record_id=id, version=version, data=told)
        event = at.tx.kept(EventRow)[-1]
        made = await Deliveries(at.tx).add([(webhook.id, event)])
        return Outcome({"delivery_id": made[0], "event_id": event["id"]}, {"data": data})

    async def _about(self, at: Situation) -> tuple[str, UUID, int]:
        """What the event is about: the record, so that it is seen and erased with it, or the run."""
        if at.run.entity is not None and at.run.record_id is not None:
            with suppress(NotFound):
                return at.run.entity, at.run.record_id, (await at.record())["version"]
        return "webhook", at.run.id, 1
