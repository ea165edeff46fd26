"""What saved reports and their runs look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.reports.models import Sharing
from crm_api.domains.reports.schemas import MAX_CELL, Label, ReportParameter, ReportQuery
from crm_api.domains.reports.shown import (
    Certification,
    ReportColumn,
    ReportRow,
    ReportTotal,
    StandardReportOut,
)
from crm_api.kit.problems import Problem
from crm_api.kit.schema import Create, Name, Out, Prose, Schema, Shape, patch_of
from crm_api.platform.exports.models import Format
from crm_api.platform.exports.schemas import Delimiter

RunStatus = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]


class ReportCreate(Create):
    """A new report."""

    name: Name = Field(examples=["New contacts by month"])
    description: Prose | None = None
    definition: ReportQuery = Field(
        description='Values of its filters may be `{"$param": name}`, of one of `parameters`.',
        examples=[{"source": "contact"}],
    )
    parameters: list[ReportParameter] = Field(
        default_factory=list, max_length=20, description="What is asked for when it is run."
    )
    sharing: Sharing = Field("private", description="Whether only its owner sees it.")


ReportUpdate = patch_of("ReportUpdate", ReportCreate, required=("sharing",))


class ReportOut(Certification, Out):
    """A report that somebody has saved."""

    name: str
    description: str | None
    definition: dict[str, Any]
    parameters: list[dict[str, Any]]
    definition_hash: str = Field(description="SHA-256 of the definition and its parameters.")
    sharing: Sharing


class ReportRunInput(Schema):
    """With what a report is run."""

    parameters: dict[str, Any] = Field(
        default_factory=dict, max_length=20, description="Values of its parameters by name."
    )


class ReportRunCellInput(ReportRunInput):
    """With what a standard report was run, and a cell of its answer."""

    cell: Annotated[str, Field(max_length=MAX_CELL)]
    measure: Label | None = Field(None, description="Whose own records are wanted.")


class ReportRunCreate(Schema):
    """A report that is run as a job without being saved."""

    definition: ReportQuery


class ReportExportInput(Schema):
    """A table whose rows are written to a file."""

    definition: ReportQuery | None = Field(None, description="That of a table.")
    report_id: UUID | None = Field(None, description="The saved report that is one.")
    parameters: dict[str, Any] = Field(
        default_factory=dict, max_length=20, description="Of the saved report, by name."
    )
    format: Format = "csv"
    delimiter: Delimiter = Field(",", description="Of a CSV file.")
    bom: bool = Field(
        False, description="Whether a CSV file begins with a byte order mark, as Excel likes it."
    )


class ReportRunRecord(Out):
    """A run of a report, as it was asked for and as it ended."""

    report_id: UUID | None
    standard_report: str | None
    definition: dict[str, Any] = Field(
        description="With its parameters filled in; empty where a domain computes it."
    )
    parameters: dict[str, Any]
    definition_hash: str
    job_id: UUID
    watermark: str | None = Field(description="The last event that the result knows of.")
    row_count: int | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When its rows are removed.")


class ReportRunOut(ReportRunRecord):
    """A run with how it stands."""

    status: RunStatus
    error: Problem | None = Field(description="Why it failed.")
    standard: StandardReportOut | None = Field(
        description="The definition by which a standard report was run."
    )
    columns: list[ReportColumn] | None
    totals: list[ReportTotal] | None
    truncated: bool | None
    time_zone: str | None
    currency: str | None
    as_of: datetime | None


class ReportRunStarted(Shape):
    """The job that was asked for, or the run that there is already."""

    job_id: UUID
    run: ReportRunRecord
    is_cached: bool = Field(description="Whether nothing has changed since an earlier run.")


class ReportRunRows(Shape):
    """Some rows of a run."""

    data: list[ReportRow]
    next_cursor: str | None
