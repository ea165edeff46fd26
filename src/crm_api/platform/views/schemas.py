"""What views look like from outside."""

from typing import Annotated, Any

from pydantic import Field

from crm_api.kit.db.tables import Sharing
from crm_api.kit.schema import Create, Name, Out, patch_of

Key = Annotated[str, Field(max_length=100)]


class ViewFields(Create):
    """What a view says."""

    name: Name = Field(examples=["Customers without an owner"])
    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="The filter language; `@me` and `@now-7d` mean whoever looks, and when.",
        examples=[{"created_at": {"gte": "@now-30d"}}],
    )
    sort: list[Key] = Field(default_factory=list, max_length=4, examples=[["-created_at"]])
    fields: list[Key] = Field(
        default_factory=list, max_length=100, description="All fields, when it is empty."
    )
    include: list[Key] = Field(default_factory=list, max_length=20)
    sharing: Sharing = Field("private", description="Whether only its owner sees it.")
    is_pinned: bool = Field(False, description="Whether it is kept in sight.")
    is_default: bool = Field(
        False,
        description="What a look at the collection begins with: for everybody one shared view, "
        "for each owner one private view, which comes first. Another one takes its place.",
    )


class ViewCreate(ViewFields):
    """A new view; without an `owner_id` it is that of whoever makes it, and a private view stays somebody's."""

    target: Name = Field(description="Whose records it shows, such as `contact`.")


ViewUpdate = patch_of(
    "ViewUpdate", ViewFields, required=("filter", "sharing", "is_pinned", "is_default")
)


class ViewOut(Out):
    """A saved way to look at a collection."""

    target: str = Field(description="Whose records it shows, such as `contact`.")
    name: str
    filter: dict[str, Any]
    sort: list[str]
    fields: list[str]
    include: list[str]
    sharing: Sharing
    is_pinned: bool
    is_default: bool
