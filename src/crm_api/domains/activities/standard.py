"""The standard reports of activities."""

from crm_api.kit.report_words import counted, distinct, known, share, total
from crm_api.kit.reporting import SPAN, DefinedReport

_DONE = {"status": "completed"}

STANDARD_REPORTS = (
    DefinedReport(
        name="activity_volume",
        title="Activities by owner and kind",
        text="Activities that were completed within the days: how many, with how many companies and "
        "contacts, and how long they took where that is known.",
        formula="seconds = Σ duration",
        source="activity",
        parameters=SPAN,
        dated_by=("completed_at",),
        definition={
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
    ),
    DefinedReport(
        name="activity_outcomes",
        title="Outcomes of activities",
        text="Activities that were completed within the days by kind and outcome; those of which no "
        "outcome was told come last. How many of them are of a deal, and how they were felt.",
        formula="positive_share = positive / felt, where felt = positive + neutral + negative",
        source="activity",
        parameters=SPAN,
        dated_by=("completed_at",),
        definition={
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
    ),
)
