"""What the relationships of people, and the people around somebody, look like from outside."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.contacts.models import RelationshipKind
from crm_api.kit.schema import Create, Day, Line, Out, Shape, patch_of

_KIND = (
    "What `contact_id` is or does to `related_contact_id`: `reports_to`, `assists`, `influences`, "
    "`advises`, has `referred` or is a `parent`; `partner`, `spouse`, `sibling` and `friend` go "
    "both ways."
)
_STRENGTH = "How close, of 5."


class _RelationshipFields(Create):
    kind: RelationshipKind = Field(description=_KIND)
    strength: Annotated[int, Field(ge=1, le=5)] | None = Field(None, description=_STRENGTH)
    note: Line | None = None
    started_on: Day | None = None
    ended_on: Day | None = Field(None, description="Since when it is past.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.started_on and self.ended_on and self.ended_on < self.started_on:
            raise ValueError("a relationship ends after it starts")
        return self


class ContactRelationshipCreate(_RelationshipFields):
    """What one person is to be to another."""

    contact_id: UUID
    related_contact_id: UUID = Field(description="The other one.")


ContactRelationshipUpdate = patch_of(
    "ContactRelationshipUpdate", _RelationshipFields, required=("kind",)
)


class ContactRelationshipOut(Out):
    """What one person is to another."""

    contact_id: UUID
    related_contact_id: UUID = Field(description="The other one.")
    kind: RelationshipKind = Field(description=_KIND)
    strength: int | None = Field(description=_STRENGTH)
    note: str | None
    started_on: date | None
    ended_on: date | None


class RelatedContact(Shape):
    """Somebody in the circle of a person."""

    id: UUID
    name: str | None = Field(description="Null where it is hidden from you.")
    title: str | None
    company_id: UUID | None
    distance: int = Field(description="How many relationships away; 0 is the person.")


class RelationshipEdge(Shape):
    """A relationship between two of the circle."""

    id: UUID
    contact_id: UUID
    related_contact_id: UUID
    kind: RelationshipKind
    strength: int | None
    is_current: bool | None = Field(description="Null where it is hidden from you.")


class RelationshipGraph(Shape):
    """The circle of a person."""

    nodes: list[RelatedContact] = Field(description="The nearest first.")
    edges: list[RelationshipEdge]
    is_truncated: bool = Field(description="Whether there are more than are told.")
