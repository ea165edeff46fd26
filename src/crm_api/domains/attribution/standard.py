"""What campaigns come to, as a standard report by their results."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

from crm_api.domains.attribution.costing import ENTITY as COST
from crm_api.domains.attribution.costing import counted
from crm_api.domains.attribution.counting import Counting
from crm_api.domains.attribution.crediting import Crediting
from crm_api.domains.attribution.gathering import Asked, Days, Goal
from crm_api.domains.attribution.results import Gathered, Results, figures
from crm_api.domains.attribution.standard_credits import CREDITS
from crm_api.domains.attribution.weighing import Model
from crm_api.domains.campaigns.service import CampaignService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.selection import Selection
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

MOST = 10_000
_Lazy = Callable[[], Awaitable[Filter]]
_COUNTS = ("members", "holdout", "excluded", "sent", "opened", "clicked", "responded", "leads")
_EXACT = (
    *("opportunities", "won", "revenue", "cost", "profit", "roi", "roas"),
    *("cost_per_lead", "cost_per_opportunity", "cost_per_sale"),
)


async def _results(tx: Tx, given: Mapping[str, Any]) -> Computed:
    """Each campaign with all below it, and all of them together."""
    days, of = Days(given["from"], given["to"]), given["campaign_id"]
    days.check()
    found, counting = await Results(tx).gathered(of, given["model"], days)
    if len(found.tree) > MOST:
        message = f"There are more than {MOST:,} campaigns: choose one with those below it."
        raise Invalid(message, code="too_many_records")
    behind = _Behind(found, counting, given["model"], days)
    lines = [_line(found, id, behind) for id in found.tree]
    lines.sort(key=_order)
    return Computed(lines, [_line(found, None, behind)] if lines else [])


async def _need_campaign(tx: Tx, given: Mapping[str, Any]) -> None:
    """Raise `Invalid` where a campaign is named that there is not."""
    named: UUID | None = given.get("campaign_id")
    if named is not None and not await CampaignService(tx).many([named], Selection(("id",))):
        message = "There is no such campaign."
        raise Invalid.parameter("campaign_id", "no_such_record", message)


def _order(line: Line) -> Any:
    values = line.values
    return -values["revenue"], -values["members"], values["campaign"] or "", values["campaign_id"]


def _line(found: Gathered, id: UUID | None, behind: "_Behind") -> Line:
    ids, told = found.within[id], figures(found, id)
    own = {"campaign_id": id, "campaign": found.tree[id]["name"]} if id is not None else {}
    exact = {name: None if told[name] is None else Decimal(told[name]) for name in _EXACT}
    values = {**own, **{name: told[name] for name in _COUNTS}, **exact}
    return Line(values, Records(behind.campaigns(ids)), behind.own(ids))


@dataclass(frozen=True)
class _Behind:
    """The records behind numbers, found when somebody asks for them."""

    found: Gathered
    counting: Counting
    model: Model
    days: Days

    def own(self, ids: Sequence[UUID]) -> dict[str, Records]:
        """Those behind single numbers of some campaigns."""
        begun = Records(self._credited(ids, "opportunity"), "deal")
        won = Records(self._credited(ids, "won"), "deal")
        leads = Records(self._led(ids), "lead")
        own = {"leads": leads, "opportunities": begun, "won": won, "revenue": won}
        if self.found.costs is not None:
            own["cost"] = Records(counted(ids, self.days), COST)
        return own

    @staticmethod
    def campaigns(ids: Sequence[UUID]) -> _Lazy:
        """The campaigns themselves."""

        async def filter() -> Filter:
            return few(ids)

        return filter

    def _led(self, ids: Sequence[UUID]) -> _Lazy:
        async def filter() -> Filter:
            return few(await self.counting.led(ids))

        return filter

    def _credited(self, ids: Sequence[UUID], goal: Goal) -> _Lazy:
        """The deals that a sum is of."""

        async def filter() -> Filter:
            asked = Asked(self.model, "campaign", goal, self.days)
            crediting = Crediting(self.counting.tx, self.found.ground)
            return few(await crediting.credited(asked, list(map(str, ids))))

        return filter


def _amount(name: str, text: str) -> ReportField:
    return ReportField(name, "measure", "amount", text)


def _count(name: str, text: str) -> ReportField:
    return ReportField(name, "measure", "integer", text)


RESULTS = ComputedReport(
    name="campaign_results",
    title="Results of campaigns",
    text="What each campaign comes to with all below it, as at `/v1/campaigns/{id}/results`: "
    "its audience, how many people were reached and what they did within the days, the leads "
    "that it brought, and what it is credited with of deals that were begun and won within "
    "them, against what it cost. A campaign counts in the rows of those above it, too; in the "
    "total each person, lead and deal counts once. Costs are null where they are not kept.",
    formula="won, opportunities = Σ the credits of its touches by the model; revenue = Σ "
    "credit × amount; profit = revenue − cost; roi = profit / cost; roas = revenue / cost; "
    "cost_per_lead = cost / leads; cost_per_opportunity = cost / opportunities; cost_per_sale "
    "= cost / won; null where it would be by nothing",
    source="campaign",
    also_of=(
        "activity",
        "behaviour_event",
        "campaign_cost",
        "contact",
        "deal",
        "lead",
        "lead_submission",
        "mailing",
    ),
    areas=("attribution", "contacts", "leads", "deals"),
    parameters=(
        *SPAN,
        Parameter("model", "text", "How deals are credited.", "linear", get_args(Model)),
        Parameter("campaign_id", "uuid", "Of this campaign and all below it.", is_optional=True),
    ),
    chart="revenue",
    reads=("name",),
    columns=(
        ReportField("campaign_id", "grouping", "uuid", "The campaign.", label="campaign"),
        ReportField("campaign", "column", "text", "Its name."),
        _count("members", "Who was to be reached, of frozen audiences."),
        _count("holdout", "Who was held out."),
        _count("excluded", "Who was excluded."),
        _count("sent", "People to whom something was sent within the days."),
        _count("opened", "Those who opened it."),
        _count("clicked", "Those who followed a link."),
        _count("responded", "Those who answered, came, sent a form or were met."),
        _count("leads", "Leads that it brought."),
        ReportField("opportunities", "measure", "number", "Credits of deals begun."),
        ReportField("won", "measure", "number", "Credits of deals won."),
        _amount("revenue", "What it is credited with of the amounts of deals won."),
        _amount("cost", "What was spent for it."),
        _amount("profit", "The one less the other."),
        ReportField("roi", "measure", "ratio", "The profit by the cost."),
        ReportField("roas", "measure", "ratio", "The revenue by the cost."),
        _amount("cost_per_lead", "The cost by the leads."),
        _amount("cost_per_opportunity", "The cost by the credits of deals begun."),
        _amount("cost_per_sale", "The cost by the credits of deals won."),
    ),
    judge=_need_campaign,
    compute=_results,
)
STANDARD_REPORTS = (RESULTS, CREDITS)
