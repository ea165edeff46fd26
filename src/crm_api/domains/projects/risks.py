"""What may go wrong in a project, and what does."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.kit.schema import Code, Line, Prose, Schema, Shape

RiskKind = Literal["risk", "issue"]
RiskStatus = Literal["open", "mitigated", "closed"]
MOST = 5
AMBER, RED = 12, 20
"""From which score on an open risk makes a project amber or red."""
Level = Annotated[int, Field(ge=1, le=MOST)]


class Risk(Schema):
    """Something that may go wrong, or that does."""

    key: Code = Field(description="By which it is known in its project.")
    kind: RiskKind = Field("risk", description="An issue is a risk that has come true.")
    title: Line
    probability: Level | None = Field(None, description="From 1 to 5; of a risk alone.")
    impact: Level = Field(description="From 1 to 5.")
    owner_id: UUID | None = Field(None, description="Who sees to it.")
    mitigation: Prose | None = Field(None, description="What is done about it.")
    status: RiskStatus = "open"

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if (self.kind == "risk") == (self.probability is None):
            raise ValueError("a risk has a `probability`, and an issue has none")
        return self


class RiskOut(Shape):
    """Something that may go wrong, or that does."""

    key: str
    kind: RiskKind
    title: str
    probability: int | None
    impact: int
    score: int = Field(description="Probability by impact; an issue is as good as certain (5).")
    owner_id: UUID | None
    mitigation: str | None
    status: RiskStatus


def scored(risk: Risk) -> dict[str, Any]:
    """A risk as it is stored, with its score."""
    score = (risk.probability or MOST) * risk.impact
    return {**risk.model_dump(mode="json"), "score": score}


def pressing(risks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The open ones that make a project amber or red, the worst first."""
    found = [one for one in risks if one["status"] == "open" and one["score"] >= AMBER]
    return sorted(found, key=lambda one: (-one["score"], one["key"]))
