"""By which channel an organization invites."""

from typing import Any
from uuid import UUID

from crm_api.domains.attendees.schemas import InvitationSettings
from crm_api.domains.conversations.models import Channel
from crm_api.domains.conversations.repository import Channels
from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid

SETTINGS_AREA = "invitation_settings"
CONFIGURED = "invitations.configured"


class InvitationSettingsService(SettingsService):
    """The one resource that says by which channel attendees are mailed, if they are."""

    area = SETTINGS_AREA
    event = CONFIGURED
    part = "inviting"

    async def replace(self, data: InvitationSettings) -> dict[str, Any]:
        """Have this hold from now on; raises `Invalid` for what is no channel of mail."""
        self.tx.actor.require(f"{self.area}:write")
        if data.channel_id is not None and await _mailing(self.tx, data.channel_id) is None:
            message = "There is no such channel of mail."
            raise Invalid.at("/channel_id", "unknown_reference", message)
        return await self.hold(_stored(data))

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return _stored(InvitationSettings.model_validate(self.tx.catalogue.inviting))


def _stored(data: InvitationSettings) -> dict[str, Any]:
    return {"channel_id": None if data.channel_id is None else str(data.channel_id)}


def channel_id_of(tx: Tx) -> UUID | None:
    """Which channel is set, whoever asks."""
    return InvitationSettings.model_validate(tx.catalogue.inviting).channel_id


async def inviting_channel(tx: Tx) -> Channel | None:
    """The channel by which invitations leave, if it is still one."""
    id = channel_id_of(tx)
    return None if id is None else await _mailing(tx, id)


async def _mailing(tx: Tx, id: UUID) -> Channel | None:
    found = await Channels(tx).usable(id)
    return found if found is not None and found.kind == "email" and found.addresses else None
