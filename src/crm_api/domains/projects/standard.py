"""The standard reports of projects."""

from crm_api.kit.report_words import DAYS, counted, distinct, on_days, share, total
from crm_api.kit.reporting import StandardReport

STANDARD_REPORTS = (
    StandardReport(
        "project_time",
        1,
        "Time of projects",
        "Minutes that were worked within the days and approved, by owner: in how many projects, "
        "and what share of them is billed to customers.",
        "utilisation = billable minutes / minutes",
        {
            "source": "time_entry",
            "filter": {"and": [{"status": "approved"}, on_days("day")]},
            "groupings": [{"field": "owner_id"}],
            "measures": [
                counted("entries"),
                distinct("projects", "project_id"),
                total("minutes", "minutes"),
                total("billable_minutes", "minutes", {"is_billable": True}),
                share("utilisation", "billable_minutes", "minutes"),
            ],
            "totals": True,
        },
        DAYS,
    ),
)
