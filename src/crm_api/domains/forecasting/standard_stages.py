"""The standard reports of stages, by the measures of pipelines."""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast
from uuid import UUID

from crm_api.domains.deals.repository import Pipelines
from crm_api.domains.forecasting.definitions import DEFINITIONS
from crm_api.domains.forecasting.measuring import Days, Measures
from crm_api.domains.forecasting.snapshots import AREA
from crm_api.domains.forecasting.staying import StagePart
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid, NotFound
from crm_api.kit.reporting import (
    SPAN,
    Computed,
    ComputedReport,
    Filter,
    Line,
    Parameter,
    Records,
    ReportField,
    of_ids,
)

PIPELINE = Parameter(
    "pipeline_id", "uuid", "Of which pipeline; the default one without it.", is_optional=True
)
MOST_BEHIND = 20_000
"""So many records are told one by one."""
STAGE = (
    ReportField("stage_id", "grouping", "uuid", "The stage.", label="stage"),
    ReportField("stage", "column", "text", "Its name."),
)


async def pipeline_of(tx: Tx, given: Mapping[str, Any]) -> UUID | None:
    """The pipeline that is asked for, else the default one; None where there is neither."""
    named: UUID | None = given["pipeline_id"]
    if named is not None:
        return named
    found = await Pipelines(tx).default()
    return None if found is None else found.id


def no_pipeline() -> Invalid:
    """There is none of that id."""
    message = "There is no such pipeline."
    fault = Fault("unknown_pipeline", message, pointer="/parameters/pipeline_id")
    return Invalid(message, code="invalid_report", faults=[fault])


def need_few(ids: list[UUID]) -> Filter:
    """The filter of some records; raises `Invalid` where they are too many to be told."""
    if len(ids) > MOST_BEHIND:
        message = f"There are more than {MOST_BEHIND:,} of them: choose fewer days."
        fault = Fault("too_many_records", message, pointer="/cell")
        raise Invalid(message, code="invalid_report", faults=[fault])
    return of_ids(ids)


async def _stages(
    told: tuple[str, ...], parts: Mapping[str, StagePart], tx: Tx, given: Mapping[str, Any]
) -> Computed:
    """Each stage with some of its figures, and the deals that each of them is of."""
    pipeline_id = await pipeline_of(tx, given)
    if pipeline_id is None:
        return Computed()
    days = Days(given["from"], given["to"])
    measures = Measures(tx)
    try:
        stages = await measures.stages(pipeline_id, days)
    except NotFound:
        raise no_pipeline() from None

    def behind(stage_id: UUID, part: StagePart) -> Records:
        async def ask() -> Filter:
            most = MOST_BEHIND + 1
            return need_few(await measures.deals_of(pipeline_id, days, stage_id, part, most))

        return Records(ask)

    lines: list[Line] = []
    for one in stages:
        own = partial(behind, one["stage_id"])
        numbers = {name: plain(one[name]) for name in told}
        records = {name: own(part) for name, part in parts.items()}
        values = {"stage_id": one["stage_id"], "stage": one["stage_name"], **numbers}
        lines.append(Line(values, records[told[0]], records))
    return Computed(lines)


def plain(value: Any) -> Any:
    """A figure as it is: of the glossary they come with their definition."""
    return cast("dict[str, Any]", value)["value"] if isinstance(value, dict) else value


CONVERSION = ComputedReport(
    name="stage_conversion",
    title="Stage conversion",
    text=DEFINITIONS["stage_conversion.v1"].text,
    formula="conversion = passed / (passed + lost); undecided = entered - passed - lost",
    source="deal",
    areas=(AREA,),
    parameters=(PIPELINE, *SPAN),
    kind="summary",
    chart="conversion",
    columns=(
        *STAGE,
        ReportField("entered", "measure", "integer", "Deals that entered it within the days."),
        ReportField("passed", "measure", "integer", "Of these: in a later stage, or won, since."),
        ReportField("lost", "measure", "integer", "Of these: lost before that."),
        ReportField("undecided", "measure", "integer", "Of these: neither yet."),
        ReportField("conversion", "measure", "ratio", "What share of the decided ones passed."),
    ),
    reads=("stage_id", "status", "closes_on", "closed_at"),
    compute=partial(
        _stages,
        ("entered", "passed", "lost", "undecided", "conversion"),
        {
            "entered": "entered",
            "passed": "passed",
            "lost": "lost",
            "undecided": "undecided",
            "conversion": "entered",
        },
    ),
)
STAGE_REPORTS = (CONVERSION,)
