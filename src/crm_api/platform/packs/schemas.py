"""What packs look like from outside."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from crm_api.kit.crud.applying import Action
from crm_api.kit.schema import Out, Shape
from crm_api.platform.packs.models import PackStatus


class PackOut(Shape):
    """A preset for an industry and a size."""

    key: str = Field(examples=["sales_team"])
    version: int
    title: str
    description: str
    contents: dict[str, Any] = Field(
        description="What it sets up: `modules` with their states, and records of collections.",
        examples=[{"teams": [{"name": "Inside sales"}]}],
    )
    application_id: UUID | None = Field(description="Where it was applied and not taken back.")


class PackList(Shape):
    """All packs."""

    data: list[PackOut]


class PackStep(Shape):
    """One thing that a pack did."""

    section: str = Field(examples=["custom_fields"])
    name: str = Field(examples=["contact.tier"])
    action: Action = Field(description="`kept`: it was there already, and was not touched.")
    record_id: UUID | None
    version: int | None
    before: str | None = Field(description="The state of a module before.")
    after: str | None


class PackApplicationOut(Out):
    """That a pack was applied."""

    pack: str
    pack_version: int
    status: PackStatus
    steps: list[PackStep]
    rolled_back_at: datetime | None


class PackApplied(Shape):
    """What applying a pack did, or with `dry_run` would do."""

    result: str = Field(
        description="`applied`, or `unchanged` where all of it was there.", examples=["applied"]
    )
    application: PackApplicationOut = Field(description="Of what was `unchanged`, the earlier one.")
    steps: list[PackStep] = Field(description="What there was to do this time.")


class PackRolledBack(Shape):
    """What taking a pack back did."""

    application: PackApplicationOut
    left: list[dict[str, Any]] = Field(description="By force: what could not be put back, and why.")
