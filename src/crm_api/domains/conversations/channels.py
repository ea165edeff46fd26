"""The rules of channels: their addresses, and the secrets by which senders sign."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.conversations.models import Channel
from crm_api.domains.conversations.repository import CHANNELS_AREA, Channels
from crm_api.domains.conversations.schemas import ChannelCreate, ChannelUpdate
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, WrongState
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue
from crm_api.platform.webhooks.signing import Safe, new_secret

ADDRESS = "channel_address"
"""The kind of look-up value by which mail finds its channel."""


class ChannelService(NamedService[Channel]):
    """Where messages come in and leave."""

    repository = Channels
    area = CHANNELS_AREA
    plural = "channels"
    personal = Impersonal("The organization's own addresses.")
    create_shape = ChannelCreate
    update_shape = ChannelUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"secrets": None}
    records: Channels

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Channel | None, country: str | None
    ) -> dict[str, Any]:
        """Addresses of mail as they are compared."""
        values = super().normalise(values, current, country)
        kind = values.get("kind") or getattr(current, "kind", "email")
        if current is not None and kind != current.kind:
            raise Invalid.at("/kind", "fixed", "A channel stays of its kind: make another one.")
        if kind == "email" and "addresses" in values:
            values["addresses"] = _addresses(values["addresses"])
        return values

    async def prepare(self, values: dict[str, Any], current: Channel | None) -> dict[str, Any]:
        """No two channels have one address."""
        values = await super().prepare(values, current)
        kind = values.get("kind") or getattr(current, "kind", "email")
        addresses = values.get("addresses")
        if kind == "email" and addresses:
            await self.records.lock_keys(ADDRESS, addresses)
            await self._need_free(addresses, current)
        return values

    async def _need_free(self, addresses: list[str], current: Channel | None) -> None:
        found = await self.records.by_keys(ADDRESS, addresses)
        for place, address in enumerate(addresses):
            others = [id for id in found.get(address, ()) if current is None or id != current.id]
            if others:
                message = f"Mail to {address} comes in by another channel."
                raise Invalid.at(f"/addresses/{place}", "address_taken", message)

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by the addresses of mail."""
        if record["kind"] == "email":
            yield from ((ADDRESS, address) for address in record["addresses"])

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take it out of the bin, where nobody has its addresses meanwhile."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None and current.kind == "email":
            await self.records.lock_keys(ADDRESS, current.addresses)
            await self._need_free(current.addresses, current)
        return await super().restore(id, expected_version=expected_version)

    async def rotate_secret(self, id: UUID, grace: timedelta) -> dict[str, str]:
        """Another secret, or the first one; what the former one signs is taken for a while."""
        self.need("update")
        current = await self.locked(id)
        if current.kind == "email":
            message = "Mail comes in with an API key that has the scope inbox:write."
            raise WrongState(message, code="not_signed")
        self.tx.confidential = True
        secret, safe = new_secret(), safe_of(self.tx, id)
        if current.secrets is None:
            kept = safe.begin(secret)
        else:
            kept = safe.rotate(current.secrets, secret, self.tx.now + grace)
        told = {"former_until": self.tx.now + grace}
        await self.change(current, {"secrets": kept}, verb="secret_rotated", told=told)
        path = f"/v1/inbox/messages?channel={token_of(self.tx.organization_id, id)}"
        return {"secret": secret, "path": path}


def safe_of(tx: Tx, channel_id: UUID) -> Safe:
    """What opens the secrets of a channel."""
    return Safe(tx.database.secrets, tx.organization_id, channel_id, "channels")


def token_of(organization_id: UUID, channel_id: UUID) -> str:
    """What names a channel in an address; no secret: who sends there has to sign."""
    return f"{organization_id.hex}{channel_id.hex}"


def _addresses(given: list[str]) -> list[str]:
    if not given:
        raise Invalid.at("/addresses", "required", "A channel of mail has an address.")
    found: dict[str, None] = {}
    for place, address in enumerate(given):
        try:
            found[email_key(address)] = None
        except BadValue as error:
            raise Invalid.at(f"/addresses/{place}", error.code, str(error)) from None
    return list(found)
