"""The numbers of campaigns that reports and dashboards know by name."""

from datetime import timedelta

from crm_api.domains.attribution.standard import RESULTS
from crm_api.kit.reporting import Figure, Metric, Unit
from crm_api.kit.schema import EARLIEST, LATEST

_OF_ALL = "Of all campaigns that are seen, by the linear model; null where it would be by nothing."
# Who says no days means all of them.
_EVER = {
    "from": EARLIEST.date().isoformat(),
    "to": (LATEST.date() - timedelta(days=1)).isoformat(),
}


def _metric(name: str, title: str, unit: Unit, text: str, measure: str) -> Metric:
    figure = Figure(RESULTS, measure, _EVER)
    return Metric(name, 1, title, unit, f"{text} {_OF_ALL}", "campaign", figure=figure)


METRICS = (
    _metric(
        "campaign_roi",
        "Return on campaigns",
        "ratio",
        "What campaigns are credited with of won deals, less what they cost, by what they cost.",
        "roi",
    ),
    _metric(
        "campaign_roas",
        "Revenue per cost of campaigns",
        "ratio",
        "What campaigns are credited with of won deals, by what they cost.",
        "roas",
    ),
    _metric(
        "cost_per_lead",
        "Cost per lead",
        "amount",
        "What campaigns cost, by the leads that they brought.",
        "cost_per_lead",
    ),
    _metric(
        "cost_per_opportunity",
        "Cost per opportunity",
        "amount",
        "What campaigns cost, by the deals begun that they are credited with.",
        "cost_per_opportunity",
    ),
    _metric(
        "cost_per_sale",
        "Cost per sale",
        "amount",
        "What campaigns cost, by the deals won that they are credited with.",
        "cost_per_sale",
    ),
)
