"""The work that price lists ask for."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class CheckPriceList(Message):
    """Find the prices of a list that look wrong."""

    kind = "prices.check"
    lane = "bulk"
    price_list_id: UUID


@dataclass(frozen=True)
class WatchPriceList(Message):
    """Find the prices of a list that look wrong, and tell its owner of what is new."""

    kind = "prices.watch"
    lane = "bulk"
    price_list_id: UUID

    def order(self) -> str | None:
        """What is done with one list waits for one another."""
        return str(self.price_list_id)


@dataclass(frozen=True)
class CopyRules(Message):
    """Copy the rules of a list into another one, up to the one that was the last when asked."""

    kind = "prices.copy"
    lane = "bulk"
    source: UUID
    target: UUID
    until: UUID

    def order(self) -> str | None:
        """Changes of one list wait for one another."""
        return str(self.target)


@dataclass(frozen=True)
class AdjustRules(Message):
    """Change the fixed prices of a list, up to the rule that was the last when asked."""

    kind = "prices.adjust"
    lane = "bulk"
    price_list_id: UUID
    until: UUID
    adjustment: dict[str, Any]
    """As it was asked for (`AdjustInput`)."""

    def order(self) -> str | None:
        """Changes of one list wait for one another."""
        return str(self.price_list_id)
