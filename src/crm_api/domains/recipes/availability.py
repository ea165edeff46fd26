"""When services could be rendered: the place for whoever keeps people and resources to say so.

It is asked by `ASK.answer`, which those above set; where it knows nothing, as long as its module
is off for instance, nothing is checked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.recipes.asking import MOST_DAYS, ProposalRequest
from crm_api.domains.recipes.goods import Goods
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid

_DAYS = 30
"""So far ahead it is looked where the request does not say."""
Window = tuple[datetime, datetime]


@dataclass(frozen=True)
class Opening:
    """Whether and when a service could be rendered first, and a sentence about it."""

    text: str
    starts_at: datetime | None = None
    never: bool = False
    """Whether it is known that there is no time for it in the window."""


Openings = Mapping[UUID, Opening]
Known = dict[Any, Opening]
"""What was found out for a window before, by whoever is asked, in its own words."""
Answer = Callable[[Tx, Sequence[UUID], Window, Known], Awaitable[Openings | None]]


@dataclass
class Asking:
    """Who is asked; nobody, as long as nothing is known."""

    answer: Answer | None = None
    """Of some products those that take people or resources; None where that is not known."""


ASK = Asking()


def window_of(tx: Tx, asked: ProposalRequest) -> Window:
    """When services are to begin; raises `Invalid` for what is past, or too long."""
    start = max(asked.services_from or tx.now, tx.now)
    end = asked.services_until or start + timedelta(days=_DAYS)
    if end <= start:
        raise Invalid.at("/services_until", "past", "Services cannot begin before now.")
    if end - start > timedelta(days=MOST_DAYS):
        message = f"A window has {MOST_DAYS} days at the most."
        raise Invalid.at("/services_until", "too_long", message)
    return start, end


async def check(tx: Tx, goods: Goods, window: Window, known: Known) -> bool:
    """Note of goods when they could be had, and that some cannot; false where nobody knows."""
    if ASK.answer is None:
        return False
    found = await ASK.answer(tx, sorted(goods.products), window, known)
    if found is None:
        return False
    forms: dict[UUID, list[UUID]] = {}
    for variant in goods.variants.values():
        forms.setdefault(variant.product_id, []).append(variant.id)
    for id in goods.products:
        opening = _of_all(goods, id, found)
        if opening is None:
            continue
        goods.openings[id] = opening.text, opening.starts_at
        if opening.never:
            for form in (None, *forms.get(id, ())):
                goods.failed[id, form] = "not_available", opening.text
    return True


def _of_all(goods: Goods, id: UUID, found: Openings) -> Opening | None:
    """Of a bundle that of what is in it and comes last, or never."""
    inner = [one for one in sorted(goods.contents(id)) if one in found]
    if not inner:
        return None
    last = max(inner, key=lambda one: _order(found[one]))
    if last == id:
        return found[id]
    opening, name = found[last], goods.name_of(last) or "What is in it"
    return Opening(f"{name}: {opening.text}", opening.starts_at, opening.never)


def _order(opening: Opening) -> tuple[bool, float]:
    return opening.never, 0.0 if opening.starts_at is None else opening.starts_at.timestamp()
