"""The standard reports of deals."""

from crm_api.domains.forecasting.metrics import CLOSED, DECIDED
from crm_api.domains.forecasting.standard_forecasts import FORECAST_REPORTS
from crm_api.domains.forecasting.standard_pipelines import PIPELINE_REPORTS
from crm_api.domains.forecasting.standard_products import BY_PRODUCT
from crm_api.domains.forecasting.standard_stages import STAGE_REPORTS
from crm_api.kit.report_words import counted, share, total
from crm_api.kit.reporting import SPAN, DefinedReport, StandardReport

_BY = {
    "reason": ("loss_reason.name", "reason of loss"),
    "competitor": ("competitor.name", "competitor"),
    "owner": ("owner_id", "owner"),
    "industry": ("company.industry", "industry of the company"),
}


_ENDS = ("won", "lost")


def _outcomes(key: str, field: str, title: str) -> StandardReport:
    return DefinedReport(
        name=f"deal_outcomes_by_{key}",
        title=f"Won and lost by {title}",
        text=f"Deals that were won or lost within the days, by {title}: how many, and for how much "
        "in the organization's currency.",
        formula="rate = won / (won + lost); null without any; won_amount, lost_amount = Σ amount of "
        "these deals",
        source="deal",
        parameters=SPAN,
        dated_by=CLOSED,
        definition={
            "filter": DECIDED,
            "groupings": [{"field": field}],
            "measures": [
                counted("decided"),
                *(counted(end, {"status": end}) for end in _ENDS),
                *(total(f"{end}_amount", "base_amount", {"status": end}) for end in _ENDS),
                share("rate", "won", "decided"),
            ],
            "totals": True,
        },
    )


STANDARD_REPORTS: tuple[StandardReport, ...] = (
    *STAGE_REPORTS,
    *PIPELINE_REPORTS,
    *FORECAST_REPORTS,
    *(_outcomes(key, *one) for key, one in _BY.items()),
    BY_PRODUCT,
)
