"""The standard reports of campaigns."""

from crm_api.kit.report_words import counted, known, total
from crm_api.kit.reporting import SPAN, DefinedReport

STANDARD_REPORTS = (
    DefinedReport(
        name="campaign_audiences",
        title="Audiences of campaigns",
        text="Campaigns that were launched within the days, by kind and channel: how many members "
        "their audiences were frozen with, held out on purpose, or excluded.",
        formula="members = Σ those to be reached; a person is counted in each campaign they are in",
        source="campaign",
        parameters=SPAN,
        dated_by=("launched_at",),
        definition={
            "filter": known("launched_at"),
            "groupings": [{"field": "kind"}, {"field": "channel"}],
            "measures": [
                counted("campaigns"),
                total("members", "member_count"),
                total("held_out", "holdout_count"),
                total("excluded", "excluded_count"),
            ],
            "totals": True,
        },
    ),
)
