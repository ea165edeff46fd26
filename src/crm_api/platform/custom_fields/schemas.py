"""What definitions look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.kit.custom.fields import FieldType, RollupFunction
from crm_api.kit.schema import Create, Currency, Name, Out, Prose, Schema, Shape, Short, patch_of

Target = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Scope = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}:[a-z_]{1,20}$")]


class CustomFieldOption(Schema):
    """One choice of a select."""

    value: Short = Field(description="What is stored.", examples=["gold"])
    label: Name | None = Field(None, description="What people see; the value, if left out.")
    archived: bool = Field(False, description="Stays where it is, and is chosen no more.")


def _distinct(options: list[CustomFieldOption]) -> list[CustomFieldOption]:
    values = [option.value for option in options]
    if len(set(values)) < len(values):
        raise ValueError("an option stands twice")
    return options


class CustomFieldRollup(Schema):
    """What is computed over the records that belong to one."""

    relation: Annotated[str, StringConstraints(max_length=110)] = Field(
        description="A relation to many, or `vehicle.holder`: the vehicles whose `holder` it is.",
        examples=["employments"],
    )
    function: RollupFunction
    field: Annotated[str, StringConstraints(max_length=80)] | None = Field(
        None,
        description="Of those records, such as `custom.price`; all but `count` need one. Amounts "
        "are taken whatever their currency: a filter on it keeps to one.",
    )
    filter: dict[str, Any] = Field(
        default_factory=dict, description="Only those that fit it, in the filter language."
    )


class CustomFieldFields(Create):
    """What may be changed of a definition."""

    label: Name | None = Field(None, description="What people see; the name, if left out.")
    description: Prose | None = None
    position: Annotated[int, Field(ge=0, le=10_000)] = Field(
        0, description="Where it stands among its neighbours."
    )
    options: Annotated[
        list[CustomFieldOption], Field(max_length=500), AfterValidator(_distinct)
    ] = Field(default_factory=list, description="The choices of a select or multiselect.")
    required: bool = Field(False, description="New records need a value, and none loses it.")
    unique: bool = Field(False, description="No two records have the same value.")
    indexed: bool = Field(False, description="Filters find its values by an index.")
    searchable: bool = Field(False, description="`q` finds records by its words.")
    archived: bool = Field(False, description="Shown and filtered, but it takes no new values.")
    default: Any = Field(None, description="What a new record has if nothing is given.")
    visible_to: Annotated[list[Scope], Field(max_length=20)] = Field(
        default_factory=list,
        description="Scopes of which a credential needs one to see, filter and write it; "
        "none: whoever may read the record. The words are yours.",
        examples=[["salaries:read"]],
    )
    currency: Currency | None = Field(None, description="Of amounts that come without one.")
    formula: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = Field(
        None,
        description="What a formula field computes, in the syntax of Python: fields of the record, "
        "`custom.<name>`, arithmetic, comparisons, `a if b else c` and some functions.",
        examples=["round(custom.price * custom.amount, 2)"],
    )
    rollup: CustomFieldRollup | None = Field(None, description="What a rollup field computes.")


class CustomFieldCreate(CustomFieldFields):
    """A new definition."""

    target: Target = Field(description="What kind of record has it.", examples=["contact"])
    name: FieldName = Field(description="Its key in `custom`; for ever.", examples=["tier"])
    type: FieldType = Field(examples=["select"])
    relates_to: Target | None = Field(
        None, description="The kind of record that a relation refers to.", examples=["company"]
    )
    result_type: Literal["text", "integer", "decimal", "bool", "date", "datetime"] | None = Field(
        None, description="The type of what a formula computes. A rollup tells its own."
    )


CustomFieldUpdate = patch_of(
    "CustomFieldUpdate",
    CustomFieldFields,
    required=("label", "position", "required", "unique", "indexed", "searchable", "archived"),
)


class CustomFieldOptionOut(Shape):
    """One choice of a select."""

    value: str
    label: str
    archived: bool


class CustomFieldRollupOut(Shape):
    """What is computed over the records that belong to one."""

    relation: str
    function: str
    field: str | None
    filter: dict[str, Any]


class CustomFieldOut(Out):
    """A field that the organization gave its records itself."""

    target: str
    name: str
    label: str
    type: FieldType
    description: str | None
    position: int
    options: list[CustomFieldOptionOut]
    required: bool
    unique: bool
    indexed: bool
    indexed_at: datetime | None = Field(description="Since when filters use the index.")
    searchable: bool
    archived: bool
    default: Any
    visible_to: list[str]
    currency: str | None
    relates_to: str | None
    reverse: str | None = Field(
        description="What filters and rollups of the records that a relation refers to call those "
        "that refer to them by it: `vehicle.holder`, in `custom`."
    )
    formula: str | None
    rollup: CustomFieldRollupOut | None
    result_type: str | None


class CustomObjectFields(Create):
    """What may be changed of a custom object."""

    label: Name = Field(description="What people call one of them.", examples=["Vehicle"])
    plural_label: Name = Field(description="What they call several.", examples=["Vehicles"])
    name_label: Name = Field("Name", description="What they call its name.", examples=["Plate"])
    description: Prose | None = None


class CustomObjectCreate(CustomObjectFields):
    """A new kind of record; its fields are custom fields whose `target` is its key."""

    key: Target = Field(
        description="Its word in paths, events and filters; for ever.", examples=["vehicle"]
    )


CustomObjectUpdate = patch_of(
    "CustomObjectUpdate", CustomObjectFields, required=("label", "plural_label", "name_label")
)


class CustomObjectOut(Out):
    """A kind of record that the organization has made up."""

    key: str
    label: str
    plural_label: str
    name_label: str
    description: str | None
