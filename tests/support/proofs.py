"""What standard reports and metrics in the words of reports come to, in plain Python over rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import mean, median
from typing import Any

import crm_api.registry  # noqa: F401 - tells which reports there are
from crm_api.domains.reports.declared import Declared
from crm_api.kit.reporting import DefinedReport
from support.library import Expected, at, counts, distincts, ratio, sums, took
from support.little import Little, Row, day_of

Key = Callable[[Row], tuple[Any, ...]]


async def seen(little: Little, wanted: str, whose: frozenset[str] | None) -> list[Row]:
    """The rows of a table that somebody sees, with those that they lead to and that are seen."""
    rows = await little.rows(wanted, whose)
    leads_to = _LEADS_TO.get(wanted, {})
    for name, (table, owned) in leads_to.items():
        others = {one["id"]: one for one in await little.rows(table, whose if owned else None)}
        for row in rows:
            row[name] = others.get(row[f"{name}_id"])
    return rows


_LEADS_TO = {
    "deals": {
        "company": ("companies", True),
        "competitor": ("companies", True),
        "loss_reason": ("loss_reasons", False),
    },
    "leads": {"deal": ("deals", True)},
}
"""By table what its rows lead to: in which table, and whether that is seen by whose it is."""


def of_days(rows: Sequence[Row], dated: Sequence[str], span: Mapping[str, str]) -> list[Row]:
    """Those that count between two local days, both included; all of them without any."""
    if not span or not dated:
        return list(rows)
    return [row for row in rows if span["from"] <= str(dated_day(row, dated)) <= span["to"]]


def dated_day(row: Row, dated: Sequence[str]) -> Any:
    """The local day on which a row counts."""
    return day_of(next((row[name] for name in dated if row[name] is not None), None))


def _month(value: Any) -> str:
    day = day_of(value)
    assert day is not None
    return day.replace(day=1).isoformat()


def _of(name: str, field: str) -> Key:
    return lambda row: (row[name] and row[name][field],)


def _is(field: str, *values: Any) -> Callable[[Row], bool]:
    return lambda row: row[field] in values


def _known(field: str) -> Callable[[Row], bool]:
    return lambda row: row[field] is not None


def _everything(_row: Row) -> bool:
    return True


def _in_base(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["base_currency"] == "EUR"]


def _revenue(rows: list[Row]) -> Any:
    return sums("base_amount")(_in_base(rows))


def _aged(least: int, most: int) -> Any:
    def test(row: Row) -> bool:
        days = (datetime.now(UTC) - at(row, "created_at")) / timedelta(days=1)
        return least <= days < most

    return counts(test)


_CLOSED = ("closes_on", "closed_at")
_WON, _DECIDED = counts(_is("status", "won")), counts(_is("status", "won", "lost"))
_OUTCOMES = {
    "decided": counts(),
    "won": _WON,
    "lost": counts(_is("status", "lost")),
    "won_amount": lambda rows: _revenue(_ended(rows, "won")),
    "lost_amount": lambda rows: _revenue(_ended(rows, "lost")),
    "rate": ratio(_WON, _DECIDED),
}
_ACCEPTED, _ENDED = counts(_is("status", "accepted")), ("accepted", "declined")
_MET, _OVER = counts(_is("sla_state", "met")), counts(_is("sla_state", "met", "breached"))
_BILLABLE = sums("minutes", _is("is_billable", True))
_POSITIVE, _FELT = counts(_is("sentiment", "positive")), counts(_known("sentiment"))
_CONVERTED = counts(_is("status", "converted"))
_RESPONDED = counts(_known("responded_at"))


def _sold(row: Row) -> bool:
    return row["deal"] is not None and row["deal"]["status"] == "won"


def _brought(rows: list[Row]) -> Any:
    return _revenue([row["deal"] for row in rows if _sold(row)])


def _called(report: str, *of: str) -> str:
    """What a ratio of these measures is called."""
    report_of = Declared.standard[report]
    assert isinstance(report_of, DefinedReport)
    (name,) = [m["name"] for m in report_of.definition["measures"] if m.get("of") == [*of]]
    return name


def _outcomes(by: str, key: Key) -> Expected:
    return Expected(
        f"deal_outcomes_by_{by}",
        "deals",
        _is("status", "won", "lost"),
        key,
        _OUTCOMES,
        {},
        dated=_CLOSED,
    )


def _completeness(name: str, table: str, fields: str) -> Expected:
    measures: dict[str, Any] = {"records": counts()}
    for field in fields.split():
        own = counts(_known(field))
        measures |= {field: own, f"{field}_share": ratio(own, counts())}
    key: Key = lambda row: (row["owner_id"],)  # noqa: E731 - as the keys of the others
    return Expected(f"{name}_completeness", table, _everything, key, measures, {})


def _cohort(row: Row) -> tuple[Any, ...]:
    if row["company"] is None:
        return None, None
    first, later = day_of(row["company"]["created_at"]), day_of(row["closed_at"])
    assert first is not None
    assert later is not None
    months = (later.year - first.year) * 12 + later.month - first.month
    return first.replace(day=1).isoformat(), months


REPORTS = (
    _outcomes("owner", lambda row: (row["owner_id"],)),
    _outcomes("reason", _of("loss_reason", "name")),
    _outcomes("competitor", _of("competitor", "name")),
    _outcomes("industry", _of("company", "industry")),
    Expected(
        "cohort_revenue",
        "deals",
        lambda row: row["status"] == "won" and row["company_id"] is not None,
        _cohort,
        {"deals": counts(), "companies": distincts("company_id"), "revenue": _revenue},
        {},
        totals=False,
        dated=("closed_at",),
    ),
    Expected(
        "quote_turnaround",
        "quotes",
        _known("sent_at"),
        lambda row: (_month(row["sent_at"]),),
        {
            "sent": counts(),
            "median": took("sent_at", "created_at", 50),
            "p90": took("sent_at", "created_at", 90),
        },
        {},
        dated=("sent_at",),
    ),
    Expected(
        "quote_acceptance",
        "quotes",
        _is("status", *_ENDED),
        lambda row: (row["owner_id"],),
        {
            "decided": counts(),
            "accepted": _ACCEPTED,
            "declined": counts(_is("status", "declined")),
            "acceptance": ratio(_ACCEPTED, counts()),
        },
        {},
        dated=("decided_at",),
    ),
    Expected(
        "lead_source_revenue",
        "leads",
        _everything,
        lambda row: (row["source"], row["medium"]),
        {
            "leads": counts(),
            "converted": _CONVERTED,
            "won": counts(_sold),
            "revenue": _brought,
            "conversion": ratio(_CONVERTED, counts()),
            _called("lead_source_revenue", "won", "leads"): ratio(counts(_sold), counts()),
        },
        {},
        dated=("created_at",),
    ),
    Expected(
        "lead_ageing",
        "leads",
        _is("status", "new", "working"),
        lambda row: (row["status"],),
        {
            "leads": counts(),
            "days_0_to_1": _aged(0, 1),
            "days_1_to_7": _aged(1, 7),
            "days_7_to_30": _aged(7, 30),
            "days_30_to_90": _aged(30, 90),
            "days_over_90": _aged(90, 100_000),
            "unassigned": counts(_is("owner_id", None)),
        },
        {},
    ),
    Expected(
        "lead_response_times",
        "leads",
        _known("assigned_at"),
        lambda row: (row["owner_id"],),
        {
            "assigned": counts(),
            "responded": _RESPONDED,
            "share": ratio(_RESPONDED, counts()),
            "response_median": took("responded_at", "assigned_at", 50),
            "response_p90": took("responded_at", "assigned_at", 90),
        },
        {},
        dated=("assigned_at",),
    ),
    _completeness(
        "lead", "leads", "last_name company_name email phone country industry employees source"
    ),
    _completeness(
        "company",
        "companies",
        "industry website email phone country employees annual_revenue tax_id source",
    ),
    _completeness(
        "contact",
        "contacts",
        "first_name last_name email phone company_id title country language source",
    ),
    Expected(
        "activity_volume",
        "activities",
        _is("status", "completed"),
        lambda row: (row["owner_id"], row["kind"]),
        {
            "completed": counts(),
            "inbound": counts(_is("direction", "inbound")),
            "outbound": counts(_is("direction", "outbound")),
            "companies": distincts("company_id"),
            "contacts": distincts("contact_id"),
            "seconds": sums("duration"),
        },
        {},
        dated=("completed_at",),
    ),
    Expected(
        "activity_outcomes",
        "activities",
        _is("status", "completed"),
        lambda row: (row["kind"], row["outcome"]),
        {
            "completed": counts(),
            "of_deals": counts(_known("deal_id")),
            "felt": _FELT,
            "positive": _POSITIVE,
            "positive_share": ratio(_POSITIVE, _FELT),
        },
        {},
        dated=("completed_at",),
    ),
    Expected(
        "case_response_times",
        "cases",
        _everything,
        lambda row: (row["priority"],),
        {
            "opened": counts(),
            "responded": counts(_known("first_responded_at")),
            "first_response_median": took("first_responded_at", "created_at", 50),
            "first_response_p90": took("first_responded_at", "created_at", 90),
            "resolved": counts(_known("resolved_at")),
            "resolution_median": took("resolved_at", "created_at", 50),
            "resolution_p90": took("resolved_at", "created_at", 90),
        },
        {},
        dated=("created_at",),
    ),
    Expected(
        "case_sla",
        "cases",
        _known("sla_policy_id"),
        lambda row: (row["sla_policy_id"], row["priority"]),
        {
            "opened": counts(),
            "met": _MET,
            "breached": counts(_is("sla_state", "breached")),
            "running": counts(_is("sla_state", "running", "paused")),
            "ended": _OVER,
            "share": ratio(_MET, _OVER),
        },
        {},
        dated=("created_at",),
    ),
    Expected(
        "project_time",
        "time_entries",
        _is("status", "approved"),
        lambda row: (row["owner_id"],),
        {
            "entries": counts(),
            "projects": distincts("project_id"),
            "minutes": sums("minutes"),
            "billable_minutes": _BILLABLE,
            "utilisation": ratio(_BILLABLE, sums("minutes")),
        },
        {},
        dated=("day",),
    ),
    Expected(
        "campaign_audiences",
        "campaigns",
        _known("launched_at"),
        lambda row: (row["kind"], row["channel"]),
        {
            "campaigns": counts(),
            "members": sums("member_count"),
            "held_out": sums("holdout_count"),
            "excluded": sums("excluded_count"),
        },
        {},
        dated=("launched_at",),
    ),
)


@dataclass(frozen=True)
class Number:
    """What a metric is to come to."""

    name: str
    table: str
    of: Callable[[Row], bool]
    """Which rows count."""
    value: Callable[[list[Row]], Any]
    dated: Sequence[str] = ()


def _cycles(rows: list[Row]) -> list[int]:
    days = [(dated_day(row, _CLOSED) - day_of(row["created_at"])).days for row in rows]
    return [max(one, 0) for one in days]


def _average(of: Any, values: Callable[[list[Row]], list[Any]]) -> Callable[[list[Row]], Any]:
    def average(rows: list[Row]) -> Any:
        found = values(rows)
        return of(found) if found else None

    return average


def _amounts(rows: list[Row]) -> list[Decimal]:
    known = [row["base_amount"] for row in _in_base(rows)]
    return [Decimal(one) for one in known if one is not None]


def _weighted(rows: list[Row]) -> Any:
    known = [row for row in _in_base(rows) if row["base_amount"] is not None]
    parts = [Decimal(row["base_amount"]) * row["probability"] / 100 for row in known]
    return sum(parts, Decimal(0)) if parts else None


def _ended(rows: list[Row], status: str) -> list[Row]:
    return [row for row in rows if row["status"] == status]


def _scores(rows: list[Row]) -> list[int]:
    return [row["score"] for row in rows if row["score"] is not None]


_is_won, _is_decided = _is("status", "won"), _is("status", "won", "lost")
_BY_VALUE = ratio(lambda rows: _revenue(_ended(rows, "won")), _revenue)
METRICS = (
    Number(
        "quote_acceptance",
        "quotes",
        _is("status", *_ENDED),
        ratio(_ACCEPTED, counts()),
        ("decided_at",),
    ),
    Number(
        "quote_turnaround_median",
        "quotes",
        _everything,
        took("sent_at", "created_at", 50),
        ("sent_at",),
    ),
    Number("win_rate_count", "deals", _is_decided, ratio(_WON, _DECIDED), _CLOSED),
    Number("win_rate_value", "deals", _is_decided, _BY_VALUE, _CLOSED),
    Number("conversion_rate", "deals", _everything, ratio(_WON, counts()), ("created_at",)),
    Number("sales_cycle_mean", "deals", _is_won, _average(mean, _cycles), _CLOSED),
    Number("sales_cycle_median", "deals", _is_won, _average(median, _cycles), _CLOSED),
    Number("average_won_amount", "deals", _is_won, _average(mean, _amounts), _CLOSED),
    Number(
        "weighted_pipeline",
        "deals",
        lambda row: row["status"] == "open" and row["forecast_category"] != "omitted",
        _weighted,
    ),
    Number("won_amount", "deals", _is_won, _revenue, _CLOSED),
    Number("new_deals", "deals", _everything, counts(), ("created_at",)),
    Number(
        "billable_utilisation",
        "time_entries",
        _is("status", "approved"),
        ratio(_BILLABLE, sums("minutes")),
        ("day",),
    ),
    Number("new_cases", "cases", _everything, counts(), ("created_at",)),
    Number("sla_met", "cases", _everything, ratio(_MET, _OVER), ("created_at",)),
    Number(
        "first_response_time_median",
        "cases",
        _everything,
        took("first_responded_at", "created_at", 50),
        ("first_responded_at",),
    ),
    Number(
        "resolution_time_median",
        "cases",
        _everything,
        took("resolved_at", "created_at", 50),
        ("resolved_at",),
    ),
    Number("case_score", "cases", _everything, _average(mean, _scores), ("scored_at",)),
    Number(
        "lead_conversion",
        "leads",
        _everything,
        ratio(_CONVERTED, counts()),
        ("created_at",),
    ),
    Number(
        "lead_response_time_median",
        "leads",
        _everything,
        took("responded_at", "assigned_at", 50),
        ("responded_at",),
    ),
)


def over(wanted: Expected, span: Mapping[str, str]) -> Expected:
    """The same report of some days."""
    return replace(wanted, parameters=dict(span) if wanted.dated else {})
