"""What comments look like from outside."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Create, Out, Prose, patch_of

Kind = Annotated[str, Field(max_length=60, description="The kind of record, such as `contact`.")]


class _Changeable(Create):
    body: Prose = Field(
        description="Markdown. `@[user:<id>]` and `@[team:<id>]` mention members: they are told "
        "if they may see the record.",
        examples=["Please call back."],
    )
    is_pinned: bool = Field(False, description="Whether it is kept in sight.")


class CommentCreate(_Changeable):
    """Something to say about a record that one may read."""

    target: Kind
    record_id: UUID
    parent_id: UUID | None = Field(
        None, description="The comment that it answers, which answers none itself."
    )


CommentUpdate = patch_of("CommentUpdate", _Changeable, required=("is_pinned",))


class CommentOut(Out):
    """What somebody said about a record; whoever sees the record sees it."""

    target: str = Field(description="The kind of record, such as `contact`.")
    record_id: UUID
    parent_id: UUID | None = Field(description="The comment that it answers.")
    body: str = Field(description="Markdown; not to be shown as HTML as it is.")
    mentions: list[str] = Field(
        description="Whom it mentions, once each: `user:<id>` and `team:<id>`."
    )
    author_id: UUID | None = Field(description="The user who wrote it; null if a program did.")
    is_pinned: bool
    edited_at: datetime | None = Field(description="When its words were last changed.")
