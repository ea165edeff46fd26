"""What is asked of a report, and what it answers."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from crm_api.kit.schema import Day, Name, Schema

MAX_GROUPS = 10_000
MAX_CELL = 4_000
"""So many rows a report has at most."""
Kind = Literal[
    "table", "summary", "matrix", "time_series", "funnel", "cohort", "comparison", "waterfall"
]
Bucket = Literal["day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year"]
Function = Literal[
    "count",
    "count_distinct",
    "sum",
    "avg",
    "min",
    "max",
    "median",
    "percentile",
    "ratio",
    "running",
    "change",
    "calculated",
]
Path = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}(\.[a-z][a-z0-9_]{0,62}){0,3}$"),
    Field(description="A field, `company.industry` by way of one record, or `custom.tier`."),
]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]
StandardName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,99}$"),
    Field(examples=["pipeline_velocity"]),
]
Percent = Annotated[Decimal, Field(gt=0, lt=100, max_digits=6, decimal_places=3)]
CurrencyMode = Literal["recorded", "at_close", "at_date"]
Filtering = dict[str, Any]
_FILTER = "The one filter language."


class ReportGrouping(Schema):
    """By what rows are grouped."""

    field: Path
    bucket: Bucket | None = Field(
        None,
        description="Of days and times, in the organization's time zone; weeks begin on Monday, "
        "fiscal years when the organization says.",
    )
    since: Path | None = Field(
        None, description="Of a cohort: how many buckets later it is than that of this field."
    )
    name: Label | None = Field(None, description="Of its column; that of the field without one.")

    @property
    def label(self) -> str:
        """The name of its column."""
        later = "" if self.since is None else "_later"
        return self.name or f"{self.field}{later}"


def grouping_of(short: str) -> ReportGrouping:
    """A grouping that is written as `field` or `field:bucket`; raises `ValidationError`."""
    field, _, bucket = short.partition(":")
    return ReportGrouping.model_validate({"field": field, "bucket": bucket or None})


class ReportMeasure(Schema):
    """A number of each group."""

    name: Label
    function: Function
    field: Path | None = Field(None, description="Of what; `count` takes none.")
    since: Path | None = Field(
        None, description="Then it is the time from this field to the other, in `unit`."
    )
    otherwise: Path | None = Field(None, description="What stands in where `field` is empty.")
    unit: Literal["days", "hours"] = "days"
    weighted_by: Path | None = Field(None, description="A percentage by which each value counts.")
    through: Label | None = Field(
        None,
        description="A relation to many records: the value of each record is what `each` makes of "
        "`field` of those of them that are seen.",
        examples=["children"],
    )
    each: Literal["count", "sum", "avg", "min", "max"] = Field(
        "sum", description="Of `through`; `count` takes no field."
    )
    through_filter: Filtering = Field(
        default_factory=dict, description=f"{_FILTER} Only of these related records."
    )
    percentile: Percent | None = Field(None, description="Between 0 and 100.")
    filter: Filtering = Field(default_factory=dict, description=f"{_FILTER} Only of these records.")
    of: list[Label] = Field(
        default_factory=list,
        max_length=2,
        description="Other measures by name: the two of a ratio, the one that is running or "
        "changes.",
    )
    over: Literal["previous", "year"] = Field(
        "previous", description="Of a change: against the bucket before, or that of a year before."
    )
    expression: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = Field(
        None,
        description="Of `calculated`: a formula of measures and groupings before it, in the "
        "language of formula fields; what is divided by zero has no value.",
        examples=["round(won / count * 100, 1)"],
    )
    shown_as: Literal["number", "amount", "ratio"] = Field(
        "number", description="Of `calculated`: how its numbers are written."
    )
    hidden: bool = Field(False, description="Whether it only serves others.")


class ReportStep(Schema):
    """A step of a funnel: whoever passed it passed all before it."""

    name: Name
    filter: Filtering = Field(description=_FILTER)


class ReportSide(Schema):
    """One of two sets of records that are compared."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,19}$")] = Field(
        examples=["now"]
    )
    filter: Filtering = Field(description=_FILTER)


_Grouped = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z][a-z0-9_]{0,62}(\.[a-z][a-z0-9_]{0,62}){0,3}"
        rf"(:({'|'.join(get_args(Bucket))}))?$"
    ),
]


class ReportQuery(Schema):
    """A report: of what, grouped by what, with which numbers."""

    source: Annotated[str, Field(max_length=63)] = Field(
        description="Whose records: a `source` of `/v1/report-sources`.", examples=["contact"]
    )
    kind: Kind = "summary"
    filter: Filtering = Field(default_factory=dict, description=_FILTER)
    groupings: list[ReportGrouping] = Field(default_factory=list, max_length=3)
    group_by: Annotated[list[_Grouped], Field(max_length=3)] = Field(
        default_factory=list,
        description="The same in short, in place of `groupings`: fields, those of days with a "
        "bucket.",
        examples=[["owner_id", "created_at:month"]],
    )
    measures: list[ReportMeasure] = Field(
        default_factory=list,
        max_length=20,
        description="Without any, how many there are.",
        examples=[[{"name": "count", "function": "count"}]],
    )
    columns: list[Path] = Field(
        default_factory=list, max_length=50, description="Of a table; all fields without any."
    )
    steps: list[ReportStep] = Field(default_factory=list, max_length=12, description="Of a funnel.")
    sides: list[ReportSide] = Field(
        default_factory=list,
        max_length=2,
        description="Of a comparison, and of a waterfall that leads from the second to the first: "
        "what is compared with what.",
    )
    having: dict[Label, dict[str, Any]] = Field(
        default_factory=dict,
        description="Only groups whose measures are so.",
        examples=[{"count": {"gte": 2}}],
    )
    sort: list[Annotated[str, Field(max_length=101)]] = Field(
        default_factory=list, max_length=4, description="Columns; `-amount` begins with the most."
    )
    currency: CurrencyMode = Field(
        "recorded",
        description="Of amounts that have a currency each: `recorded` asks for a grouping by it; "
        "`at_close` takes what was stored in the organization's currency, `at_date` converts "
        "by the rates of a day.",
    )
    currency_day: Day | None = Field(None, description="Of `at_date`; today without one.")
    totals: bool = Field(
        False,
        description="Also the totals: of all, and of the groupings in front (of a matrix: any).",
    )
    limit: Annotated[int, Field(ge=1, le=MAX_GROUPS)] | None = Field(
        None,
        description=f"So many rows at most; without it more than {MAX_GROUPS:,} are refused, and "
        "a table has 1,000.",
    )

    @model_validator(mode="after")
    def _in_full(self) -> Self:
        if self.group_by and not self.groupings:
            self.groupings = [grouping_of(one) for one in self.group_by]
            self.group_by = []
        return self


class ReportParameter(Schema):
    """What is asked for when a report is run: `{"$param": name}` in its filters."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    type: Literal["text", "integer", "decimal", "boolean", "day", "instant", "uuid"]
    is_list: bool = Field(
        False, description="Whether it is a list of these, such as for `in`: 1,000 at most."
    )
    default: Any = None
    description: Name | None = None


class ReportCellInput(Schema):
    """A report, and a cell of its answer."""

    report: ReportQuery
    cell: Annotated[str, Field(max_length=MAX_CELL)]
    measure: Label | None = Field(None, description="Whose own filter holds, too.")
