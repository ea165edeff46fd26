"""The standard reports of activities."""

from crm_api.kit.report_words import SPAN, counted, distinct, known, share, total, within
from crm_api.kit.reporting import StandardReport

_DONE = {"and": [{"status": "completed"}, within("completed_at")]}

STANDARD_REPORTS = (
    StandardReport(
        "activity_volume",
        1,
        "Activities by owner and kind",
        "Activities that were completed within the days: how many, with how many companies and "
        "contacts, and how long they took where that is known.",
        "seconds = Σ duration",
        {
            "source": "activity",
            "filter": _DONE,
            "groupings": [{"field": "owner_id"}, {"field": "kind"}],
            "measures": [
                counted("completed"),
                counted("inbound", {"direction": "inbound"}),
                counted("outbound", {"direction": "outbound"}),
                distinct("companies", "company_id"),
                distinct("contacts", "contact_id"),
                total("seconds", "duration"),
            ],
            "totals": True,
        },
        SPAN,
    ),
    StandardReport(
        "activity_outcomes",
        1,
        "Outcomes of activities",
        "Activities that were completed within the days by kind and outcome; those of which no "
        "outcome was told come last. How many of them are of a deal, and how they were felt.",
        "positive_share = positive / felt, where felt = positive + neutral + negative",
        {
            "source": "activity",
            "filter": _DONE,
            "groupings": [{"field": "kind"}, {"field": "outcome"}],
            "measures": [
                counted("completed"),
                counted("of_deals", known("deal_id")),
                counted("felt", known("sentiment")),
                counted("positive", {"sentiment": "positive"}),
                share("positive_share", "positive", "felt"),
            ],
            "totals": True,
        },
        SPAN,
    ),
)
