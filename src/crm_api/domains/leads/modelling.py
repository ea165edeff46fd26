"""Models that are learned from past leads: their course, and how far they can be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from uuid import UUID

import numpy as np

from crm_api.domains.leads.events import TrainLeadScores, ask_for_scores
from crm_api.domains.leads.facts import FIELDS, NAMES
from crm_api.domains.leads.learning import Fit, Trained, fit_of
from crm_api.domains.leads.score_models import LeadScoreModel, ModelStatus
from crm_api.domains.leads.score_repository import ScoreModels, Scores
from crm_api.domains.leads.score_schemas import LeadScoreModelCreate, LeadScoreModelUpdate
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.transitions import Way, blocked, need_way, way
from crm_api.kit.db.queued import is_at_work
from crm_api.kit.db.states import have_derived
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Conflict, Fault

ModelVerb = Literal["train", "shadow", "activate", "retire"]
WAYS: Mapping[ModelVerb, Way[ModelStatus]] = {
    "train": way("draft insufficient_data", "training", "training"),
    "shadow": way("draft retired", "shadow", "shadowed"),
    "activate": way("draft shadow retired", "active", "activated"),
    "retire": way("shadow active", "retired", "retired"),
}
IN_USE = frozenset({"shadow", "active"})
_LEARNED = ("kind", "window_days", "stale_days")
_FRESH: Mapping[str, Any] = {
    **dict.fromkeys(("trained_from", "trained_to", "converted_count", "lost_count")),
    "metrics": {},
    "weights": {},
}


class LeadScoreModelService(NamedService[LeadScoreModel]):
    """What past leads have taught."""

    repository = ScoreModels
    area = "lead_rules"
    plural = "lead_score_models"
    personal = Impersonal("What many leads have in common; values that few have are left out.")
    create_shape = LeadScoreModelCreate
    update_shape = LeadScoreModelUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        **_FRESH,
        "status": "draft",
        **dict.fromkeys(("job_id", "activated_at")),
    }
    upserts = False
    records: ScoreModels

    async def prepare(
        self, values: dict[str, Any], current: LeadScoreModel | None
    ) -> dict[str, Any]:
        """What a model has learned from stays as it was; only before that may it be another."""
        values = await super().prepare(values, current)
        if current is not None and current.metrics:
            other = [n for n in _LEARNED if n in values and values[n] != getattr(current, n)]
            if other:
                raise Conflict(
                    "It has learned by that already: make another model.",
                    code="model_trained",
                    faults=[Fault("model_trained", "It stays as it is.", f"/{n}") for n in other],
                )
        return values

    async def remove(self, records: Sequence[LeadScoreModel]) -> None:
        """What is in use cannot be put in the bin; raises `Conflict`."""
        if any(record.status in IN_USE for record in records):
            raise Conflict("The model is in use: retire it first.", code="model_in_use")
        await super().remove(records)

    async def go(self, id: UUID, verb: ModelVerb, expected: int | None = None) -> Any:
        """Have a model be trained anew, tried, active, or retired."""
        self.need("update")
        # Whoever else puts a model to use waits here, so that one is.
        await self.records.lock_use()
        current = await self.locked(id, expected)
        if verb == "train" and await self._is_given_up(current):
            found = WAYS[verb]
        else:
            found = need_way("model", WAYS, current.status, verb)
        if found.after in IN_USE and (faults := _in_the_way(current, found.after)):
            raise blocked(faults)
        values: dict[str, Any] = {"status": found.after}
        if verb == "train":
            values |= {**_FRESH, "job_id": self.tx.enqueue(TrainLeadScores(id))}
        elif verb == "activate":
            values["activated_at"] = self.tx.now
        if found.after in IN_USE:
            await have_derived(self.tx, frozenset({"lead"}))
            await Scores(self.tx).begin()
            for other in await self.records.of_status(found.after):
                await self.change(other, {"status": "retired"}, verb="retired")
            # The unique index must see one go before the other comes.
            await self.tx.flush()
        if found.after in IN_USE or verb == "retire":
            ask_for_scores(self.tx)
        return await self.told(await self.change(current, values, verb=found.event))

    async def _is_given_up(self, current: LeadScoreModel) -> bool:
        """Whether a model is to learn and the job that was to see to it ended without."""
        return current.status == "training" and not await is_at_work(self.tx, current.job_id)

    async def learned(
        self, current: LeadScoreModel, found: Trained | None, grounds: Mapping[str, Any]
    ) -> None:
        """Keep what a model, which is locked, has learned, if that was enough."""
        values: dict[str, Any] = dict(grounds)
        if found is None:
            values["status"] = "insufficient_data"
        else:
            adds = {name: dict(one) for name, one in found.weights.adds.items()}
            values |= {
                "status": "draft",
                "weights": {"base": found.weights.base, "adds": adds},
                "metrics": shown(found.fit),
            }
        await self.change(current, values, verb="trained")


def _in_the_way(model: LeadScoreModel, after: str) -> list[Fault]:
    """What keeps a model from use: that it has not learned, or, to be active, nothing that helps."""
    metrics = model.metrics
    if not metrics:
        return [Fault("untrained", "It has not learned yet.", "/status")]
    if after != "active" or metrics["log_loss"] < metrics["log_loss_baseline"]:
        return []
    message = "Saying the same of every lead is as good: it has learned nothing that helps."
    return [Fault("no_gain", message, "/metrics")]


async def calibration(tx: Tx, id: UUID) -> dict[str, Any]:
    """How far a model can be trusted: by leads that were held out, and by those that ended since."""
    LeadScoreModelService(tx).need("read")
    async with at_one_moment(tx) as reader:
        model = await LeadScoreModelService(reader).records.get(id)
        said = await Scores(reader).live(id)
    counts = (model.converted_count or 0, model.lost_count or 0)
    hidden = tx.actor.hidden("lead")
    weights: list[dict[str, Any]] = [
        {"name": name, "value": value, "contribution": round(adds, 6)}
        for name in NAMES
        if not FIELDS[name] & hidden
        for value, adds in model.weights.get("adds", {}).get(name, {}).items()
    ]
    return {
        "model_id": model.id,
        "status": model.status,
        "held_out": model.metrics or None,
        "live": _live(said, counts),
        "weights": sorted(weights, key=_strength),
    }


def _strength(weight: Mapping[str, Any]) -> tuple[float, str, str]:
    return -abs(weight["contribution"]), weight["name"], weight["value"]


def _live(said: Sequence[tuple[float, bool]], counts: tuple[int, int]) -> dict[str, Any] | None:
    if not said:
        return None
    usual = counts[0] / sum(counts)
    probabilities = np.array([one for one, _ in said], np.float64)
    outcomes = np.array([true for _, true in said], np.float64)
    return shown(fit_of(probabilities, outcomes, usual))


def shown(fit: Fit) -> dict[str, Any]:
    """Measures as they are told."""
    bins = [
        {
            "leads": one.deals,
            "predicted": round(one.predicted, 6),
            "converted": round(one.won, 6),
        }
        for one in fit.bins
    ]
    plain = {n: v for n, v in asdict(fit).items() if n != "bins"}
    rounded = {n: round(v, 6) if isinstance(v, float) else v for n, v in plain.items()}
    return {**rounded, "bins": bins}


def window(model: LeadScoreModel, now: datetime) -> tuple[datetime, datetime | None]:
    """From when on a model learns, and before when what is still open counts as lost."""
    stale = None if model.stale_days is None else now - timedelta(days=model.stale_days)
    return now - timedelta(days=model.window_days), stale
