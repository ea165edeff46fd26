"""The standard reports of who buys again."""

from crm_api.domains.segments.standard_customers import RETENTION, RFM
from crm_api.domains.segments.standard_deals import OUTCOMES
from crm_api.kit.report_words import counted, distinct, known, total
from crm_api.kit.reporting import SPAN, DefinedReport

_BOUGHT = {"status": "won", **known("company_id"), **known("closed_at")}

STANDARD_REPORTS = (
    RETENTION,
    RFM,
    OUTCOMES,
    DefinedReport(
        name="cohort_revenue",
        title="Revenue of cohorts of companies",
        text="Deals that were won within the days, by the month in which their company became known "
        "and by how many months later they were won, in the organization's currency.",
        formula="months later = month of closed_at − month of the company's created_at; "
        "revenue = Σ amount; companies = how many of them bought",
        source="deal",
        parameters=SPAN,
        dated_by=("closed_at",),
        definition={
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
    ),
)
