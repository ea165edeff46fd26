"""The numbers of deals that reports know by name; their definitions are those of the glossary."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.domains.forecasting.definitions import DEFINITIONS
from crm_api.domains.forecasting.standard_forecasts import COVERAGE
from crm_api.domains.forecasting.standard_pipelines import VELOCITY
from crm_api.kit.reporting import Figure, Metric

CLOSED = ("closes_on", "closed_at")
_WON: Mapping[str, Any] = {"status": "won"}
DECIDED: Mapping[str, Any] = {"status": {"in": ["won", "lost"]}}
_QUALIFIED: Mapping[str, Any] = {"status": "open", "forecast_category": {"ne": "omitted"}}
_CYCLE: Mapping[str, Any] = {
    "name": "cycle",
    "field": "closes_on",
    "otherwise": "closed_at",
    "since": "created_at",
}

_WHOLE: Mapping[str, Any] = {"node_kind": "organization"}
_VELOCITY = "An amount by day; of all pipelines it is the sum, of the last year without days."
_COVERAGE = "Of the present quarter, of the organization; null without a quota or once it is won."


def _count(name: str, filter: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    return {"name": name, "function": "count", **({"filter": filter} if filter else {})}


def _sum(name: str, filter: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"name": name, "function": "sum", "field": "base_amount", "filter": filter}


def _ratio(above: str, below: str) -> Mapping[str, Any]:
    return {"name": "rate", "function": "ratio", "of": [above, below]}


def _of_glossary(
    name: str,
    unit: Any,
    measures: Sequence[Mapping[str, Any]],
    *,
    filter: Mapping[str, Any] | None = None,
    dated_by: Sequence[str] = (),
) -> Metric:
    """A metric that the glossary defines."""
    found = DEFINITIONS[f"{name}.v1"]
    return Metric(name, 1, found.title, unit, found.text, "deal", measures, filter or {}, dated_by)


def _of_report(name: str, unit: Any, figure: Figure, text: str) -> Metric:
    """A metric of the glossary that a standard report comes to."""
    found = DEFINITIONS[f"{name}.v1"]
    return Metric(name, 1, found.title, unit, f"{found.text} {text}", "deal", figure=figure)


METRICS = (
    _of_glossary(
        "win_rate_count",
        "ratio",
        [_count("won", _WON), _count("decided", DECIDED), _ratio("won", "decided")],
        dated_by=CLOSED,
    ),
    _of_glossary(
        "win_rate_value",
        "ratio",
        [_sum("won", _WON), _sum("decided", DECIDED), _ratio("won", "decided")],
        dated_by=CLOSED,
    ),
    _of_glossary(
        "conversion_rate",
        "ratio",
        [_count("won", _WON), _count("made"), _ratio("won", "made")],
        dated_by=("created_at",),
    ),
    _of_glossary(
        "sales_cycle_mean",
        "days",
        [{**_CYCLE, "function": "avg"}],
        filter=_WON,
        dated_by=CLOSED,
    ),
    _of_glossary(
        "sales_cycle_median",
        "days",
        [{**_CYCLE, "function": "median"}],
        filter=_WON,
        dated_by=CLOSED,
    ),
    _of_glossary(
        "average_won_amount",
        "amount",
        [{"name": "amount", "function": "avg", "field": "base_amount"}],
        filter=_WON,
        dated_by=CLOSED,
    ),
    _of_glossary(
        "weighted_pipeline",
        "amount",
        [
            {
                "name": "amount",
                "function": "sum",
                "field": "base_amount",
                "weighted_by": "probability",
            }
        ],
        filter=_QUALIFIED,
    ),
    _of_report("velocity", "amount", Figure(VELOCITY, "velocity"), _VELOCITY),
    _of_report("coverage", "ratio", Figure(COVERAGE, "coverage", whole=_WHOLE), _COVERAGE),
    Metric(
        "won_amount",
        1,
        "Amount won",
        "amount",
        "Σ amount of the deals won within the days, in the organization's currency.",
        "deal",
        [{"name": "amount", "function": "sum", "field": "base_amount"}],
        _WON,
        CLOSED,
    ),
    Metric(
        "new_deals",
        1,
        "New deals",
        "count",
        "Deals that were created within the days, whatever became of them.",
        "deal",
        [_count("number")],
        {},
        ("created_at",),
    ),
)
