"""The numbers of cases that reports know by name."""

from crm_api.kit.reporting import Metric

METRICS = (
    Metric(
        "new_cases",
        1,
        "New cases",
        "count",
        "Cases that were opened within the days, whatever became of them.",
        "case",
        [{"name": "number", "function": "count"}],
        dated_by=("created_at",),
    ),
    Metric(
        "sla_met",
        1,
        "SLA met",
        "ratio",
        "Of the cases that were opened within the days and all of whose clocks have ended or of "
        "which one is breached: those without a breach, met / (met + breached).",
        "case",
        [
            {"name": "met", "function": "count", "filter": {"sla_state": "met"}},
            {
                "name": "ended",
                "function": "count",
                "filter": {"sla_state": {"in": ["met", "breached"]}},
            },
            {"name": "share", "function": "ratio", "of": ["met", "ended"]},
        ],
        dated_by=("created_at",),
    ),
    Metric(
        "first_response_time_median",
        1,
        "Time to the first response, median",
        "hours",
        "From the opening of the cases that were first answered within the days to that answer, "
        "around the clock; half of them took no longer. To be resolved is to be answered.",
        "case",
        [
            {
                "name": "hours",
                "function": "median",
                "field": "first_responded_at",
                "since": "created_at",
                "unit": "hours",
            }
        ],
        dated_by=("first_responded_at",),
    ),
    Metric(
        "resolution_time_median",
        1,
        "Time to resolution, median",
        "hours",
        "From the opening of the cases that were resolved within the days to their last "
        "resolution, around the clock; half of them took no longer.",
        "case",
        [
            {
                "name": "hours",
                "function": "median",
                "field": "resolved_at",
                "since": "created_at",
                "unit": "hours",
            }
        ],
        dated_by=("resolved_at",),
    ),
    Metric(
        "case_score",
        1,
        "Score of cases",
        "score",
        "The mean of what customers say, 1 to 5, of cases that they rated within the days.",
        "case",
        [{"name": "score", "function": "avg", "field": "score"}],
        dated_by=("scored_at",),
    ),
)
