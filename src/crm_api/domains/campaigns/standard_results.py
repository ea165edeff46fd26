"""What campaigns brought about, as a standard report."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any, get_args
from uuid import UUID

from crm_api.domains.campaigns.evaluating import Part, members_who, results_of
from crm_api.domains.campaigns.repository import CAMPAIGNS
from crm_api.domains.campaigns.service import CampaignService
from crm_api.domains.segments.repository import BEHAVIOUR_AREA
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.filters import parse
from crm_api.kit.report_words import MOST_BEHIND, few, spanned
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

MOST = 500
_PARTS: tuple[Part, ...] = get_args(Part)


async def _results(tx: Tx, given: Mapping[str, Any]) -> Computed:
    """Each campaign that was launched within the days, by its members who are seen."""
    event: str = given["event"]
    launched = parse(spanned("launched_at", given), CAMPAIGNS, tx)
    campaigns = await CampaignService(tx).records.launched(launched, MOST + 1)
    if len(campaigns) > MOST:
        message = f"There are more than {MOST:,} campaigns: choose fewer days."
        raise Invalid(message, code="too_many_records")
    told = await results_of(tx, [one.id for one in campaigns], event)
    found = {row["campaign_id"]: row for row in told}
    lines: list[Line] = []
    for one in campaigns:
        row = found.get(one.id)
        counts = {part: row[part] if row else 0 for part in _PARTS}
        values = {
            "campaign_id": one.id,
            "campaign": one.name,
            **counts,
            "response_rate": _rate(counts["responded"], counts["members"]),
            "conversion_rate": _rate(counts["converted"], counts["members"]),
        }
        own = {part: Records(partial(_those, tx, one.id, event, part)) for part in _PARTS}
        lines.append(Line(values, own["members"], own))
    return Computed(lines)


async def _those(tx: Tx, id: UUID, event: str, part: Part) -> Filter:
    return few(await members_who(tx, id, event, part, MOST_BEHIND + 1))


def _rate(part: int, whole: int) -> Decimal | None:
    return Decimal(part) / whole if whole else None


RESULTS = ComputedReport(
    name="campaign_results",
    title="Results of campaigns",
    text="Campaigns that were launched within the days: of the members of their frozen audiences "
    "who were to be reached and whom whoever asks sees, how many did anything since the launch, "
    "and how many did what counts as a conversion. Those who were held out are none of them.",
    formula="response_rate = responded / members; conversion_rate = converted / members; "
    "null without members",
    source="contact",
    areas=("campaigns", BEHAVIOUR_AREA),
    parameters=(
        *SPAN,
        Parameter("event", "text", "What counts as a conversion.", "purchase"),
    ),
    chart="conversion_rate",
    columns=(
        ReportField("campaign_id", "grouping", "uuid", "The campaign.", label="campaign"),
        ReportField("campaign", "column", "text", "Its name."),
        ReportField("members", "measure", "integer", "Those who were to be reached."),
        ReportField("responded", "measure", "integer", "Those who did anything since."),
        ReportField("converted", "measure", "integer", "Those who did what counts."),
        ReportField("response_rate", "measure", "ratio", "Responded by members."),
        ReportField("conversion_rate", "measure", "ratio", "Converted by members."),
    ),
    compute=_results,
)
