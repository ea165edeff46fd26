"""What merges look like from outside."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Out, Schema, Shape
from crm_api.platform.merging.models import MergeStatus

MOST_LOSERS = 20

Rule = Literal["kept", "filled", "chosen", "united"]


class MergeInput(Schema):
    """Which records are one, and whose values survive where that is not plain."""

    winner_id: UUID = Field(
        description="The record that is left.", examples=["0190a5f0-0000-7000-8000-000000000001"]
    )
    loser_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_LOSERS)] = Field(
        description="The records that are folded into it; their ids lead to it afterwards.",
        examples=[["0190a5f0-0000-7000-8000-000000000002"]],
    )
    fields: dict[Annotated[str, Field(max_length=60)], UUID] = Field(
        default_factory=dict,
        max_length=100,
        description="By field the record whose value survives. Without a choice the winner keeps "
        "what it has, blanks are filled from the losers (the latest changed first), and lists "
        "and custom fields are united.",
        examples=[{"title": "0190a5f0-0000-7000-8000-000000000002"}],
    )


class FieldSource(Shape):
    """Where the value of a field comes from."""

    field: str
    rule: Rule
    source_ids: list[UUID] = Field(description="The records that gave the value.")


class MergeOut(Out):
    """A merge: what was folded into what."""

    target: str = Field(description="The kind of record: `contact` or `company`.")
    winner_id: UUID
    loser_ids: list[UUID]
    status: MergeStatus
    fields: list[FieldSource] = Field(description="The provenance of every field with a value.")
    moved: dict[str, int] = Field(
        description="How many references were moved, by table and column.",
        examples=[{"employments.contact_id": 2}],
    )
    undone_at: datetime | None
    undone_by: UUID | None
