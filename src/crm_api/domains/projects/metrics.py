"""The numbers of projects that reports know by name."""

from crm_api.kit.report_words import share, total
from crm_api.kit.reporting import Metric

METRICS = (
    Metric(
        "billable_utilisation",
        1,
        "Billable share of time",
        "ratio",
        "billable minutes / minutes, of the time that was worked within the days and approved.",
        "time_entry",
        [
            total("billable", "minutes", {"is_billable": True}),
            total("worked", "minutes"),
            share("share", "billable", "worked"),
        ],
        {"status": "approved"},
        ("day",),
    ),
)
