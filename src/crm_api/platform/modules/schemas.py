"""What modules look like from outside."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Shape
from crm_api.kit.switches import State

MOST_COUNTED = 100_000


class CollectionUsage(Shape):
    """How many records a collection has."""

    collection: str = Field(examples=["contacts"])
    count: int
    is_exact: bool = Field(description=f"Counting ends at {MOST_COUNTED:,}.")


class ModuleOut(Shape):
    """A part of the product, as the organization has it."""

    key: str = Field(examples=["contacts"])
    title: str
    description: str
    state: State
    switchable: bool = Field(description="False for the core, which is always on.")
    depends_on: list[str] = Field(description="The modules that it cannot be on without.")
    required_by: list[str] = Field(description="The modules that cannot be on without it.")
    changed_at: datetime | None = Field(description="When it was switched last.")
    changed_by: UUID | None
    usage: list[CollectionUsage] = Field(description="Its records, those in the bin left out.")


class ModuleList(Shape):
    """All modules, lower first."""

    data: list[ModuleOut]


class ModuleChange(Shape):
    """A module whose state changes."""

    key: str
    before: State
    after: State


class ModuleUse(Shape):
    """Something about the records of these modules that stops with them."""

    name: str = Field(examples=["views"])
    count: int


class ModuleImpact(Shape):
    """What stands behind the modules that change."""

    records: list[CollectionUsage]
    queued_jobs: int = Field(description="Jobs that are skipped if their module is disabled.")
    running_jobs: int
    uses: list[ModuleUse] = Field(description="Views, custom fields, imports and the like.")


class ModuleSwitched(Shape):
    """What a switch did, or with `dry_run` would do."""

    key: str
    state: State
    changes: list[ModuleChange] = Field(description="None where all was so already.")
    impact: ModuleImpact
