"""What a search looks like from outside."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Shape

Mode = Literal["full", "typeahead"]


class HighlightOut(Shape):
    """A field of the record in which the words stand."""

    field: str = Field(examples=["last_name"])
    snippet: str = Field(
        description="The text around them as HTML: escaped, each found word within `<mark>`.",
        examples=["Sample <mark>Person</mark>"],
    )


class SearchResultOut(Shape):
    """A found record, short."""

    type: str = Field(examples=["contact"])
    id: UUID
    title: str = Field(description="Its name.")
    subtitle: str | None = Field(description="What tells it from others of that name.")
    highlights: list[HighlightOut]
    score: float = Field(
        description="From 1, a whole field, over whole words and beginnings of words, names before "
        "other fields, down to typing mistakes; equal scores come newest first."
    )


class SearchPage(Shape):
    """A page of results, the most relevant first."""

    data: list[SearchResultOut]
    next_cursor: str | None
