"""The picture of a customer: what each part shows of its own records in it.

`domains/customers` asks the sections and the signals, and puts the picture together.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.touchpoints import Department

Group = Literal["people", "work", "money", "products", "promises"]
Component = Literal["recency", "service", "delivery", "finance", "relationship", "sentiment"]


@dataclass(frozen=True, slots=True)
class Customer:
    """Whom a picture is of."""

    company_ids: Sequence[UUID]
    """The company; of a contact's picture none."""
    contact_ids: Sequence[UUID]
    """The contact; of a company's picture its people that the reader sees."""
    as_of: datetime | None = None
    """The moment of the picture; None for now."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What a part counts of a company."""

    count: int = 0
    amount: Decimal | None = None
    """In the organization's currency; None where nothing is summed up, or the field is hidden."""
    is_whole: bool = True
    """False where records have amounts that could not be converted, which `amount` lacks."""

    def __add__(self, other: "Sum") -> "Sum":
        """Both together."""
        amounts = [one for one in (self.amount, other.amount) if one is not None]
        return Sum(
            self.count + other.count,
            sum(amounts, Decimal(0)) if amounts else None,
            self.is_whole and other.is_whole,
        )


@dataclass(frozen=True)
class RollUp:
    """What a part adds up along the hierarchy of companies."""

    name: str
    """Such as `open_deals`; unique in the product."""
    area: str
    """A reader without it gets none."""
    load: Callable[[Tx, Sequence[UUID], str], Awaitable[Mapping[UUID, Sum]]]
    """The sums of many companies, each for itself, of the records that the reader sees, in the
    organization's currency and a constant number of statements."""


Load = Callable[[Tx, Customer], Awaitable[Mapping[str, Any] | Sequence[Any] | None]]


@dataclass(frozen=True)
class Section:
    """What a part shows of a customer."""

    name: str
    """Such as `open_deals`; unique in the product."""
    department: Department
    load: Load
    """In a constant number of statements and as the reader of the transaction may see it: rights,
    masks and what is switched off count. None where the reader may not."""
    group: Group = "work"
    """Where it stands in the picture."""
    areas: Sequence[str] = ()
    """The areas it reads, such as `deals`: a reader without one of them gets no section."""
    as_of: bool = False
    """Whether it tells of the past; else it says at a moment that it does not."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a part knows of how a company fares."""

    value: Decimal
    """From 0, bad, to 1, well."""
    reason: str
    """A key of the reasons that `domains/customers` words, such as `escalated_cases`."""
    count: int = 0
    """What the reason counts."""


@dataclass(frozen=True)
class Signal:
    """What a part adds to the health of companies, by figures that all readers share."""

    component: Component
    load: Callable[[Tx, Sequence[UUID], datetime], Awaitable[Mapping[UUID, Reading]]]
    """The readings of many companies at a moment, in a constant number of statements; companies
    of which nothing is known are left out."""
    area: str
    """A reader without it does not get the component; with its module off it does not count."""
