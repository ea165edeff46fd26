"""The standard reports of cases."""

from crm_api.kit.report_words import counted, elapsed, known, share
from crm_api.kit.reporting import SPAN, DefinedReport

_ENDED = {"sla_state": {"in": ["met", "breached"]}}

STANDARD_REPORTS = (
    DefinedReport(
        name="case_response_times",
        title="Response times of cases",
        text="Cases that were opened within the days, by priority: how long it took to the first "
        "response and to the last resolution, around the clock. What is not answered or resolved "
        "yet has no time.",
        formula="first response = first_responded_at − created_at; resolution = resolved_at − created_at; "
        "half, and nine of ten, took no longer",
        source="case",
        parameters=SPAN,
        dated_by=("created_at",),
        definition={
            "groupings": [{"field": "priority"}],
            "measures": [
                counted("opened"),
                counted("responded", known("first_responded_at")),
                elapsed("first_response_median", "first_responded_at", "created_at"),
                elapsed("first_response_p90", "first_responded_at", "created_at", 90),
                counted("resolved", known("resolved_at")),
                elapsed("resolution_median", "resolved_at", "created_at"),
                elapsed("resolution_p90", "resolved_at", "created_at", 90),
            ],
            "totals": True,
        },
    ),
    DefinedReport(
        name="case_sla",
        title="SLA of cases",
        text="Cases that were opened within the days and have a policy, by policy and priority: those "
        "all of whose clocks ended in time, and those of which one is breached.",
        formula="share = met / (met + breached); null without any",
        source="case",
        parameters=SPAN,
        dated_by=("created_at",),
        definition={
            "filter": known("sla_policy_id"),
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
    ),
)
