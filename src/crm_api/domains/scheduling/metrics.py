"""The numbers of resources that reports and dashboards know by name."""

from crm_api.domains.scheduling.standard import UTILISATION
from crm_api.kit.reporting import Figure, Metric

METRICS = (
    Metric(
        "resource_utilisation",
        1,
        UTILISATION.title,
        "ratio",
        "booked minutes within working time / (working time × capacity), of all resources within "
        "the days, or else of the last year.",
        UTILISATION.source,
        figure=Figure(UTILISATION, "utilisation"),
    ),
)
