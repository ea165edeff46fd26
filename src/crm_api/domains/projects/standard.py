"""The standard reports of projects."""

from crm_api.domains.projects.standard_results import RESULTS
from crm_api.kit.report_words import counted, distinct, share, total
from crm_api.kit.reporting import SPAN, DefinedReport

STANDARD_REPORTS = (
    RESULTS,
    DefinedReport(
        name="project_time",
        title="Time of projects",
        text="Minutes that were worked within the days and approved, by owner: in how many projects, "
        "and what share of them is billed to customers.",
        formula="utilisation = billable minutes / minutes",
        source="time_entry",
        parameters=SPAN,
        dated_by=("day",),
        definition={
            "filter": {"status": "approved"},
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
    ),
)
