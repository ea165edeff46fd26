"""What several deals look like at once: boards, and a deal with what was taken off it."""

from uuid import UUID

from pydantic import Field

from crm_api.domains.deals.pipeline_schemas import StageOut
from crm_api.domains.deals.schemas import DealOut
from crm_api.kit.schema import AmountOut, Shape


class DealParts(Shape):
    """A deal, and what was taken off it."""

    deal: DealOut
    parts: list[DealOut]


class BoardDeals(Shape):
    """The first deals of a column, by their places."""

    data: list[DealOut]
    next_cursor: str | None = Field(
        description="Of `GET /v1/deals?filter[stage_id]=…&sort=rank`, with the filter of the board."
    )


class BoardColumn(Shape):
    """An open stage, and the deals in it that are seen."""

    stage: StageOut
    count: int
    amount: AmountOut | None = Field(
        description="The sum of `base_amount`; null where that is hidden."
    )
    weighted_amount: AmountOut | None = Field(description="The same, times the probabilities.")
    unconverted: int = Field(description="How many have an amount, and no rate for it.")
    deals: BoardDeals


class Board(Shape):
    """A pipeline at a glance."""

    pipeline_id: UUID
    currency: str = Field(description="The organization's, in which sums are.")
    columns: list[BoardColumn]
