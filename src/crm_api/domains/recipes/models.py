"""The table of recipes."""

from typing import Any, Literal

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, one_of, ordered

RecipeStatus = Literal["draft", "active", "archived"]
Customer = Literal["company", "contact"]
Tier = Literal["good", "better", "best"]
TIERS: tuple[Tier, ...] = ("good", "better", "best")


class ProposalRecipe(Named, Entity):
    """What is offered to customers who fit, for needs, in up to three tiers."""

    __tablename__ = "proposal_recipes"
    __table_args__ = (
        one_of("status", RecipeStatus),
        one_of("target", Customer),
        CheckConstraint("valid_days > 0", name="valid_days"),
        *ordered("proposal_recipes", "created_at", "updated_at", "sort_name", "priority"),
        Index(
            "ix_proposal_recipes_active",
            "organization_id",
            "priority",
            "id",
            postgresql_where=text("status = 'active' AND deleted_at IS NULL"),
        ),
    )
    entity = "proposal_recipe"

    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(KeyText)
    target: Mapped[str] = mapped_column(KeyText)
    condition: Mapped[dict[str, Any]]
    needs: Mapped[list[str]]
    priority: Mapped[int]
    sections: Mapped[list[dict[str, Any]]]
    tiers: Mapped[list[dict[str, Any]]]
    language: Mapped[str | None] = mapped_column(KeyText)
    valid_days: Mapped[int | None]
    introduction: Mapped[str | None] = mapped_column(KeyText)
    closing: Mapped[str | None] = mapped_column(KeyText)
    clauses: Mapped[list[dict[str, Any]]]
