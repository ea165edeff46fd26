"""Pictures of the results of campaigns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from crm_api.domains.reports.charts import specification

ResultChart = Literal["funnel", "channels", "periods", "campaigns"]
Rows = Sequence[Mapping[str, Any]]


def _column(name: str, role: str, kind: str, currency: str | None = None) -> dict[str, Any]:
    return {"name": name, "role": role, "kind": kind, "currency": currency, "unit": None}


def _rows(rows: Rows, *names: str) -> list[dict[str, Any]]:
    return [{"values": {name: one[name] for name in names}} for one in rows]


def _funnel(results: Mapping[str, Any]) -> dict[str, Any]:
    columns = [_column("step", "grouping", "text"), _column("count", "measure", "integer")]
    return specification("funnel", columns, _rows(results["funnel"], "step", "count"))


def _channels(results: Mapping[str, Any]) -> dict[str, Any]:
    value = _column("value", "measure", "amount", results["currency"])
    columns = [_column("channel", "grouping", "text"), value]
    return specification("summary", columns, _rows(results["channels"], "channel", "value"))


def _campaigns(results: Mapping[str, Any]) -> dict[str, Any]:
    value = _column("amount", "measure", "amount", results["currency"])
    columns = [_column("name", "grouping", "text"), _column("figure", "grouping", "text"), value]
    rows = [
        {"values": {"name": one["name"], "figure": of, "amount": one[of]}}
        for one in results["campaigns"]
        for of in ("revenue", "cost")
    ]
    return specification("comparison", columns, rows)


def _periods(results: Mapping[str, Any]) -> dict[str, Any]:
    value = _column("amount", "measure", "amount", results["currency"])
    columns = [_column("period", "grouping", "day"), _column("figure", "grouping", "text"), value]
    rows = [
        {"values": {"period": one["period"].isoformat(), "figure": of, "amount": one[of]}}
        for one in results["periods"]
        for of in ("revenue", "cost")
    ]
    return specification("time_series", columns, rows)


_CHARTS: Mapping[ResultChart, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "funnel": _funnel,
    "channels": _channels,
    "campaigns": _campaigns,
    "periods": _periods,
}


def chart_of_results(chart: ResultChart, results: Mapping[str, Any]) -> dict[str, Any]:
    """The specification of a picture of results."""
    return _CHARTS[chart](results)
