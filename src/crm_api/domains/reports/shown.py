"""What reports, metrics and sources look like from outside."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Shape


class ReportColumn(Shape):
    """A column of an answer."""

    name: str
    role: Literal["grouping", "measure", "column"]
    kind: str = Field(description="Such as `text`, `amount`, `integer`, `day`, `ratio`.")
    bucket: str | None = None
    unit: str | None = None
    currency: str | None = Field(None, description="Of amounts in the organization's currency.")
    label: str | None = Field(
        None,
        description="The column that says what its values are called: the names of the records "
        "that ids are of, each as far as whoever asks sees it and else the id, or the labels of "
        "custom choices.",
    )


class ReportRow(Shape):
    """A group with its numbers, or a record of a table."""

    cell: str | None = Field(description="Asks for the rows behind it.")
    values: dict[str, Any]


class ReportTotal(Shape):
    """What several groups come to."""

    cell: str
    by: list[str] = Field(description="The groupings that are left.")
    values: dict[str, Any]


class ReportAnswer(Shape):
    """What a report comes to at this moment."""

    source: str
    kind: str
    definition_hash: str = Field(description="SHA-256 of what was asked.")
    time_zone: str
    currency: str
    as_of: datetime
    tally: str | None = Field(
        description="Up to where in the feed the tally goes that it was read from; what has "
        "happened since is in the answer as well. Null where the records themselves were read."
    )
    columns: list[ReportColumn]
    rows: list[ReportRow]
    totals: list[ReportTotal]
    truncated: bool = Field(description="Whether there are more rows than the limit.")


class ReportCheck(Shape):
    """What a report would be."""

    definition_hash: str
    columns: list[ReportColumn]
    cost: int | None = Field(
        description="What the planner of the database expects; null for who sees but a part."
    )
    cost_limit: int
    preview: list[ReportRow]


class ReportRowsBehind(Shape):
    """The records behind a cell, as a filter of their collection."""

    source: str
    path: str = Field(description="`POST {path}/query` with the filter and its seal lists them.")
    filter: dict[str, Any]
    seal: str = Field(
        description="Goes with the filter, which may be larger than one that is written: its conditions "
        "are those of the report and of the cell."
    )
    count: int
    is_current: bool = Field(description="Whether nothing has changed since the cell was made.")


class ReportSourceField(Shape):
    """A field of a source."""

    path: str
    kind: str
    unit: str | None = Field(description="What numbers are of; null of what is no number.")
    groups: bool = Field(description="Whether rows are grouped by it.")
    buckets: bool = Field(description="Whether that takes a bucket.")
    functions: list[str] = Field(description="What measures take it.")
    choices: list[str]
    base_currency: bool = Field(description="Whether it is in the organization's currency.")


class ReportSourceRelation(Shape):
    """A way to other records."""

    name: str
    source: str
    is_many: bool = Field(
        description="Whether to many of them: measures go there with `through`. Fields are named by "
        "way of one record alone."
    )


class Certification(Shape):
    """Whether somebody vouches for a number, of whatever it is."""

    is_certified: bool = Field(
        description="Whether it is vouched for. What is built in always is: only a new `version` "
        "changes its meaning, and its number is tested; nobody is named. A saved report is by "
        "somebody with the permission `certify_reports`, until its definition is another one."
    )
    certified_by: UUID | None
    certified_at: datetime | None


class ReportMetricOut(Certification):
    """A number and its definition."""

    id: str = Field(description="Its name with its version, such as `won_amount.v1`.")
    name: str
    version: int = Field(description="Grows with what changes its meaning.")
    owner: str = Field(description="The module that declares it, and answers for it.")
    title: str
    unit: str = Field(
        description="`amount`, `count`, `ratio`, `hours` and the like; amounts are in the "
        "organization's currency."
    )
    grain: list[str] = Field(
        description="The finest that it is told by: the fields of a row, or `id` where it is of each "
        "record of the source."
    )
    text: str
    formula: str | None = Field(description="Of one that is a measure of a standard report.")
    source: str
    dated_by: list[str]
    filter: dict[str, Any]
    measures: list[dict[str, Any]]
    standard_report: str | None = Field(description="Of which it is a measure, by its groupings.")


class ReportSourceOut(Shape):
    """What reports are of."""

    source: str
    path: str
    text: str
    grain: list[str] = Field(
        description="The finest that it is told by: the fields of a row, or `id` where it is of each "
        "record of the source."
    )
    fields: list[ReportSourceField]
    relations: list[ReportSourceRelation]
    metrics: list[ReportMetricOut]


class ReportSourceList(Shape):
    """The sources that may be read."""

    data: list[ReportSourceOut]


class MetricAnswer(Shape):
    """A metric, by groups if any are asked for."""

    metric: ReportMetricOut
    time_zone: str
    currency: str
    as_of: datetime
    value: Any
    cell: str | None = Field(description="Asks for the rows behind the value; null without any.")
    columns: list[ReportColumn]
    rows: list[ReportRow]
    truncated: bool


class StandardReportParameter(Shape):
    """What is said when a standard report is run."""

    name: str
    type: str
    text: str
    default: Any
    choices: list[str] = Field(description="The values it may have; any without them.")
    is_optional: bool


class StandardReportColumn(Shape):
    """A column of a standard report."""

    name: str
    role: str
    kind: str
    text: str
    unit: str | None
    label: str | None


class StandardReportOut(Certification):
    """A report that every organization has, with its definition."""

    id: str = Field(description="Its name with its version, such as `sales_funnel.v1`.")
    name: str
    version: int = Field(
        description="Grows with what changes its meaning, or the names of its columns."
    )
    owner: str = Field(description="The module that declares it, and answers for it.")
    title: str
    text: str
    formula: str
    source: str = Field(description="The kind of record behind its cells.")
    grain: list[str] = Field(
        description="The finest that it is told by: the fields of a row, or `id` where it is of each "
        "record of the source."
    )
    areas: list[str] = Field(description="What else may be read by whoever gets it.")
    definition: dict[str, Any] | None = Field(
        description="In the words of reports; null where its domain computes it."
    )
    dated_by: list[str] = Field(
        description="The fields of which the first that has a value says on which day a record "
        "counts; they are between the parameters `from` and `to`."
    )
    columns: list[StandardReportColumn]
    chart: str | None = Field(description="The measure that charts draw; the first if null.")
    parameters: list[StandardReportParameter]


class StandardReportList(Shape):
    """The standard reports whose records may be read."""

    data: list[StandardReportOut]


class StandardReportAnswer(Shape):
    """What a standard report comes to at this moment."""

    standard: StandardReportOut
    parameters: dict[str, Any] = Field(description="With what it was run; days are absolute.")
    answer: ReportAnswer


class ReportMetricList(Shape):
    """The metrics whose records may be read."""

    data: list[ReportMetricOut]
