"""What the models in use say of leads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from crm_api.domains.deals.scoring import logistic
from crm_api.domains.leads.facts import FIELDS, NAMES, facts_of
from crm_api.domains.leads.learning import Weights
from crm_api.domains.leads.score_repository import ScoreModels, Scores
from crm_api.domains.leads.states import ENDED
from crm_api.kit.db.json import encode
from crm_api.kit.db.memory import Key
from crm_api.kit.db.tx import Tx

TOP = 8
"""So many factors are kept of each lead."""
_MEMORY = "lead_score_weights"


@dataclass(frozen=True)
class Model:
    """A model in use."""

    id: UUID
    name: str
    kind: str
    is_active: bool
    weights: Weights


class Predictions:
    """Says how probable it is that leads are converted, by the active model and that on trial."""

    def __init__(self, tx: Tx, models: Sequence[Model]) -> None:
        self.tx, self.models = tx, models

    @classmethod
    async def of(cls, tx: Tx) -> "Predictions":
        """Those of the models that are in use now."""
        records = ScoreModels(tx)
        return cls(tx, [await _known(records, row) for row in await records.in_use()])

    @property
    def active(self) -> Model | None:
        """The one whose word counts."""
        return next((model for model in self.models if model.is_active), None)

    async def facts(self, subjects: Sequence[Mapping[str, Any]]) -> dict[UUID, Any]:
        """The facts of leads that have not ended, as things are now."""
        open_ = [one for one in subjects if one["status"] not in ENDED]
        if not (self.models and open_):
            return {}
        deeds = await Scores(self.tx).deeds([one["id"] for one in open_], self.tx.now)
        return {one["id"]: facts_of(one, deeds.get(one["id"], 0)) for one in open_}

    async def keep(self, facts: Mapping[UUID, Any]) -> dict[UUID, int]:
        """Keep what the models say; by lead what the active one says, in percent."""
        rows: list[tuple[UUID, UUID, float, str, str]] = []
        said: dict[UUID, int] = {}
        for id, own in facts.items():
            digest = sha256(encode(own)).hexdigest()[:16]
            for model in self.models:
                probability = logistic(model.weights.odds(NAMES, own))
                factors = encode(told(model.weights, own)[:TOP]).decode()
                rows.append((id, model.id, probability, factors, digest))
                if model.is_active:
                    said[id] = round(100 * probability)
        await Scores(self.tx).store(rows)
        return said

    async def explained(self, lead: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the active model says of a lead now, and why, as far as its facts are shown."""
        model = self.active
        if model is None:
            return None
        deeds = await Scores(self.tx).deeds([lead["id"]], self.tx.now)
        facts = facts_of(lead, deeds.get(lead["id"], 0))
        hidden = self.tx.actor.hidden("lead")
        return {
            "model_id": model.id,
            "model_name": model.name,
            "kind": model.kind,
            "probability": round(logistic(model.weights.odds(NAMES, facts)), 6),
            "usual": round(logistic(model.weights.base), 6),
            "factors": [
                one for one in told(model.weights, facts) if not FIELDS[one["name"]] & hidden
            ],
            "stored_at": await Scores(self.tx).stored_at(lead["id"], model.id),
        }


def told(weights: Weights, facts: Sequence[str | None]) -> list[dict[str, Any]]:
    """The factors of a lead as they are shown."""
    return [
        {"name": name, "value": value, "contribution": round(adds, 6)}
        for name, value, adds in weights.factors(NAMES, facts)
    ]


async def _known(records: ScoreModels, row: Any) -> Model:
    """A model with what it learned, which every process keeps for a while."""
    tx, id = records.tx, row["id"]
    key: Key = (_MEMORY, tx.organization_id, id)
    weights = tx.database.memory.get(key)
    if weights is None:
        stored = await records.weights(id)
        weights = Weights(stored["base"], stored["adds"])
        tx.database.memory.put(key, weights)
    return Model(id, row["name"], row["kind"], row["status"] == "active", weights)
