"""How the status looks: a section for each part of the product that has one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, create_model

from crm_api.kit.schema import Shape
from crm_api.kit.standing import Standing


def status_shape(standings: Iterable[Standing]) -> type[BaseModel]:
    """The shape of the status with these sections."""
    sections: dict[str, Any] = {s.name: (s.out, ...) for s in standings}
    return create_model(
        "SystemStatus",
        __base__=Shape,
        __doc__="How far work in the background is behind, and what has failed of it.",
        at=(datetime, Field(description="When it was like this.")),
        **sections,
    )
