"""How far back touches count, which of them do, and how they are weighed."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx
from crm_api.kit.schema import Schema, Shape
from crm_api.kit.touches import TouchKind

AREA = "attribution_settings"
CONFIGURED = "attribution.configured"
_COUNTED: list[TouchKind] = [
    *("opened", "clicked", "responded", "visited", "submitted", "lead", "met")
]


class AttributionSettings(Schema):
    """What holds for all of it."""

    lookback_days: Annotated[int, Field(ge=1, le=1_095)] = Field(
        90, description="So long before a conversion a touch counts."
    )
    half_life_days: Annotated[int, Field(ge=1, le=365)] = Field(
        7, description="After how many days a touch weighs half, where age decides."
    )
    session_minutes: Annotated[int, Field(ge=0, le=1_440)] = Field(
        30,
        description="Touches of one person by one campaign and channel count once within so long.",
    )
    counted_kinds: Annotated[list[TouchKind], Field(min_length=1, max_length=8)] = Field(
        default_factory=lambda: list(_COUNTED),
        description="The kinds of touches that count; what was only sent does not, by itself.",
    )
    company_contacts: bool = Field(
        False,
        description="Whether all people of a deal's company count as its people; else those whom "
        "the deal names.",
    )


class AttributionSettingsOut(Shape):
    """What holds for all of it."""

    lookback_days: int
    half_life_days: int
    session_minutes: int
    counted_kinds: list[TouchKind]
    company_contacts: bool


class AttributionSettingsService(SettingsService):
    """The one resource that says how touches count."""

    area = AREA
    event = CONFIGURED
    part = "attribution"

    async def replace(self, data: AttributionSettings) -> dict[str, Any]:
        """Have this hold from now on, for what was before as well."""
        stored = data.model_dump()
        stored["counted_kinds"] = sorted(set(data.counted_kinds))
        return await self.hold(stored)

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return settings_of(self.tx).model_dump()


def settings_of(tx: Tx) -> AttributionSettings:
    """What the organization says; the usual where it says nothing."""
    return AttributionSettings.model_validate(tx.catalogue.attribution)


def half_life(settings: AttributionSettings) -> timedelta:
    """After how long a touch weighs half."""
    return timedelta(days=settings.half_life_days)
