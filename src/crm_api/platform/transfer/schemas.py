"""What an import looks like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Country, Out, Schema, Shape
from crm_api.platform.transfer.models import ImportStatus

UniqueField = Annotated[str, Field(pattern=r"^custom\.[a-z][a-z0-9_]{0,62}$")]
OnDuplicate = Literal["update", "skip", "create"]


class Options(Schema):
    """How rows become records."""

    on_duplicate: OnDuplicate = Field(
        "update", description="What a row does to the record that it matches."
    )
    match: Annotated[
        list[Literal["external_id", "email", "phone", "domain", "name"] | UniqueField],
        Field(max_length=5),
    ] = Field(
        default_factory=list,
        description="By what a record is matched, first one first: also by a unique custom field, "
        "such as `custom.vin`. Empty for the usual order.",
    )
    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]{0,39}$")] = Field(
        "import", description="The system that external ids come from."
    )
    country: Country | None = Field(
        None, description="Phone numbers without a prefix are of this country."
    )
    day_first: bool | None = Field(
        None, description="Whether 3/2/1954 is in February; such dates are errors without it."
    )
    tags: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=60)]], Field(max_length=20)
    ] = Field(default_factory=list, description="Tags for every record of the file.")


class ImportUpdate(Schema):
    """Another mapping or other options; both before the start."""

    mapping: (
        dict[Annotated[str, Field(max_length=500)], Annotated[str, Field(max_length=80)] | None]
        | None
    ) = Field(
        None, description="Fields by column; a column without one, or with null, is not read."
    )
    options: Options | None = None


class MappedColumn(Shape):
    """A column of the file and the field that it fills."""

    column: str
    field: str | None
    confidence: float = Field(description="From 0 to 1; 1 when a person has said so.")
    reason: str
    samples: list[str] = Field(description="Values of the first rows.")


class FormatOut(Shape):
    """How the file is read."""

    kind: Literal["csv", "xlsx", "ndjson"]
    encoding: str | None
    delimiter: str | None
    quotechar: str | None
    header: bool
    above: int = Field(
        0, description="Rows above the header that are no part of the table, such as a title."
    )
    sheet: str | None
    columns: list[str]


class Counts(Shape):
    """Rows by what they do; while it runs, of the rows so far."""

    create: int = 0
    update: int = 0
    unchanged: int = Field(0, description="Rows that say nothing new of the record they match.")
    skip: int = 0
    error: int = 0


class Undone(Shape):
    """Records by what undoing the import did to them; while it runs, those so far."""

    removed: int = 0
    restored: int = 0
    kept: int = Field(0, description="Somebody has changed or come to need them since.")


class ImportOut(Out):
    """A file of records, and how far it has got."""

    target: str = Field(description="What its rows become, such as `contact` or `price_rule`.")
    filename: str
    size_bytes: int
    status: ImportStatus
    format: FormatOut
    mapping: list[MappedColumn]
    options: Options
    rows: int = Field(
        description="Rows of data in the file; of a large XLSX file blank ones count, too, until it is "
        "validated."
    )
    position: int = Field(description="The last row that is committed.")
    counts: Counts
    job_id: UUID | None = Field(description="The job at work, or the last one.")
    failure: dict[str, Any] | None = Field(description="Why it failed: a problem document.")
    undone: Undone | None = Field(
        description="Set once undoing has begun; after that the rest can only be undone as well."
    )
    file_removed_at: datetime | None = Field(
        description="Since when the uploaded file is gone: when the import was put in the bin."
    )
    validated_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class ImportStarted(Shape):
    """The job that was asked for."""

    job_id: UUID
    import_: ImportOut = Field(alias="import", serialization_alias="import")


class TargetField(Shape):
    """A field that a column may fill."""

    field: str
    label: str
    kind: str
    multiple: bool = Field(description="Several columns may fill it together.")


class TargetFields(Shape):
    """The fields of a target."""

    data: list[TargetField]
