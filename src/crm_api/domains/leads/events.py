"""The work that leads and rules ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.db.tables import JobRow
from crm_api.kit.db.tx import Tx
from crm_api.kit.messages import Message


@dataclass(frozen=True)
class DistributeLeads(Message):
    """Give the waiting leads of an organization to somebody."""

    kind = "leads.distribute"
    max_attempts = 50

    anew: bool = False
    """Also those that nobody could be found for before."""

    def order(self) -> str | None:
        """One after the other."""
        return "lead_distribution"


@dataclass(frozen=True)
class PlanLeads(Message):
    """Plan who gets which leads, and carry it out if that is wanted."""

    kind = "leads.plan"
    lane = "bulk"
    max_attempts = 50

    plan_id: UUID
    limit: int
    preview: bool


@dataclass(frozen=True)
class CommitPlan(Message):
    """Give leads as a plan says."""

    kind = "leads.commit_plan"
    lane = "bulk"
    max_attempts = 50

    plan_id: UUID


@dataclass(frozen=True)
class ScoreLeads(Message):
    """Reckon the scores of all leads of an organization anew."""

    kind = "leads.score"
    lane = "bulk"
    max_attempts = 50

    def order(self) -> str | None:
        """One after the other."""
        return "lead_scores"


@dataclass(frozen=True)
class TrainLeadScores(Message):
    """Have a model learn from past leads."""

    kind = "leads.train"
    lane = "bulk"
    max_attempts = 20

    model_id: UUID

    def order(self) -> str | None:
        """One after the other."""
        return "lead_score_models"


def ask_for_scores(tx: Tx) -> None:
    """Have them reckoned after the commit, once for all that this transaction changes."""
    if all(job["kind"] != ScoreLeads.kind for job in tx.kept(JobRow)):
        tx.enqueue(ScoreLeads())


def ask_for_distribution(tx: Tx, *, anew: bool = False) -> None:
    """Have it done after the commit, once for all that this transaction changes."""
    if all(job["kind"] != DistributeLeads.kind for job in tx.kept(JobRow)):
        tx.enqueue(DistributeLeads(anew))
