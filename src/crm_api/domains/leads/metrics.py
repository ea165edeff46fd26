"""The numbers of leads that reports know by name."""

from crm_api.kit.report_words import counted, elapsed, share
from crm_api.kit.reporting import Metric

METRICS = (
    Metric(
        "lead_conversion",
        1,
        "Conversion of leads",
        "ratio",
        "converted / leads, of the leads that came within the days, whenever they were converted.",
        "lead",
        [
            counted("converted", {"status": "converted"}),
            counted("leads"),
            share("share", "converted", "leads"),
        ],
        dated_by=("created_at",),
    ),
    Metric(
        "lead_response_time_median",
        1,
        "Response time of leads, median",
        "hours",
        "From the assignment of the leads that were responded to within the days to the response, "
        "around the clock; half of them took no longer.",
        "lead",
        [elapsed("hours", "responded_at", "assigned_at")],
        dated_by=("responded_at",),
    ),
)
