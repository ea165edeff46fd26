"""The rules of rules for scores."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from crm_api.domains.leads.events import ask_for_scores
from crm_api.domains.leads.repository import LEADS
from crm_api.domains.leads.score_following import ages, asks_for_scores, wanders
from crm_api.domains.leads.score_models import LeadScoreRule
from crm_api.domains.leads.score_repository import INSTANTS, ScoreRules, Scores
from crm_api.domains.leads.score_schemas import LeadScoreRuleCreate, LeadScoreRuleUpdate
from crm_api.domains.segments.repository import BEHAVIOUR_AREA
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.states import have_derived
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.conditions import check

_MATTERS = frozenset(
    (
        *("category", "points", "is_active", "filter", "deleted_at"),
        *("event", "cap", "half_life_days", "decays_by"),
    )
)
_DATES = frozenset({"day", "instant"})


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
        """A rule fits leads, and its parts each other."""
        values = await super().prepare(values, current)
        if values.get("event") is not None:
            self.tx.actor.require(f"{BEHAVIOUR_AREA}:read")
            values["event"] = decode(encode(values["event"]))
        whole = {**({} if current is None else columns_of(current)), **values}
        if faults := [*_faults(whole), *self._unknown(values)]:
            raise Invalid(faults[0].message, faults=faults)
        if "filter" in values:
            check(self.tx, LEADS, values["filter"])
            if asks_for_scores(self.tx, values["filter"]):
                message = "What scores are made of cannot go by scores."
                raise Invalid.at("/filter", "score_cycle", message)
        if current is None:
            await have_derived(self.tx, frozenset({"lead"}))
        if wanders(self.tx, whole) or ages(self.tx, whole):
            await Scores(self.tx).begin()
        return values

    def _unknown(self, values: Mapping[str, Any]) -> Sequence[Fault]:
        field = values.get("decays_by")
        if field is None or field in INSTANTS:
            return ()
        known = self.tx.catalogue.of("lead").by_name.get(field.removeprefix("custom."))
        if field.startswith("custom.") and known is not None and known.kind in _DATES:
            return ()
        message = f"Say {', '.join(INSTANTS)}, or a custom field that is a time or a day."
        return [Fault("unknown_field", message, "/decays_by")]

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


def _faults(rule: Mapping[str, Any]) -> list[Fault]:
    """What does not go together."""
    found: list[Fault] = []
    if rule["category"] == "negative" and rule["points"] > 0:
        message = "What speaks against a lead has points of 0 or below."
        found.append(Fault("out_of_range", message, "/points"))
    if rule["cap"] is not None and rule["event"] is None:
        message = "A cap is for rules that count events."
        found.append(Fault("event_needed", message, "/cap"))
    if rule["decays_by"] is not None and rule["event"] is not None:
        message = "Points for events go by the age of the events."
        found.append(Fault("not_for_events", message, "/decays_by"))
    elif rule["decays_by"] is not None and rule["half_life_days"] is None:
        message = "Without a half-life nothing fades."
        found.append(Fault("half_life_needed", message, "/decays_by"))
    return found
