"""Whether what services take is free: the place for whoever keeps resources to say so.

No part of the product keeps people and resources yet. One that does sets `ASK.answer`; a product
that it names is then left out, with what it says.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.db.tx import Tx

Answer = Callable[[Tx, Sequence[UUID]], Awaitable[dict[UUID, str]]]


@dataclass
class Asking:
    """Who is asked; nobody, as long as nothing is known."""

    answer: Answer | None = None
    """Of some products those that nobody could render, and why."""


ASK = Asking()
