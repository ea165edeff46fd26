"""The rules of webhooks."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, get_args
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.crud.collections import area_of
from crm_api.kit.crud.feed import LAST, Feed
from crm_api.kit.crud.personal import Gone, Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid, NotFound, WrongState, need_choice
from crm_api.kit.ids import new_id
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.schema import Create
from crm_api.platform.webhooks.catalogue import EventTypes
from crm_api.platform.webhooks.events import ReplayEvents
from crm_api.platform.webhooks.models import DeliveryStatus, Webhook
from crm_api.platform.webhooks.repository import Deliveries, Webhooks
from crm_api.platform.webhooks.schemas import Replay, WebhookCreate, WebhookUpdate
from crm_api.platform.webhooks.signing import Safe, new_secret

REPLAYED_DAYS = 30
Restored = Callable[[Database, Mapping[str, Any]], Awaitable[Actor]]
_SEEN_BY = frozenset({"url", "topics", "filter", "fields", "payload", "status", "headers"})


class WebhookService(CrudService[Webhook]):
    """Where events are sent, and which; signed as Standard Webhooks says."""

    repository = Webhooks
    area = "webhooks"
    plural = "webhooks"
    personal = Impersonal("Systems of others; what they have answered is the trace `webhooks`.")
    create_shape = WebhookCreate
    update_shape = WebhookUpdate
    # Only creation shows a secret, so the caller must know which of the two it was.
    upserts = False
    records: Webhooks
    types: ClassVar[EventTypes]
    """Every kind of event there is; set by the registry."""
    restored: ClassVar[Restored]
    """What a stored actor may do at this moment; set by the registry."""

    async def create(self, data: Create) -> Any:
        """A new endpoint; the answer holds its secret this once."""
        assert isinstance(data, WebhookCreate)
        self.need("create")
        self.tx.confidential = True
        id, secret = new_id(), new_secret()
        safe = Safe(self.tx.database.secrets, self.tx.organization_id, id)
        values = await self.prepare({**await self.given(data), "id": id}, None)
        await self.admit(values, None)
        made = await self.told(self.add({**values, "secrets": safe.begin(secret)}), new=True)
        self.records.begin(id)
        return {
            **{name: getattr(made, name) for name in self.records.listing.shown},
            "secret": secret,
        }

    @classmethod
    async def reader(cls, database: Database, actor: Mapping[str, Any]) -> Tx:
        """The eyes of whoever a webhook belongs to, as they are now.

        Raises `Unauthenticated` where they are let in no more.
        """
        reader = Tx(database, await cls.restored(database, actor), read_only=True)
        await reader.learned.learn()
        return reader

    async def prepare(self, values: dict[str, Any], current: Webhook | None) -> dict[str, Any]:
        """Topics that there are and a filter that fits them; nobody has more sent than they see."""
        values = await super().prepare(values, current)
        id = values["id"] if current is None else current.id
        if _SEEN_BY.intersection(values):
            whole = {
                name: values[name] if name in values else getattr(current, name)
                for name in ("topics", "filter")
            }
            self._check(whole)
            values["actor"] = self._maker()
        if "url" in values:
            self._check_reach(values["url"])
        if "headers" in values:
            headers = values.pop("headers")
            safe = Safe(self.tx.database.secrets, self.tx.organization_id, id)
            values |= {
                "header_names": sorted(headers),
                "sealed_headers": safe.seal_headers(headers),
            }
        if "status" in values:
            values["disabled_reason"] = "switched_off" if values["status"] == "disabled" else None
        return values

    def _check_reach(self, url: str) -> None:
        """Refuse an address that is never sent to; what a name leads to is seen when it is."""
        try:
            self.tx.database.reach.check(url)
        except ValueError as error:
            message = f"Nothing is sent there: {error}."
            raise Invalid.at("/url", "blocked_address", message) from None

    def _maker(self) -> dict[str, Any]:
        return decode(encode(self.tx.actor.stored()))

    def _check(self, webhook: Mapping[str, Any]) -> None:
        actor, topics = self.tx.actor, webhook["topics"]
        actor.require("events:read")
        unknown = [
            Fault("unknown_type", f"There are no events {topic}.", pointer=f"/topics/{place}")
            for place, topic in enumerate(topics)
            if not self.types.knows(topic, self.tx.catalogue)
        ]
        if unknown:
            raise Invalid("Some topics are unknown.", faults=unknown)
        for entity in {topic.partition(".")[0] for topic in topics if topic != "*"}:
            if entity in self.types.services or entity in self.tx.catalogue.objects:
                actor.require(f"{area_of(entity)}:read")
            else:
                # What is no collection's is for whoever may read everything, in the feed too.
                actor.require("*:read")
        if webhook["filter"]:
            Feed(self.tx, self.types.services).filter_of(webhook["filter"], topics)

    async def change(
        self,
        current: Webhook,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs; switched off, nothing waits on, and switched on it begins anew."""
        was, gone = current.status, current.deleted_at is not None
        status = values.get("status", was)
        if "deleted_at" in values and gone != (values["deleted_at"] is not None):
            was, status = ("disabled", status) if gone else (was, "disabled")
        if was != status:
            act = self.records.begin_anew if status == "enabled" else self.records.cancel_waiting
            await act(current.id)
        return await super().change(current, values, verb=verb, told=told)

    async def switch_off(self, id: UUID, reason: str) -> None:
        """Disable an endpoint, whatever its own people say; one that is disabled stays so."""
        current = await self.locked(id)
        if current.status == "enabled":
            off = {"status": "disabled", "disabled_reason": reason}
            await self.change(current, off, verb="disabled")

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take an endpoint out of the bin; only for those who could have made it."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        self._check({"topics": current.topics, "filter": current.filter})
        self.tx.change(current, {"actor": self._maker()})
        return await super().restore(id, expected_version=expected_version)

    async def check_purge(self, current: Webhook) -> None:
        """Nothing stands in the way; what was kept of it goes too."""
        await self.records.forget(current.id)

    async def rotate_secret(self, id: UUID, grace: timedelta) -> dict[str, Any]:
        """Another secret; the former one signs beside it for a while."""
        self.need("update")
        current = await self.locked(id)
        self.tx.confidential = True
        secret = new_secret()
        safe = Safe(self.tx.database.secrets, self.tx.organization_id, id)
        until = self.tx.now + grace
        kept = safe.rotate(current.secrets, secret, until)
        told = {"former_until": until}
        await self.change(current, {"secrets": kept}, verb="secret_rotated", told=told)
        return {"secret": secret}

    async def test(self, id: UUID, type: str) -> dict[str, Any]:
        """Have an example be sent; returns the delivery, which says what came of it."""
        self.tx.actor.require(f"{self.area}:write")
        if not self.types.knows(type, self.tx.catalogue) or type.endswith("*"):
            raise Invalid.at("/type", "unknown_type", f"There are no events {type}.")
        await self._enabled(id)
        row = self.types.example(type, self.tx.now)
        made = await Deliveries(self.tx).add([(id, row)], is_test=True)
        found = await Deliveries(self.tx).find(made[0])
        assert found is not None
        return shown_delivery(found)

    async def replay(self, id: UUID, asked: Replay) -> UUID:
        """Have the events of a time be sent once more; returns the job that does it."""
        self.tx.actor.require(f"{self.area}:write")
        webhook = await self._enabled(id)
        foreign = [
            Fault("unknown_type", f"It is not sent {type}.", pointer=f"/types/{place}")
            for place, type in enumerate(asked.types)
            if not covers(webhook.topics, type)
        ]
        if foreign:
            raise Invalid("The webhook has other topics.", faults=foreign)
        until = asked.until or self.tx.now
        if asked.since >= until:
            raise Invalid.at("/since", "not_before", "`since` is before `until`.")
        if asked.since < self.tx.now - timedelta(days=REPLAYED_DAYS):
            message = f"At most {REPLAYED_DAYS} days are sent again."
            raise Invalid.at("/since", "too_early", message)
        message = ReplayEvents(
            str(id), asked.since.isoformat(), until.isoformat(), asked.types, asked.only
        )
        return self.tx.enqueue(message)

    async def health(self, id: UUID) -> dict[str, Any]:
        """How an endpoint fares; raises `NotFound`."""
        self.tx.actor.require(f"{self.area}:read")
        await self.records.row(id)
        return await Deliveries(self.tx).health(id)

    async def _enabled(self, id: UUID) -> Webhook:
        current = await self.records.get(id, lock=True)
        if current.status != "enabled":
            raise WrongState("The webhook is disabled.", code="webhook_disabled")
        return current


