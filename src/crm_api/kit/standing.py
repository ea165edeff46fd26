"""How a part of the product fares in an organization: its section of `GET /v1/system/status`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from crm_api.kit.db.tx import Tx

MOST = 10_000
"""What is counted is counted up to here: a backlog of millions must not cost a scan of it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A section: what it is called, how it looks, and how it is found out."""

    name: str
    out: type[BaseModel]
    read: Callable[[Tx], Awaitable[dict[str, Any]]]


def age_s(since: datetime | None, now: datetime) -> float:
    """How many seconds ago that was; 0 where there is nothing, or where clocks differ."""
    return 0.0 if since is None else round(max((now - since).total_seconds(), 0.0), 3)
