"""The standard reports of stages, by the measures of pipelines."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from crm_api.domains.forecasting.asking import (
    MOST_BEHIND,
    PIPELINE,
    STAGE,
    measurable,
    need_few,
    pipeline_of,
    plain,
)
from crm_api.domains.forecasting.definitions import DEFINITIONS
from crm_api.domains.forecasting.measuring import Days, Measures
from crm_api.domains.forecasting.snapshots import AREA
from crm_api.domains.forecasting.staying import StagePart
from crm_api.kit.db.tx import Tx
from crm_api.kit.reporting import (
    SPAN,
    Compute,
    Computed,
    ComputedReport,
    Filter,
    Line,
    Records,
    ReportField,
)

Asked = Callable[[Measures, UUID, Days], Awaitable[list[dict[str, Any]]]]


async def _stages(
    asked: Asked, parts: Mapping[str, StagePart], tx: Tx, given: Mapping[str, Any]
) -> Computed:
    """Each stage with some of its figures, and the deals that each of them is of."""
    pipeline_id = await pipeline_of(tx, given)
    if pipeline_id is None:
        return Computed()
    days = Days(given["from"], given["to"])
    measures = Measures(tx)
    stages = await asked(measures, pipeline_id, days)

    def behind(stage_id: UUID, part: StagePart) -> Records:
        async def ask() -> Filter:
            most = MOST_BEHIND + 1
            return need_few(await measures.deals_of(pipeline_id, days, stage_id, part, most))

        return Records(ask)

    lines: list[Line] = []
    for one in stages:
        own = partial(behind, one["stage_id"])
        numbers = {name: plain(one[name]) for name in parts}
        records = {name: own(part) for name, part in parts.items()}
        values = {"stage_id": one["stage_id"], "stage": one["stage_name"], **numbers}
        lines.append(Line(values, next(iter(records.values())), records))
    return Computed(lines)


def _of(asked: Asked, **parts: StagePart) -> Compute:
    return partial(_stages, asked, parts)


CONVERSION = ComputedReport(
    name="stage_conversion",
    title="Stage conversion",
    text=DEFINITIONS["stage_conversion.v1"].text,
    formula="conversion = passed / (passed + lost); undecided = entered - passed - lost",
    source="deal",
    also_of=("pipeline", "stage"),
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
    judge=measurable,
    compute=_of(
        Measures.conversion,
        entered="entered",
        passed="passed",
        lost="lost",
        undecided="undecided",
        conversion="entered",
    ),
)
TIMES = ComputedReport(
    name="time_in_stage",
    title="Time in stage",
    text="How long deals stay in the stages of a pipeline: of those that were in one within the "
    "days all stays together, those still going on up to now. Beside it how old the deals are "
    "that are open in it, how many stand longer than three of four won deals did, and how many "
    "longer than the stage allows.",
    formula="time_median = the median of Σ (left or now - entered) by deal; "
    "time_p90 = its ninth decile; age_median = the median of now - created of open deals; "
    "stalled = open deals whose time is above the third quartile of won deals; "
    "rotting = open deals that entered longer ago than `rotting_days`",
    source="deal",
    also_of=("pipeline", "stage"),
    areas=(AREA,),
    parameters=(PIPELINE, *SPAN),
    chart="time_median",
    columns=(
        *STAGE,
        ReportField("timed", "measure", "integer", "Deals that were in it within the days."),
        ReportField("time_median", "measure", "number", "Half took no longer.", "days"),
        ReportField("time_p90", "measure", "number", "Nine of ten took no longer.", "days"),
        ReportField("open_deals", "measure", "integer", "Deals that are open in it now."),
        ReportField("age_median", "measure", "number", "Half of these are no older.", "days"),
        ReportField("stalled", "measure", "integer", "Null where no won deal was in it."),
        ReportField("rotting", "measure", "integer", "Zero where it allows any time."),
    ),
    reads=("stage_id", "status", "closes_on", "closed_at", "stage_entered_at"),
    judge=measurable,
    compute=_of(
        Measures.times,
        timed="timed",
        time_median="timed",
        time_p90="timed",
        open_deals="open_deals",
        age_median="open_deals",
        stalled="stalled",
        rotting="rotting",
    ),
)
FUNNEL = ComputedReport(
    name="sales_funnel",
    title="Sales funnel",
    text="How far the deals of a pipeline came that were created within the days: in each stage "
    "those that stood in it or in a later one at any time, so that stages that were skipped count "
    "as passed; the last step are those that were won.",
    formula="of_first = reached / reached of the first stage; "
    "of_previous = reached / reached of the stage before",
    source="deal",
    also_of=("pipeline", "stage"),
    areas=(AREA,),
    parameters=(PIPELINE, *SPAN),
    kind="funnel",
    columns=(
        *STAGE,
        ReportField("reached", "measure", "integer", "Deals that came so far."),
        ReportField("of_previous", "measure", "ratio", "Their share of the stage before."),
        ReportField("of_first", "measure", "ratio", "Their share of the first stage."),
    ),
    reads=("stage_id", "status", "created_at"),
    judge=measurable,
    compute=_of(Measures.funnel, reached="reached", of_previous="reached", of_first="reached"),
)
STAGE_REPORTS = (FUNNEL, CONVERSION, TIMES)
