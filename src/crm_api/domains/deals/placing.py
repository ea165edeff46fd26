"""A place for a deal between two others of its column."""

from uuid import UUID

from crm_api.domains.deals.ranks import CEILING, LONGEST, SHORT, between, newest, spread
from crm_api.domains.deals.repository import Deals
from crm_api.kit.errors import Invalid
from crm_api.kit.ids import new_id

# How far around a place ranks are made anew: as far as it takes for them to be short.
_REACHES = (100, 1_000, 10_000, 1_000_000)


class Placing:
    """Finds ranks in one column, which is locked by whoever asks."""

    def __init__(self, deals: Deals, stage_id: UUID, moved: UUID) -> None:
        self._deals, self._stage_id, self._moved = deals, stage_id, moved

    async def rank(self, *, before: UUID | None, after: UUID | None) -> str:
        """A rank just before or just after a deal; raises `Invalid` where that is not there."""
        anchor, name = (before, "before") if before is not None else (after, "after")
        own = None if anchor is None else await self._deals.rank_of(anchor, self._stage_id)
        if anchor is None or own is None or anchor == self._moved:
            message = "There is no such other deal in the stage."
            raise Invalid.at(f"/{name}", "unknown_reference", message)
        found = await self._found((own, anchor), below=before is not None)
        if found is None:
            await self._spread((own, anchor))
            own = await self._deals.rank_of(anchor, self._stage_id)
            assert own is not None
            found = await self._found((own, anchor), below=before is not None)
        assert found is not None
        return found

    async def _found(self, at: tuple[str, UUID], *, below: bool) -> str | None:
        """None where there is no short rank in between."""
        beside = (await self._beside(at, 2, above=not below))[1:]
        if below:
            low, high = (beside[0][1] if beside else ""), at[0]
        else:
            low, high = at[0], (beside[0][1] if beside else _end(at[0]))
        if low >= high:
            return None
        rank = between(low, high)
        return rank if len(rank) <= LONGEST else None

    async def _spread(self, at: tuple[str, UUID]) -> None:
        """Rank the deals around a place anew, in the order in which they are."""
        for reach in _REACHES:
            lower = await self._beside(at, reach + 1, above=False)
            upper = (await self._beside(at, reach + 2, above=True))[1:]
            low = lower.pop()[1] if len(lower) > reach else ""
            high = upper.pop()[1] if len(upper) > reach else None
            ids = [id for id, _ in (*reversed(lower), *upper)]
            high = high or _end(upper[-1][1] if upper else at[0])
            if low >= high:
                continue
            ranks = spread(low, high, len(ids))
            if max(map(len, ranks)) <= SHORT or reach == _REACHES[-1]:
                await self._deals.rank(self._stage_id, dict(zip(ids, ranks, strict=True)))
                return

    async def _beside(
        self, at: tuple[str, UUID], limit: int, *, above: bool
    ) -> list[tuple[UUID, str]]:
        return await self._deals.beside(
            self._stage_id, at, but=self._moved, above=above, limit=limit
        )


def _end(last: str) -> str:
    """What comes after the last rank of a column, and before whatever is new."""
    rank = newest(new_id())
    return rank if rank > last else CEILING
