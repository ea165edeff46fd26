"""Going from one consumer to the next, whoever they belong to."""

import asyncio
import random
import time
from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

import structlog

from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, ModuleClosed
from crm_api.kit.jobs import Workplace

log = structlog.get_logger("crm_api.worker")

BATCH = 50
LEAST_REST_S, LONGEST_REST_S = 1.0, 60.0
"""So long one at whom something is broken is left alone, twice as long each time."""


class Resting:
    """Those at whom something is broken: left alone for a while, twice as long each time."""

    def __init__(self) -> None:
        self._rests: dict[UUID, tuple[float, float]] = {}
        """Since when one is left alone, and for how many seconds."""

    def now(self) -> list[UUID]:
        """Who is left alone at this moment; whoever nothing was heard of for long is forgotten."""
        now = time.monotonic()
        self._rests = {
            id: rest for id, rest in self._rests.items() if now < rest[0] + 2 * LONGEST_REST_S
        }
        return [id for id, (since, rest_s) in self._rests.items() if now < since + rest_s]

    def add(self, ids: Iterable[UUID]) -> None:
        """Leave some alone."""
        for id in ids:
            _, rest_s = self._rests.get(id, (0.0, LEAST_REST_S / 2))
            self._rests[id] = time.monotonic(), min(rest_s * 2, LONGEST_REST_S)

    def remove(self, ids: Iterable[UUID]) -> None:
        """All is well with some."""
        for id in ids:
            self._rests.pop(id, None)


class Rounds:
    """A watcher that attends to each in a transaction of its own; several workers may be at it."""

    sql: ClassVar[str]
    """Whom there is something to do for, at most `$1`: `organization_id` and `id`."""
    abreast: ClassVar[int] = 1
    """How many transactions attend to one of whom there is more to do: while the database works
    for one of them, another one goes on. Each has to take what the others leave."""

    leaves: ClassVar[bool] = False
    """Whether it leaves rows for others to look at without an event, which would ring for them."""

    def __init__(self, place: Workplace) -> None:
        self.database = place.database
        self._wake = place.wake if self.leaves else place.again
        self._more: set[UUID] = set()
        self._resting = Resting()

    async def look(self) -> bool | None:
        """Do what there is; whether there may be more at once, None where nothing was done."""
        before, self._more = self._more, set()
        acted = False
        resting = set(self._resting.now())
        found = await self.database.ask(self.sql, BATCH + len(resting))
        # In another order than the other workers, who would each be a step behind at every one.
        for row in random.sample(found, len(found)):
            id = row["id"]
            if id in resting:
                continue
            works = (self._work(row) for _ in range(self.abreast if id in before else 1))
            # All of them end before anything is raised: none goes on by itself.
            done = await asyncio.gather(*works, return_exceptions=True)
            for one in done:
                if isinstance(one, BaseException):
                    raise one
            acted = acted or any(one is not None for one in done)
            if any(done):
                self._more.add(id)
        # Where nothing could be done nobody has to look: waking oneself would go on for ever.
        if not acted:
            return None
        self._wake()
        return bool(self._more)

    async def acting(self, row: Any) -> Actor:
        """Who attends to one of them: the system, unless somebody else is said; raises `CrmError`."""
        return Actor(row["organization_id"], "system", scopes=frozenset({"*"}))

    async def _work(self, row: Any) -> bool | None:
        id: UUID = row["id"]
        try:
            actor = await self.acting(row)
            await self.database.catalogues.of(actor.organization_id, is_fresh=True)
            async with unit_of_work(Tx(self.database, actor)) as tx:
                more = await self.attend(tx, id)
            self._resting.remove([id])
            return more
        except ModuleClosed:
            # It goes on where it stands once its organization opens the module again.
            return None
        except CrmError as error:
            # One's trouble is not the others'.
            log.warning("cannot attend", to=str(id), error=error.detail)
            return None
        except Exception:
            log.exception("cannot attend", to=str(id))
            self._resting.add([id])
            return None

    async def attend(self, tx: Tx, id: UUID) -> bool | None:
        """Do what there is for one of them; whether there may be more at once.

        None where nothing could be done.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is kept."""
