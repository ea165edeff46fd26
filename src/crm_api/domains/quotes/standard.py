"""The standard reports of quotes."""

from crm_api.kit.reporting import SPAN, DefinedReport

_HOURS = {"field": "sent_at", "since": "created_at", "unit": "hours"}
_DECIDED = {"status": {"in": ["accepted", "declined"]}}

STANDARD_REPORTS = (
    DefinedReport(
        name="quote_turnaround",
        title="Turnaround of quotes",
        text="How long it takes from the creation of a quote to when it is sent, by the month in "
        "which that was, of the quotes that were sent within the days.",
        formula="median and p90 of sent_at - created_at in hours",
        source="quote",
        parameters=SPAN,
        dated_by=("sent_at",),
        chart="median",
        definition={
            "groupings": [{"field": "sent_at", "bucket": "month"}],
            "measures": [
                {"name": "sent", "function": "count"},
                {**_HOURS, "name": "median", "function": "median"},
                {**_HOURS, "name": "p90", "function": "percentile", "percentile": 90},
            ],
            "totals": True,
        },
    ),
    DefinedReport(
        name="quote_acceptance",
        title="Acceptance of quotes",
        text="What became of the quotes that were decided within the days, by owner.",
        formula="acceptance = accepted / (accepted + declined); null without any",
        source="quote",
        parameters=SPAN,
        dated_by=("decided_at",),
        chart="acceptance",
        definition={
            "filter": _DECIDED,
            "groupings": [{"field": "owner_id"}],
            "measures": [
                {"name": "decided", "function": "count"},
                {"name": "accepted", "function": "count", "filter": {"status": "accepted"}},
                {"name": "declined", "function": "count", "filter": {"status": "declined"}},
                {"name": "acceptance", "function": "ratio", "of": ["accepted", "decided"]},
            ],
            "totals": True,
        },
    ),
)
