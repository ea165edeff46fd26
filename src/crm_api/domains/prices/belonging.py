"""Which segments customers belong to, by what is known of them: the place for whoever keeps them.

A price list for a segment is for its members when its `audience_key` is the id of the segment;
other keys count where they are named. It is the same whoever asks, as prices are.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.db.tx import Tx

Answer = Callable[[Tx, Collection[UUID]], Awaitable[list[str]]]


@dataclass
class Belonging:
    """Who is asked; nobody, as long as nothing is known."""

    answer: Answer | None = None
    """The ids, as texts, of the segments that some records belong to now."""


BELONGING = Belonging()


def is_of_segment(audience: str, key: str | None) -> bool:
    """Whether a list is for the members of a segment, and not for whom a price is asked as such."""
    try:
        UUID(key or "")
    except ValueError:
        return False
    return audience == "segment"


async def segments_of(tx: Tx, *ids: UUID | None) -> list[str]:
    """The segments that a company or a contact belongs to; none where segments are off."""
    given = [id for id in ids if id is not None]
    closed = tx.actor.closed.get("segments") if tx.actor.closed else None
    is_open = closed is None or closed.opens_to("read")
    if BELONGING.answer is None or not given or not is_open:
        return []
    return await BELONGING.answer(tx, given)
