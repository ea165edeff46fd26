"""What rules for the scores of leads, and what they come to, look like from outside."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints, field_validator

from crm_api.domains.leads.models import Band, ScoreCategory
from crm_api.domains.leads.score_models import ModelKind, ModelStatus
from crm_api.domains.segments.schemas import EventName
from crm_api.kit.schema import Create, Name, Out, Prose, Schema, Shape, Storable, patch_of

_FILTER = "In the filter language; who passes it gets the points."
_POINTS = "Those of `negative` are not above 0."
_EVENT = (
    "The points are for each such tracked event of the contact that the lead is matched with, "
    "or became."
)
_CAP = "How many points, up or down, all events of the rule give at the most."
_HALF_LIFE = (
    "After each so many days points count half: `points * 2 ** (-age / half_life_days)`. The age is "
    "that of the event; without `event` that of `decays_by`."
)
_BY = "The field of leads, a time or a day, that the age goes by; `created_at` if not said."
Days = Annotated[int, Field(ge=1, le=3_650)]
Cap = Annotated[int, Field(ge=1, le=100)]
PropertyName = Annotated[str, StringConstraints(min_length=1, max_length=60)]


class ScoredEvent(Schema):
    """Which tracked events count."""

    did: EventName = Field(examples=["page.viewed"])
    within_days: Days | None = Field(None, description="Only those of so many last days.")
    where: Annotated[dict[PropertyName, Any], Storable, Field(max_length=10)] = Field(
        default_factory=dict,
        description="Properties that they have: texts, numbers or booleans.",
        examples=[{"page": "prices"}],
    )

    @field_validator("where")
    @classmethod
    def _plain(cls, where: dict[str, Any]) -> dict[str, Any]:
        if all(isinstance(value, str | bool | int | float) for value in where.values()):
            return where
        raise ValueError("properties are compared with a text, a number or a boolean")


class LeadScoreRuleCreate(Create):
    """New points for certain leads."""

    name: Name = Field(examples=["Large company"])
    category: ScoreCategory = Field(
        description="Where there are active rules of a category, they alone say that score."
    )
    points: Annotated[int, Field(ge=-100, le=100)] = Field(
        description=f"Those of a category are added up, up to its cap. {_POINTS}"
    )
    is_active: bool = True
    filter: dict[str, Any] = Field(description=_FILTER)
    event: ScoredEvent | None = Field(None, description=_EVENT)
    cap: Cap | None = Field(None, description=_CAP)
    half_life_days: Days | None = Field(None, description=_HALF_LIFE)
    decays_by: Name | None = Field(None, description=_BY, examples=["created_at"])
    description: Prose | None = None


LeadScoreRuleUpdate = patch_of(
    "LeadScoreRuleUpdate",
    LeadScoreRuleCreate,
    required=("category", "points", "is_active", "filter"),
)


class LeadScoreRuleOut(Out):
    """Points for certain leads."""

    name: str
    category: ScoreCategory
    points: int
    is_active: bool
    filter: dict[str, Any] = Field(description=_FILTER)
    event: ScoredEvent | None = Field(description=_EVENT)
    cap: int | None = Field(description=_CAP)
    half_life_days: int | None = Field(description=_HALF_LIFE)
    decays_by: str | None = Field(description=_BY)
    description: str | None


class LeadScoreSettings(Schema):
    """How far the scores of categories go."""

    fit_cap: Cap = Field(100, description="The most that rules of `fit` give together.")
    engagement_cap: Cap = Field(100, description="The most that rules of `engagement` give.")
    negative_cap: Cap = Field(100, description="The most that rules of `negative` take away.")


class LeadScoreSettingsOut(Schema):
    """How far the scores of categories go."""

    fit_cap: int
    engagement_cap: int
    negative_cap: int


class ScoredRule(Shape):
    """A rule, and what it gives a lead now."""

    rule_id: UUID
    name: str
    category: ScoreCategory
    points: int
    passed: bool
    counted: float = Field(
        description="How many times its points count: events, and what is left of them by age."
    )
    given: float = Field(description="Its points so many times, up to its cap.")


class ScoreFactor(Shape):
    """What a fact does to the odds of a lead."""

    name: str = Field(examples=["source"])
    value: str
    contribution: float = Field(
        description="What it adds to the natural logarithm of the odds: above 0 it speaks for it."
    )


class LeadLearnedScore(Shape):
    """How probable it is by the active model that a lead is converted."""

    model_id: UUID
    model_name: str
    kind: ModelKind
    probability: float = Field(description="0 to 1.")
    usual: float = Field(
        description="The probability of a lead of which nothing speaks for or against it. 0 to 1."
    )
    factors: list[ScoreFactor] = Field(description="The strongest first.")
    stored_at: datetime | None = Field(
        description="When what is stored was said; null where nothing is."
    )


class LeadScore(Shape):
    """What the scores of a lead are made of."""

    lead_id: UUID
    fit_score: int | None
    engagement_score: int | None
    negative_score: int | None
    score: int | None
    band: Band | None
    grade: str | None
    probability: int | None
    rules: list[ScoredRule]
    learned: LeadLearnedScore | None = Field(description="Null without an active model.")


class LeadBandChange(Shape):
    """That a lead went into another band."""

    before: Band | None
    band: Band | None
    score: int | None


class LeadScoreModelCreate(Create):
    """What is to be learned from past leads; `…/train` has a job do it."""

    name: Name = Field(examples=["Leads of two years"])
    kind: ModelKind = Field(
        "logistic",
        description="`logistic`: regression, with 50 converted and 50 other leads at least. "
        "`naive_bayes`: with 20, and bolder than it should be.",
    )
    window_days: Annotated[int, Field(ge=30, le=3_650)] = Field(
        730, description="It learns from leads that were captured in so many last days."
    )
    stale_days: Days | None = Field(
        180,
        description="Open leads that are older than this count as not converted; null: none do.",
    )
    description: Prose | None = None


LeadScoreModelUpdate = patch_of(
    "LeadScoreModelUpdate", LeadScoreModelCreate, required=("kind", "window_days")
)


class CalibrationBin(Shape):
    """Leads that were given about the same probability."""

    leads: int
    predicted: float = Field(description="The mean of what was said of them. 0 to 1.")
    converted: float = Field(description="The share of them that was converted.")


class LeadScoreFit(Shape):
    """How well probabilities agreed with what became of leads."""

    leads: int
    converted: int
    auc: float | None = Field(
        description="The area under the ROC curve: 0.5 is chance. Null without both outcomes."
    )
    brier: float = Field(description="The mean square of what it was off by; 0 is perfect.")
    brier_baseline: float = Field(description="The same of saying the same of all of them.")
    log_loss: float
    log_loss_baseline: float
    calibration_error: float = Field(
        description="How far `predicted` was off `converted`, on the average over the bins."
    )
    bins: list[CalibrationBin] = Field(description="Up to ten, of as many leads each.")


class LeadScoreModelOut(Out):
    """What past leads have taught."""

    name: str
    kind: ModelKind
    window_days: int
    stale_days: int | None
    description: str | None
    status: ModelStatus = Field(
        description="`draft`: to be trained, or trained and not used yet. `insufficient_data`: too "
        "few leads were converted, or not. `shadow`: what it says is kept, and not shown."
    )
    trained_from: datetime | None
    trained_to: datetime | None
    converted_count: int | None = Field(description="How many converted leads it learned from.")
    lost_count: int | None
    metrics: dict[str, Any] = Field(
        description="A `LeadScoreFit`: how the last quarter of the leads is told by a model of the "
        "others. Empty before it is trained."
    )
    job_id: UUID | None = Field(description="The job that trains it.")
    activated_at: datetime | None


class LeadScoreWeight(Shape):
    """What a value of a fact adds."""

    name: str
    value: str
    contribution: float


class LeadScoreCalibration(Shape):
    """How far a model can be trusted."""

    model_id: UUID
    status: ModelStatus
    held_out: LeadScoreFit | None = Field(
        description="The last quarter of the sample, told by a model of the others."
    )
    live: LeadScoreFit | None = Field(
        description="Leads that have ended since, by what was said of them last while it was in use."
    )
    weights: list[LeadScoreWeight] = Field(description="The strongest first.")
