"""What many writes look like from outside."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, SkipValidation, StringConstraints

from crm_api.kit.crud.bulk import Op
from crm_api.kit.schema import Int, Schema, Shape, Short, Tags

MOST_OPERATIONS = 100
Action = Literal["update", "delete", "restore", "tag", "untag"]
OperationName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_\-]{0,59}$")]


class Operation(Schema):
    """One write of one record. A value anywhere in it may be `{"$ref": "acme.id"}`, a field of the
    record of the earlier operation with this name, or `{"$ref": "acme.emails.0.value"}`.
    """

    op: Op
    entity: Short = Field(description="The kind of record.", examples=["contact"])
    name: OperationName | None = Field(None, description="For later operations to refer to.")
    match: Short | None = Field(
        None, description="Of `upsert`: the key by which a record is found, such as `email`."
    )
    id: SkipValidation[UUID | dict[str, Any] | None] = Field(
        None, description='Of `update`, `delete`, `restore`; may be `{"$ref": "acme.id"}`.'
    )
    expected_version: Int | None = Field(None, description="Of `update` and `delete`.")
    data: dict[str, Any] | None = Field(
        None,
        description="Of `create` and `upsert`: the record.",
        examples=[{"last_name": "Person"}],
    )
    patch: dict[str, Any] | None = Field(None, description="Of `update`: a merge patch.")


class BatchInput(Schema):
    """Operations on records of any kind, in their order."""

    atomic: bool = Field(True, description="Whether one mistake keeps all from being stored.")
    operations: list[Operation] = Field(
        min_length=1,
        max_length=MOST_OPERATIONS,
        # A `$ref` here would be taken for a reference of the document itself.
        examples=[
            [{"op": "create", "entity": "company", "name": "acme", "data": {"name": "Acme"}}]
        ],
    )


class MatchingInput(Schema):
    """The same change of every record that matches."""

    filter: dict[str, Any] = Field(
        description="The filter language; of `restore` it looks into the bin.",
        examples=[{"created_at": {"lt": "@now-365d"}}],
    )
    action: Action
    tags: Tags | None = Field(None, min_length=1, description="Of `tag` and `untag`.")
    expected_count: Int | None = Field(
        None,
        description="How many records are meant, as a request without it has told. With it the "
        "work begins.",
    )


class MatchingOut(Shape):
    """How many records a change means, and the job that has begun."""

    count: int
    limit: int = Field(description="How many there may be.")
    sample: list[dict[str, Any]] = Field(description="Some of them as they are now.")
    job_id: UUID | None = Field(description="Null where `expected_count` was not given.")
