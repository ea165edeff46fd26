"""How long cases may be reopened, and when those that are resolved close by themselves."""

from typing import Annotated, Any

from pydantic import Field

from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx
from crm_api.kit.schema import Schema, Shape

AREA = "case_settings"
CONFIGURED = "cases.configured"
Days = Annotated[int, Field(ge=0, le=3650)]


class CaseSettings(Schema):
    """What holds for all cases."""

    closing_days: Days = Field(14, description="How long a closed case may be reopened.")
    auto_close_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        7, description="After how many days a resolved case closes; empty: never by itself."
    )


class CaseSettingsOut(Shape):
    """What holds for all cases."""

    closing_days: int
    auto_close_days: int | None


class CaseSettingsService(SettingsService):
    """The one resource that says how cases end."""

    area = AREA
    event = CONFIGURED
    part = "casework"

    async def replace(self, data: CaseSettings) -> dict[str, Any]:
        """Have this hold from now on."""
        return await self.hold(data.model_dump())

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return settings_of(self.tx).model_dump()


def settings_of(tx: Tx) -> CaseSettings:
    """What the organization says; the usual where it says nothing."""
    return CaseSettings.model_validate(tx.catalogue.casework)
