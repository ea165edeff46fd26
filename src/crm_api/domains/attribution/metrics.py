"""The numbers of campaigns that reports and dashboards know by name."""

from datetime import date
from decimal import Decimal
from typing import Any

from crm_api.domains.attribution.gathering import Days
from crm_api.domains.attribution.results import Results
from crm_api.kit.db.tx import Tx
from crm_api.kit.reporting import Measure, Metric, Unit

_OF_ALL = "Of all campaigns that are seen, by the linear model; null where it would be by nothing."


def _figure(name: str) -> Measure:
    async def compute(tx: Tx, first: date | None, last: date | None) -> Decimal | None:
        days = Days(first, last)
        days.check()
        found: Any = (await Results(tx).whole("linear", days))[name]
        return None if found is None else Decimal(found)

    return compute


def _metric(name: str, title: str, unit: Unit, text: str, figure: str) -> Metric:
    told = f"{text} {_OF_ALL}"
    return Metric(name, 1, title, unit, told, "campaign", compute=_figure(figure))


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
