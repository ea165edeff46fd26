"""What an organization says of promises that are late."""

from typing import Annotated, Any

from pydantic import Field

from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx
from crm_api.kit.schema import Schema, Shape

AREA = "commitment_settings"
CONFIGURED = "commitments.configured"
_GRACE = (
    "So many days after it was due a promise that is still open counts as broken by itself; "
    "without it, or null, that is for somebody to say."
)


class CommitmentSettings(Schema):
    """What becomes of promises that are late."""

    break_after_days: Annotated[int, Field(ge=0, le=365)] | None = Field(None, description=_GRACE)


class CommitmentSettingsOut(Shape):
    """What becomes of promises that are late."""

    break_after_days: int | None = Field(description=_GRACE)


class CommitmentSettingsService(SettingsService):
    """The one resource that says what becomes of promises that are late."""

    area = AREA
    event = CONFIGURED
    part = "promising"

    async def replace(self, data: CommitmentSettings) -> dict[str, Any]:
        """Have this hold from now on."""
        return await self.hold(data.model_dump())

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return settings_of(self.tx).model_dump()


def settings_of(tx: Tx) -> CommitmentSettings:
    """What the organization says; the usual where it says nothing."""
    return CommitmentSettings.model_validate(tx.catalogue.promising)
