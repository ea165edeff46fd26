"""What follows from a deal that is won, in the same transaction: a port for those above."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol
from uuid import UUID

from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.schemas import DealWin
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault


@dataclass
class Win:
    """A deal that is being won, which is locked, and what was made of it so far."""

    tx: Tx
    deal: Deal
    data: DealWin
    made: dict[str, UUID] = field(default_factory=dict[str, UUID])
    """By the names of the answer, `order_id` and `project_id`: earlier steps leave it to later."""


class Consequence(Protocol):
    """A step that belongs to winning."""

    async def blockers(self, win: Win) -> Sequence[Fault]:
        """What stands in its way, told with all else that does; nothing is changed."""
        ...

    async def follow(self, win: Win) -> None:
        """Do it, once the deal is won; whatever is raised undoes the win."""
        ...


class Consequences:
    """The steps, in the order in which they were registered: those of lower domains first."""

    steps: ClassVar[list[Consequence]] = []

    @classmethod
    async def blockers(cls, win: Win) -> list[Fault]:
        """What stands in the way of any of them."""
        return [fault for step in cls.steps for fault in await step.blockers(win)]

    @classmethod
    async def follow(cls, win: Win) -> None:
        """Do all of them."""
        for step in cls.steps:
            await step.follow(win)
