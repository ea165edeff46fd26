"""How an organization mails many."""

from typing import Any

from crm_api.domains.mailings.schemas import MailingSettings
from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx

SETTINGS_AREA = "mailing_settings"
CONFIGURED = "mailing_settings.configured"
TRACKING = "tracking"
"""The purpose of the consent whose withdrawal ends the tracking of a person."""


class MailingSettingsService(SettingsService):
    """The one resource that says how mailings are throttled, tracked and stopped."""

    area = SETTINGS_AREA
    event = CONFIGURED
    part = "mailing"

    async def replace(self, data: MailingSettings) -> dict[str, Any]:
        """Have this hold from now on."""
        return await self.hold(data.model_dump())

    def shown(self) -> dict[str, Any]:
        """What holds now."""
        return settings_of(self.tx).model_dump()


def settings_of(tx: Tx) -> MailingSettings:
    """What holds, whoever asks."""
    return MailingSettings.model_validate(tx.catalogue.mailing)
