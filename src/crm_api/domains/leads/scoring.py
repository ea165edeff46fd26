"""Scores by rules: how well leads fit, and how interested they are, each on its own."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.leads.events import ask_for_scores
from crm_api.domains.leads.models import Lead, LeadScoreRule
from crm_api.domains.leads.repository import LEADS, ScoreRules
from crm_api.domains.leads.score_schemas import LeadScoreRuleCreate, LeadScoreRuleUpdate
from crm_api.domains.leads.service import LeadService
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.db.json import parsed
from crm_api.kit.db.states import have_derived
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.query.conditions import check, passing_of

_MATTERS = frozenset(("category", "points", "is_active", "filter", "deleted_at"))
_CATEGORIES = ("fit", "engagement")


class LeadScoreRuleService(NamedService[LeadScoreRule]):
    """How many points certain leads get."""

    repository = ScoreRules
    area = "lead_rules"
    plural = "lead_score_rules"
    personal = Impersonal("How the organization works.")
    create_shape = LeadScoreRuleCreate
    update_shape = LeadScoreRuleUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {}
    records: ScoreRules

    async def prepare(
        self, values: dict[str, Any], current: LeadScoreRule | None
    ) -> dict[str, Any]:
        """A rule fits leads."""
        values = await super().prepare(values, current)
        if "filter" in values:
            check(self.tx, LEADS, values["filter"])
        if current is None:
            await have_derived(self.tx, frozenset({"lead"}))
        return values

    def add(self, values: dict[str, Any]) -> Any:
        """Leads go by it soon."""
        ask_for_scores(self.tx)
        return super().add(values)

    async def change(
        self,
        current: LeadScoreRule,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Leads go by it soon."""
        if any(getattr(current, name) != values[name] for name in _MATTERS & values.keys()):
            ask_for_scores(self.tx)
        return await super().change(current, values, verb=verb, told=told)


class Scoring:
    """Reckons the scores of leads by the rules that are active."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, id: UUID) -> dict[str, Any]:
        """What the scores of a lead are made of, as things are now."""
        LeadService(self.tx).need("read")
        async with at_one_moment(self.tx) as reader:
            lead = await LeadService(reader).records.get(id)
            rules = await ScoreRules(reader).active()
            passed = await Scoring(reader).passed(rules, [id])
        told = [
            {
                "rule_id": rule["id"],
                **{name: rule[name] for name in ("name", "category", "points")},
                "passed": id in passed[rule["id"]],
            }
            for rule in rules
        ]
        scores = {name: getattr(lead, name) for name in ("fit_score", "engagement_score", "score")}
        return {"lead_id": id, **scores, "rules": told}

    async def passed(
        self, rules: Sequence[Any], ids: Sequence[UUID]
    ) -> dict[UUID, Collection[UUID]]:
        """By rule, those of some leads that pass it."""
        return {
            rule["id"]: await passing_of(self.tx, LEADS, ids, parsed(rule["filter"]), unfit=False)
            for rule in rules
        }

    async def keep(self, leads: Sequence[Lead], rules: Sequence[Any] | None = None) -> None:
        """Have leads, which are locked, say what the rules come to."""
        rules = await ScoreRules(self.tx).active() if rules is None else rules
        if not (rules and leads):
            return
        passed = await self.passed(rules, [lead.id for lead in leads])
        service = LeadService(self.tx)
        for lead in leads:
            values: dict[str, Any] = {}
            for category in _CATEGORIES:
                own = [rule for rule in rules if rule["category"] == category]
                if own:
                    points = sum(rule["points"] for rule in own if lead.id in passed[rule["id"]])
                    values[f"{category}_score"] = max(0, min(100, points))
            values = service.derive(values, lead)
            await service.change(lead, values, verb="scored")
