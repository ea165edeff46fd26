"""The standard reports of leads."""

from crm_api.domains.leads.standard_fairness import FAIRNESS
from crm_api.kit.report_words import (
    completeness,
    counted,
    elapsed,
    known,
    share,
    total,
)
from crm_api.kit.reporting import SPAN, DefinedReport

_OPEN = {"status": {"nin": ["converted", "disqualified"]}}
_WON = {"deal": {"status": "won"}}
_AGES = (
    ("days_0_to_1", None, "1d"),
    ("days_1_to_7", "1d", "7d"),
    ("days_7_to_30", "7d", "30d"),
    ("days_30_to_90", "30d", "90d"),
    ("days_over_90", "90d", None),
)


def _aged(name: str, least: str | None, most: str | None) -> dict[str, object]:
    made = {"lte": f"@now-{least}"} if least else {}
    return {**counted(name, {"created_at": made | ({"gt": f"@now-{most}"} if most else {})})}


STANDARD_REPORTS = (
    DefinedReport(
        name="lead_source_revenue",
        version=2,
        title="Sources of leads and what they brought",
        text="Leads that came within the days by source and medium: how many were converted, how many "
        "of their deals were won, and for how much, in the organization's currency.",
        formula="conversion = converted / leads; won_share = won / leads; "
        "revenue = Σ amount of the deals won that leads became",
        source="lead",
        parameters=SPAN,
        dated_by=("created_at",),
        definition={
            "groupings": [{"field": "source"}, {"field": "medium"}],
            "measures": [
                counted("leads"),
                counted("converted", {"status": "converted"}),
                counted("won", _WON),
                total("revenue", "deal.base_amount", _WON),
                share("conversion", "converted", "leads"),
                share("won_share", "won", "leads"),
            ],
            "totals": True,
        },
    ),
    DefinedReport(
        name="lead_ageing",
        title="Ages of open leads",
        text="Leads that are neither converted nor disqualified, by status: for how many days they "
        "have been there, and how many of them nobody has.",
        formula="age = now − created_at; each in one stretch, its end not included",
        source="lead",
        definition={
            "filter": _OPEN,
            "groupings": [{"field": "status"}],
            "measures": [
                counted("leads"),
                *(_aged(*one) for one in _AGES),
                counted("unassigned", {"owner_id": {"is_null": True}}),
            ],
            "totals": True,
        },
    ),
    DefinedReport(
        name="lead_response_times",
        title="Response times of leads",
        text="Leads that were assigned within the days, by owner: how many were responded to, and how "
        "long that took from the assignment, around the clock.",
        formula="half, and nine of ten, of those responded to took no longer",
        source="lead",
        parameters=SPAN,
        dated_by=("assigned_at",),
        definition={
            "filter": known("assigned_at"),
            "groupings": [{"field": "owner_id"}],
            "measures": [
                counted("assigned"),
                counted("responded", known("responded_at")),
                share("share", "responded", "assigned"),
                elapsed("response_median", "responded_at", "assigned_at"),
                elapsed("response_p90", "responded_at", "assigned_at", 90),
            ],
            "totals": True,
        },
    ),
    FAIRNESS,
    completeness(
        "lead",
        "Completeness of leads",
        *("last_name", "company_name", "email", "phone", "country", "industry", "employees"),
        "source",
    ),
)
