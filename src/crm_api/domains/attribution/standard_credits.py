"""What was won or begun, shared out over the touches before it, as a standard report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from crm_api.domains.attribution.crediting import NEVER, Credit, Crediting
from crm_api.domains.attribution.gathering import Asked, By, Days, Gathering, Ground
from crm_api.domains.attribution.service import named, ordered
from crm_api.domains.attribution.weighing import Model
from crm_api.kit.db.tx import Tx
from crm_api.kit.report_words import few
from crm_api.kit.reporting import (
    SPAN,
    Computed,
    ComputedReport,
    Filter,
    Line,
    Parameter,
    Records,
    ReportField,
)


async def _credited(tx: Tx, given: Mapping[str, Any]) -> Computed:
    """What each campaign, channel, variant or kind of touch is credited with, the most first."""
    days = Days(given["from"], given["to"])
    days.check()
    asked = Asked(given["model"], given["by"], given["goal"], days)
    ground = await Gathering(tx).ground()
    crediting = Crediting(tx, ground)
    found = await crediting.by_key(asked)

    def behind(keys: Sequence[str], of: Asked) -> Records:
        async def filter() -> Filter:
            return few(await crediting.credited(of, keys))

        return Records(filter)

    def line(values: Mapping[str, Any], keys: Sequence[str]) -> Line:
        # By the linear model each touch on the way is credited with something.
        touched = behind(keys, replace(asked, model="linear"))
        return Line(values, behind(keys, asked), {"touched": touched})

    keys = [key for _, key in ordered(found.credits)]
    lines = [
        line(
            {"key": key or None, "name": _name(asked.by, key, ground)}
            | _numbers(found.credits[NEVER, key]),
            [key],
        )
        for key in keys
    ]
    return Computed(lines, [line(_numbers(found.attributed), keys)] if keys else [])


def _numbers(one: Credit) -> dict[str, Any]:
    return {"conversions": one.weight, "touched": one.touched, "revenue": one.value}


def _name(by: By, key: str, ground: Ground) -> str | None:
    """What people call it; none where it is of no campaign that is seen."""
    said = named(by, key, ground)
    parts = (said["campaign_name"], said["channel"], said["variant"], said["kind"])
    return " / ".join(part for part in parts if part) or None


CREDITS = ComputedReport(
    name="attribution",
    title="Attribution",
    text="Deals that were won within the days, or begun, shared out over the touches of their "
    "people before them, as at `/v1/attribution`: by campaign, channel, variant of a campaign, or "
    "kind of touch. What nobody was touched before is left out. In the total each deal counts once.",
    formula="conversions = Σ the credits of its touches by the model, which are one for each deal; "
    "touched = deals with such a touch before; revenue = Σ credit × amount, in the "
    "organization's currency",
    source="deal",
    also_of=("activity", "behaviour_event", "campaign", "contact", "lead", "mailing"),
    areas=("attribution", "campaigns", "contacts"),
    parameters=(
        *SPAN,
        Parameter("by", "text", "What is credited.", "channel", get_args(By)),
        Parameter("model", "text", "How deals are credited.", "linear", get_args(Model)),
        Parameter("goal", "text", "Deals won, or begun.", "won", ("won", "opportunity")),
    ),
    chart="revenue",
    reads=("status", "created_at", "closed_at", "base_amount"),
    columns=(
        ReportField(
            "key",
            "grouping",
            "text",
            "The channel, kind of touch, or id of the campaign (with its variant); empty: of no "
            "campaign that is known.",
            label="name",
        ),
        ReportField("name", "column", "text", "What people call it."),
        ReportField("conversions", "measure", "number", "Credits of deals."),
        ReportField("touched", "measure", "integer", "Deals on whose way it was."),
        ReportField("revenue", "measure", "amount", "What it is credited with of their amounts."),
    ),
    compute=_credited,
)
