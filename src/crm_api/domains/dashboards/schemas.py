"""What dashboards look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from crm_api.domains.reports.models import Sharing
from crm_api.domains.reports.schemas import (
    MAX_CELL,
    Filtering,
    Label,
    ReportParameter,
    StandardName,
)
from crm_api.domains.reports.shown import (
    ReportColumn,
    ReportMetricOut,
    ReportRow,
    ReportTotal,
    StandardReportOut,
)
from crm_api.kit.problems import Problem
from crm_api.kit.schema import Create, Name, Out, Prose, Schema, Shape, patch_of

MAX_TILES = 40
COLUMNS = 12
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Place = Annotated[int, Field(ge=0, le=1_000)]
Size = Annotated[int, Field(ge=1, le=100)]
View = Literal["chart", "table"]


class DashboardTile(Schema):
    """A part of a dashboard, on a grid of twelve columns."""

    key: Key = Field(description="By which its data is told from that of others.")
    kind: Literal["report", "metric", "text"]
    title: Name | None = None
    x: Annotated[int, Field(ge=0, lt=COLUMNS)] = 0
    y: Place = 0
    width: Annotated[int, Field(ge=1, le=COLUMNS)] = COLUMNS
    height: Size = 4
    report_id: UUID | None = Field(None, description="A saved report.")
    standard_report: StandardName | None = Field(
        None, description="The name of a standard report, in place of a saved one."
    )
    measure: Label | None = Field(
        None,
        description="Of a report: what its chart draws. Without it that of the standard report, "
        "or the first measure.",
    )
    view: View | None = Field(
        None, description="Of what has groups: a chart or a table; both without it."
    )
    metric: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="The name of a metric."
    )
    by: Annotated[str, Field(max_length=400)] | None = Field(
        None, description="Groupings of a metric: `owner_id,closes_on:month`."
    )
    text: Prose | None = None
    parameters: dict[Key, Any] = Field(
        default_factory=dict,
        max_length=20,
        description="Of a report by name; of a metric `from` and `to`. Days may be relative, such "
        "as `@today-30d` and `@start_of_quarter`, and count from when the tile is shown. Values "
        'may be `{"$param": name}`, of a parameter of the dashboard; without a value of it they are left '
        "out.",
    )
    filter: Filtering = Field(
        default_factory=dict,
        description="Further conditions, in the one filter language; standard reports that their "
        "domain computes (without a `definition`) take none. Those that name a parameter of the "
        "dashboard that has no value are left out.",
    )

    @property
    def report(self) -> UUID | str | None:
        """The id of its saved report, or the name of its standard one."""
        return self.report_id or self.standard_report


class DashboardCreate(Create):
    """A new dashboard."""

    name: Name = Field(examples=["Sales"])
    description: Prose | None = None
    tiles: list[DashboardTile] = Field(default_factory=list, max_length=MAX_TILES)
    parameters: list[ReportParameter] = Field(
        default_factory=list,
        max_length=20,
        description="What tiles may be narrowed by, such as a period or an owner.",
    )
    sharing: Sharing = Field("private", description="Whether only its owner sees it.")


DashboardUpdate = patch_of("DashboardUpdate", DashboardCreate, required=("sharing",))


class DashboardOut(Out):
    """Several reports and metrics on one page."""

    name: str
    description: str | None
    tiles: list[dict[str, Any]]
    parameters: list[dict[str, Any]]
    sharing: Sharing


class DashboardCellInput(Schema):
    """A cell of a tile, with what its data was asked for with."""

    tile: Key = Field(description="The key of the tile.")
    cell: Annotated[str, Field(max_length=MAX_CELL)] = Field(
        description="That of a row, a total or the value."
    )
    measure: Label | None = Field(None, description="Whose own filter holds, too.")
    parameters: dict[Key, Any] = Field(
        default_factory=dict, max_length=20, description="Values of the dashboard's parameters."
    )


class DashboardTileData(Shape):
    """What a tile shows to whoever asks."""

    key: str
    kind: Literal["report", "metric", "text"]
    error: Problem | None = Field(description="Why it shows nothing; other tiles do.")
    depends_on: list[str] = Field(
        description="Kinds of records whose events make it stale, as far as it is known."
    )
    report_kind: str | None = None
    standard: StandardReportOut | None = Field(None, description="Of a standard report.")
    parameters: dict[str, Any] | None = Field(
        None, description="With what a standard report was run; days are absolute."
    )
    measure: str | None = Field(None, description="What a chart draws; the first if null.")
    view: View | None = None
    metric: ReportMetricOut | None = None
    value: Any = None
    cell: str | None = Field(None, description="Asks for the rows behind the value of a metric.")
    text: str | None = None
    columns: list[ReportColumn] = Field(default_factory=list)
    rows: list[ReportRow] = Field(default_factory=list)
    totals: list[ReportTotal] = Field(default_factory=list)
    truncated: bool = False


class DashboardData(Shape):
    """What all tiles show, as of one moment."""

    dashboard_id: UUID
    version: int
    as_of: datetime
    time_zone: str
    currency: str
    parameters: dict[str, Any]
    cursor: str = Field(description="Of `…/stale`: what was there by then is in the data.")
    tiles: list[DashboardTileData]


class DashboardStale(Shape):
    """Which tiles have become stale since a moment."""

    tiles: list[str]
    cursor: str
