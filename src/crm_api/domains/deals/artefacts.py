"""What there may have to be of a deal, such as an accepted quote; upper domains say what is there."""

from collections.abc import Awaitable, Callable, Collection
from uuid import UUID

from crm_api.kit.db.tx import Tx

Artefact = Callable[[Tx, Collection[UUID]], Awaitable[set[UUID]]]
"""Which of some deals have it, whoever asks."""
ARTEFACTS: dict[str, Artefact] = {}
"""By their names, which stages and pipelines ask for."""
