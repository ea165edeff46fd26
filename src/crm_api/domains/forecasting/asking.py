"""What standard reports of deals are asked with, and how the deals behind them are said."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from crm_api.domains.deals.pipelines import PipelineService
from crm_api.domains.deals.repository import Pipelines
from crm_api.domains.forecasting.measuring import Days
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid, NotFound
from crm_api.kit.query.selection import Selection
from crm_api.kit.reporting import Filter, Parameter, ReportField, of_ids

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


async def need_pipeline(tx: Tx, given: Mapping[str, Any]) -> None:
    """Raise `Invalid` where a pipeline is named that there is not."""
    named: UUID | None = given.get("pipeline_id")
    if named is None:
        return
    try:
        await PipelineService(tx).get(named, Selection(("id",)))
    except NotFound as error:
        fault = Fault("unknown_pipeline", str(error), pointer="/parameters/pipeline_id")
        raise Invalid(str(error), code="invalid_report", faults=[fault]) from None


async def measurable(tx: Tx, given: Mapping[str, Any]) -> None:
    """Raise `Invalid` where there are no measures of such a pipeline, or of so many days."""
    if {"from", "to"} <= given.keys():
        Days(given["from"], given["to"]).check()
    await need_pipeline(tx, given)


def need_few(ids: Sequence[UUID]) -> Filter:
    """The filter of some records; raises `Invalid` where they are too many to be told."""
    if len(ids) > MOST_BEHIND:
        message = f"There are more than {MOST_BEHIND:,} of them: choose fewer days."
        fault = Fault("too_many_records", message, pointer="/cell")
        raise Invalid(message, code="invalid_report", faults=[fault])
    return of_ids(ids)


def closed_within(days: Days, zone: str) -> Filter:
    """Deals that were decided within some days: by their day of closing, else by when it was."""
    since, until = days.instants(zone)
    said = {"gte": days.first.isoformat(), "lte": days.last.isoformat()}
    happened = {"gte": since.isoformat(), "lt": until.isoformat()}
    bare = {"and": [{"closes_on": {"is_null": True}}, {"closed_at": happened}]}
    return {"or": [{"closes_on": said}, bare]}


def plain(value: Any) -> Any:
    """A figure as it is: of the glossary they come with their definition."""
    return cast("dict[str, Any]", value)["value"] if isinstance(value, dict) else value