class DeliveryService:
    """What was sent to the endpoints of an organization, and what waits to be."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.deliveries = Deliveries(tx)

    async def page(
        self,
        webhook_id: UUID,
        *,
        cursor: str | None,
        limit: int,
        status: str | None = None,
        type: str | None = None,
    ) -> dict[str, Any]:
        """The deliveries of an endpoint, newest first; raises `NotFound`."""
        self.tx.actor.require("webhooks:read")
        need_choice("status", status, get_args(DeliveryStatus))
        await Webhooks(self.tx).row(webhook_id, deleted="include")
        key = self.tx.database.signing_key
        context = context_of(self.tx.organization_id, "deliveries", webhook_id, status, type)
        before = int(unseal(key, context, cursor)[0]) if cursor else LAST
        rows = await self.deliveries.page(webhook_id, before, limit + 1, status, type)
        more, rows = len(rows) > limit, rows[:limit]
        last = seal(key, context, [rows[-1]["seq"]]) if more else None
        return {"data": [shown_delivery(row) for row in rows], "next_cursor": last}

    async def get(self, id: UUID) -> dict[str, Any]:
        """One delivery with every attempt; raises `NotFound`."""
        self.tx.actor.require("webhooks:read")
        row = await self.deliveries.find(id)
        if row is None:
            raise NotFound(f"There is no delivery with the id {id}.")
        return {**shown_delivery(row), "log": await self.deliveries.log(id)}

    async def redeliver(self, id: UUID) -> dict[str, Any]:
        """Have a delivery be sent anew, whatever came of it; raises `WrongState`."""
        self.tx.actor.require("webhooks:write")
        found = await self.get(id)
        webhook = await Webhooks(self.tx).get(found["webhook_id"], lock=True)
        if webhook.status != "enabled":
            raise WrongState("The webhook is disabled.", code="webhook_disabled")
        row = await self.deliveries.begin_anew(id)
        if row is None:
            raise WrongState("It is being sent just now.", code="being_sent")
        return {**shown_delivery(row), "log": found["log"]}


def shown_delivery(row: Any) -> dict[str, Any]:
    """A delivery as it looks from outside."""
    return {name: value for name, value in dict(row).items() if name != "seq"}


def chosen(types: Sequence[str], topics: Sequence[str]) -> list[str]:
    """Of an endpoint's topics those that were asked for; all of them where none were."""
    return [topic for topic in types if covers(topics, topic)] if types else list(topics)


def covers(topics: Sequence[str], topic: str) -> bool:
    """Whether topics hold another one."""
    entity = topic.partition(".")[0]
    return "*" in topics or f"{entity}.*" in topics or topic in topics


async def wipe_answers(tx: Tx, gone: Gone) -> int:
    """Wipe out what receivers have answered to events of a person, or of them in others."""
    return await Deliveries(tx).wipe_answers(gone.ids, gone.marks)
