"""The numbers of quotes that reports know by name."""

from crm_api.kit.reporting import Metric

METRICS = (
    Metric(
        "quote_acceptance",
        1,
        "Acceptance of quotes",
        "ratio",
        "accepted / (accepted + declined), of the quotes that were decided within the days.",
        "quote",
        [
            {"name": "accepted", "function": "count", "filter": {"status": "accepted"}},
            {
                "name": "decided",
                "function": "count",
                "filter": {"status": {"in": ["accepted", "declined"]}},
            },
            {"name": "share", "function": "ratio", "of": ["accepted", "decided"]},
        ],
        dated_by=("decided_at",),
    ),
    Metric(
        "quote_turnaround_median",
        1,
        "Turnaround of quotes, median",
        "hours",
        "From the creation of the quotes that were sent within the days to when they were sent; "
        "half of them took no longer.",
        "quote",
        [
            {
                "name": "hours",
                "function": "median",
                "field": "sent_at",
                "since": "created_at",
                "unit": "hours",
            }
        ],
        dated_by=("sent_at",),
    ),
)
