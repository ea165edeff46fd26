"""The standard reports of who buys again."""

from crm_api.kit.report_words import SPAN, counted, distinct, total, within
from crm_api.kit.reporting import StandardReport

_BOUGHT = {"and": [{"status": "won", "company_id": {"is_null": False}}, within("closed_at")]}

STANDARD_REPORTS = (
    StandardReport(
        "cohort_revenue",
        1,
        "Revenue of cohorts of companies",
        "Deals that were won within the days, by the month in which their company became known "
        "and by how many months later they were won, in the organization's currency.",
        "months later = month of closed_at − month of the company's created_at; "
        "revenue = Σ amount; companies = how many of them bought",
        {
            "source": "deal",
            "kind": "cohort",
            "filter": _BOUGHT,
            "groupings": [
                {"field": "company.created_at", "bucket": "month"},
                {"field": "closed_at", "since": "company.created_at", "bucket": "month"},
            ],
            "measures": [
                counted("deals"),
                distinct("companies", "company_id"),
                total("revenue", "base_amount"),
            ],
        },
        SPAN,
    ),
)
