"""The standard reports of campaigns."""

from crm_api.kit.report_words import SPAN, counted, total, within
from crm_api.kit.reporting import StandardReport

STANDARD_REPORTS = (
    StandardReport(
        "campaign_audiences",
        1,
        "Audiences of campaigns",
        "Campaigns that were launched within the days, by kind and channel: how many members "
        "their audiences were frozen with, held out on purpose, or excluded.",
        "members = Σ those to be reached; a person is counted in each campaign they are in",
        {
            "source": "campaign",
            "filter": within("launched_at"),
            "groupings": [{"field": "kind"}, {"field": "channel"}],
            "measures": [
                counted("campaigns"),
                total("members", "member_count"),
                total("held_out", "holdout_count"),
                total("excluded", "excluded_count"),
            ],
            "totals": True,
        },
        SPAN,
    ),
)
