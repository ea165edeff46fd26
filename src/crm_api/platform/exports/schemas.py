"""What exports look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Out, Schema, Shape
from crm_api.platform.exports.models import Format

Key = Annotated[str, Field(max_length=100)]
Delimiter = Literal[",", ";", "\t", "|"]
Deleted = Literal["include", "only"]
ExportStatus = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]


class ExportInput(Schema):
    """Which rows, which columns, and what kind of file."""

    format: Format = "csv"
    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="The filter language.",
        examples=[{"created_at": {"gte": "@now-30d"}}],
    )
    view: UUID | None = Field(
        None,
        description="A saved view: its filter holds too, its order and fields if none are given.",
    )
    sort: list[Key] = Field(default_factory=list, max_length=4, examples=[["-created_at"]])
    fields: list[Key] = Field(
        default_factory=list,
        max_length=200,
        description="The columns: `name`, `company.name`; all fields of the record when empty.",
        examples=[["id", "name"]],
    )
    deleted: Deleted | None = Field(None, description="Records in the bin, too or only.")
    delimiter: Delimiter = Field(",", description="Of a CSV file.")
    bom: bool = Field(
        False, description="Whether a CSV file begins with a byte order mark, as Excel likes it."
    )


class ModuleExportInput(Schema):
    """What kind of files, and of which records."""

    format: Format = "ndjson"
    deleted: Deleted | None = Field(None, description="Records in the bin, too or only.")


class ExportRecord(Out):
    """An export, as it was asked for and as it ended."""

    target: str = Field(description="Whose records they are, such as `contact`.")
    format: Format
    filters: list[dict[str, Any]] = Field(description="The view's filter and the given one.")
    sort: list[str]
    fields: list[str]
    deleted: Deleted | None
    delimiter: Delimiter
    bom: bool
    filename: str
    job_id: UUID
    rows: int | None
    size_bytes: int | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When the file is removed.")


class ExportOut(ExportRecord):
    """An export with its status and its file."""

    status: ExportStatus
    download_url: str | None = Field(
        description="Opens the file for an hour without a credential; for its maker and for those "
        "who see everything, if they may export."
    )


class ExportStarted(Shape):
    """The job that was asked for."""

    job_id: UUID
    export: ExportRecord


class ExportsStarted(Shape):
    """The jobs that were asked for, one for each collection."""

    data: list[ExportStarted]
