"""Scores of leads as they are reckoned: points by the active rules, probabilities by the models."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from crm_api.domains.leads.models import Lead
from crm_api.domains.leads.predicting import Predictions
from crm_api.domains.leads.repository import LEADS
from crm_api.domains.leads.score_repository import SCORED, ScoreRules, Scores
from crm_api.domains.leads.score_settings import caps_of
from crm_api.domains.leads.scorecard import COLUMNS, capped, derived, total, weight
from crm_api.domains.leads.service import LeadService
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.query.conditions import passing_of

Subject = Mapping[str, Any]
"""The columns of a lead that scores are reckoned from."""
_DAY = 86_400
_BY_DEFAULT = "created_at"


class Scoring:
    """Reckons the scores of leads by the rules that are active and the models in use."""

    def __init__(self, tx: Tx, rules: Sequence[Subject], predictions: Predictions) -> None:
        self.tx, self.rules, self.predictions = tx, rules, predictions

    @classmethod
    async def of(cls, tx: Tx) -> "Scoring":
        """By what holds now."""
        return cls(tx, await ScoreRules(tx).active(), await Predictions.of(tx))

    @property
    def has_any(self) -> bool:
        """Whether there is anything to reckon by."""
        return bool(self.rules or self.predictions.models)

    async def explain(self, id: UUID) -> dict[str, Any]:
        """What the scores of a lead are made of, as things are now."""
        lead = columns_of(await LeadService(self.tx).records.get(id))
        counted = await self._counted([lead])
        told = [
            {
                "rule_id": rule["id"],
                **{name: rule[name] for name in ("name", "category", "points")},
                "passed": id in counted[rule["id"]],
                "counted": round(counted[rule["id"]].get(id, 0.0), 6),
                "given": round(_given(rule, counted[rule["id"]].get(id, 0.0)), 6),
            }
            for rule in self.rules
        ]
        hidden = self.tx.actor.hidden(Lead.entity)
        scores = {name: None if name in hidden else lead[name] for name in SCORED}
        learned = None if "probability" in hidden else await self.predictions.explained(lead)
        return {"lead_id": id, **scores, "rules": told, "learned": learned}

    async def keep(self, leads: Sequence[Lead]) -> None:
        """Have leads, which are locked, say what the rules and models come to."""
        if not leads:
            return
        subjects = {lead.id: columns_of(lead) for lead in leads}
        found = await self._reckoned(subjects)
        service = LeadService(self.tx)
        for lead in leads:
            await service.change(lead, service.derive(found[lead.id], lead), verb="scored")
        self._are_kept(subjects)

    async def keep_many(self, subjects: Sequence[Subject]) -> int:
        """As `keep`, for rows of leads, which are locked: by a few statements; how many differ."""
        service = LeadService(self.tx)
        if service.fields.formulas:
            # What formulas of the organization's make of a score takes all of the lead.
            ids = [one["id"] for one in subjects]
            await self.keep(await service.records.locked(ids, everywhere=True))
            return len(ids)
        by_id = {one["id"]: one for one in subjects}
        found = await self._reckoned(by_id)
        changed: dict[UUID, dict[str, Any]] = {}
        for id, values in found.items():
            before = {name: by_id[id][name] for name in SCORED}
            after = {**before, **values}
            after |= derived(after)
            if after != before:
                changed[id] = after
                self._tell(service, by_id[id], after)
        if changed:
            await Scores(self.tx).rescore(changed)
        self._are_kept(by_id)
        return len(changed)

    def _are_kept(self, ids: Iterable[UUID]) -> None:
        """Nothing has to look at them once more before the commit."""
        self.tx.learned.awaiting.get(Lead.entity, set[UUID]()).difference_update(ids)

    def _tell(self, service: LeadService, before: Subject, after: Mapping[str, Any]) -> None:
        id, version = before["id"], before["version"] + 1
        names = [name for name in SCORED if after[name] != before[name]]
        self.tx.record(
            "lead.scored",
            entity=Lead.entity,
            record_id=id,
            version=version,
            data={name: after[name] for name in names},
            previous={name: before[name] for name in names},
        )
        service.tell_band(id, version, before["band"], after)

    async def _reckoned(self, subjects: Mapping[UUID, Subject]) -> dict[UUID, dict[str, Any]]:
        """By lead, the scores that rules or models say; the others stay as they are."""
        leads, caps = list(subjects.values()), caps_of(self.tx)
        counted = await self._counted(leads)
        facts = await self.predictions.facts(leads)
        said = await self.predictions.keep(facts)
        found: dict[UUID, dict[str, Any]] = {}
        for id, lead in subjects.items():
            found[id] = values = dict[str, Any]()
            for category, column in COLUMNS.items():
                own = [rule for rule in self.rules if rule["category"] == category]
                if own:
                    points = sum(_given(one, counted[one["id"]].get(id, 0.0)) for one in own)
                    values[column] = total(category, points, caps[category])
            if id in said:
                values["probability"] = said[id]
            elif self.predictions.active is None and lead["probability"] is not None:
                values["probability"] = None
        return found

    async def _counted(self, leads: Sequence[Subject]) -> dict[UUID, dict[UUID, float]]:
        """By rule, for the leads that pass it, how many times its points count."""
        ids = [lead["id"] for lead in leads]
        found: dict[UUID, dict[UUID, float]] = {}
        for rule in self.rules:
            passed = await passing_of(self.tx, LEADS, ids, rule["filter"], unfit=False)
            found[rule["id"]] = await self._of_rule(rule, leads, passed)
        return found

    async def _of_rule(
        self, rule: Subject, leads: Sequence[Subject], passed: Collection[UUID]
    ) -> dict[UUID, float]:
        if rule["event"] is not None:
            # In the order of the ids, so that the same leads make the same statement.
            ids = [lead["id"] for lead in leads if lead["id"] in passed]
            return await Scores(self.tx).counted(ids, rule, self.tx.now) if ids else {}
        if rule["half_life_days"] is None:
            return dict.fromkeys(passed, 1.0)
        field = rule["decays_by"] or _BY_DEFAULT
        return {
            lead["id"]: weight(age, rule["half_life_days"])
            for lead in leads
            if lead["id"] in passed and (age := _age(lead, field, self.tx.now)) is not None
        }


def _given(rule: Subject, times: float) -> float:
    return capped(rule["points"] * times, rule["cap"])


def _age(lead: Subject, field: str, now: datetime) -> float | None:
    """How many days ago a field of a lead says it was; None where it says nothing."""
    if field.startswith("custom."):
        custom: Mapping[str, Any] = lead["custom"] or {}
        text = custom.get(field.removeprefix("custom."))
        at = None if text is None else _moment(text)
    else:
        at = lead[field]
    return None if at is None else (now - at).total_seconds() / _DAY


def _moment(text: str) -> datetime | None:
    """A time as custom fields keep it; a day begins at midnight in UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


async def explained(tx: Tx, id: UUID) -> dict[str, Any]:
    """What the scores of a lead are made of, at one moment."""
    LeadService(tx).need("read")
    async with at_one_moment(tx) as reader:
        return await (await Scoring.of(reader)).explain(id)
