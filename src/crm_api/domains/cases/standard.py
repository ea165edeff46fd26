"""The standard reports of cases."""

from crm_api.kit.report_words import SPAN, counted, elapsed, share, within
from crm_api.kit.reporting import StandardReport

_ENDED = {"sla_state": {"in": ["met", "breached"]}}

STANDARD_REPORTS = (
    StandardReport(
        "case_response_times",
        1,
        "Response times of cases",
        "Cases that were opened within the days, by priority: how long it took to the first "
        "response and to the last resolution, around the clock. What is not answered or resolved "
        "yet has no time.",
        "first response = first_responded_at − created_at; resolution = resolved_at − created_at; "
        "half, and nine of ten, took no longer",
        {
            "source": "case",
            "filter": within("created_at"),
            "groupings": [{"field": "priority"}],
            "measures": [
                counted("opened"),
                counted("responded", {"first_responded_at": {"is_null": False}}),
                elapsed("first_response_median", "first_responded_at", "created_at"),
                elapsed("first_response_p90", "first_responded_at", "created_at", 90),
                counted("resolved", {"resolved_at": {"is_null": False}}),
                elapsed("resolution_median", "resolved_at", "created_at"),
                elapsed("resolution_p90", "resolved_at", "created_at", 90),
            ],
            "totals": True,
        },
        SPAN,
    ),
    StandardReport(
        "case_sla",
        1,
        "SLA of cases",
        "Cases that were opened within the days and have a policy, by policy and priority: those "
        "all of whose clocks ended in time, and those of which one is breached.",
        "share = met / (met + breached); null without any",
        {
            "source": "case",
            "filter": {"and": [{"sla_policy_id": {"is_null": False}}, within("created_at")]},
            "groupings": [{"field": "sla_policy_id"}, {"field": "priority"}],
            "measures": [
                counted("opened"),
                counted("met", {"sla_state": "met"}),
                counted("breached", {"sla_state": "breached"}),
                counted("running", {"sla_state": {"in": ["running", "paused"]}}),
                counted("ended", _ENDED),
                share("share", "met", "ended"),
            ],
            "totals": True,
        },
        SPAN,
    ),
)
