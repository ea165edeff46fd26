"""Keeping tallies: what each record counts for is remembered, so that a change is a difference.

Whoever writes holds the row of the tally's state, so cells are always the sum of what is remembered.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog

from crm_api.domains.reports.tallied import contribution, grain_keys, table_of
from crm_api.kit.crud.feed import LAST, Position
from crm_api.kit.db.tx import Tx
from crm_api.kit.tallying import Tally

log = structlog.get_logger("crm_api.reports")

LEAST = 10_000
"""Of fewer records nothing is added up in advance: to read them takes a few milliseconds."""
STRETCH = 2_000
_LOCK = """
    SELECT tx, seq FROM tally_states WHERE organization_id = $1 AND source = $2 AND tx IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED
"""
_MOVE = "UPDATE tally_states SET tx = $3, seq = $4 WHERE organization_id = $1 AND source = $2"
# Everything before the horizon is complete; of the rest the feed tells later.
_NEWS = """
    SELECT h.horizon, e.* FROM
        (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon) h
    LEFT JOIN LATERAL (SELECT tx, seq, entity, record_id FROM events
        WHERE organization_id = $1 AND (tx, seq) > ($2, $3) AND tx < h.horizon
        ORDER BY tx, seq LIMIT $4) e ON true
    ORDER BY e.tx, e.seq
"""
_BEGIN = """
    INSERT INTO tally_states (organization_id, source, looked_at) VALUES ($1, $2, now())
    ON CONFLICT DO NOTHING
"""
_HOLD = """
    SELECT tx, seq FROM tally_states WHERE organization_id = $1 AND source = $2
    FOR NO KEY UPDATE
"""
_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 AS horizon"
_LOOKED = """
    UPDATE tally_states SET tx = $3, seq = $4, drift = $5, looked_at = now()
    WHERE organization_id = $1 AND source = $2
"""
_NO_CELLS = "DELETE FROM tally_cells WHERE organization_id = $1 AND source = $2"
# What changed since the tally followed is no mistake of it.
_UNTOLD = """
    SELECT count(*) AS number FROM unnest($2::uuid[]) AS wrong (id) WHERE NOT EXISTS (
        SELECT FROM events WHERE organization_id = $1 AND record_id = wrong.id
            AND (tx, seq) > ($3, $4))
"""


class Keeper:
    """One tally of an organization."""

    def __init__(self, tx: Tx, tally: Tally) -> None:
        self.tx, self.tally = tx, tally
        self._own = (tx.organization_id, tally.source)

    async def follow(self) -> bool:
        """Take up what is new; whether there may be more. Nothing while another one is at it."""
        rows = await self.tx.write(_LOCK, *self._own)
        if not rows:
            return False
        place = Position(rows[0]["tx"], rows[0]["seq"])
        _, more = await self._follow(place)
        return more

    async def _follow(self, place: Position) -> tuple[Position, bool]:
        organization_id, source = self._own
        news = await self.tx.fetch(_NEWS, organization_id, place.tx, place.seq, STRETCH)
        rows = [row for row in news if row["tx"] is not None]
        await self._refresh(sorted({r["record_id"] for r in rows if r["entity"] == source}))
        more = len(rows) == STRETCH
        end = Position(news[0]["horizon"] - 1, LAST)
        if more:
            end = Position(rows[-1]["tx"], rows[-1]["seq"])
        end = max(place, end)
        await self.tx.write(_MOVE, *self._own, end.tx, end.seq)
        return end, more

    async def _refresh(self, ids: Sequence[UUID]) -> None:
        """Have some records count for what they are now."""
        if ids:
            await self.tx.write(_forget(self.tally), *self._own, ids)
            await self.tx.write(_remember(self.tally), *self._own, ids)

    async def reconcile(self, least: int = LEAST) -> None:
        """Compare it with all records, mend what is wrong and note how much that was.

        It begins here, once there are enough of them.
        """
        await self.tx.write(_BEGIN, *self._own)
        ((tx, seq),) = await self.tx.write(_HOLD, *self._own)
        is_new = tx is None
        if is_new and not await self._is_worth_it(least):
            await self.tx.write(_LOOKED, *self._own, None, None, None)
            return
        if is_new:
            # Before the records are read: what happens between the two is told later.
            (row,) = await self.tx.fetch(_HORIZON)
            place = Position(row["horizon"], LAST)
        else:
            place, more = Position(tx, seq), True
            while more:
                place, more = await self._follow(place)
        gone = await self.tx.write(_drop_wrong(self.tally), *self._own)
        made = await self.tx.write(_add_missing(self.tally, told=not is_new), *self._own)
        wrong = sorted({row[0] for row in (*gone, *made)})
        drift = None if is_new else await self._untold(wrong, place)
        if drift:
            owner, source = str(self.tx.organization_id), self.tally.source
            log.warning("tally was wrong", organization=owner, source=source, records=drift)
        await self.tx.write(_NO_CELLS, *self._own)
        await self.tx.write(_all_cells(self.tally), *self._own)
        await self.tx.write(_LOOKED, *self._own, place.tx, place.seq, drift)

    async def _is_worth_it(self, least: int) -> bool:
        table = table_of(self.tally)
        rows = await self.tx.fetch(
            f"SELECT count(*) AS number FROM (SELECT FROM {table} WHERE organization_id = $1 "  # noqa: S608
            "AND deleted_at IS NULL LIMIT $2) AS least",
            self.tx.organization_id,
            least,
        )
        return rows[0]["number"] >= least

    async def _untold(self, wrong: Sequence[UUID], place: Position) -> int:
        if not wrong:
            return 0
        own = self.tx.organization_id
        rows = await self.tx.fetch(_UNTOLD, own, wrong, place.tx, place.seq)
        return rows[0]["number"]


def _forget(tally: Tally) -> str:
    gone = (
        "DELETE FROM tally_records WHERE organization_id = $1 AND source = $2 "
        "AND record_id = ANY($3) RETURNING keys, amounts"
    )
    return _changed(tally, gone, "-")


def _remember(tally: Tally) -> str:
    return _changed(tally, f"{_insert(tally)} AND id = ANY($3) RETURNING keys, amounts", "")


def _insert(tally: Tally) -> str:
    return (
        "INSERT INTO tally_records (organization_id, source, record_id, keys, amounts) "  # noqa: S608
        f"SELECT organization_id, $2, id, {contribution(tally)} FROM {table_of(tally)} "
        "WHERE organization_id = $1 AND deleted_at IS NULL"
    )


def _changed(tally: Tally, records: str, sign: str) -> str:
    """Cells with some records more, or fewer."""
    amounts = _each(tally, "tally_cells.amounts[{0}] + excluded.amounts[{0}]")
    known = _each(tally, "tally_cells.known[{0}] + excluded.known[{0}]")
    return (
        f"WITH r AS ({records}) {_cells(tally, sign)} "
        "ON CONFLICT (organization_id, source, grain, keys) DO UPDATE SET "
        "records = tally_cells.records + excluded.records, "
        f"amounts = {amounts}, known = {known}"
    )


def _all_cells(tally: Tally) -> str:
    records = "SELECT keys, amounts FROM tally_records WHERE organization_id = $1 AND source = $2"
    return f"WITH r AS ({records}) {_cells(tally, '')}"


def _cells(tally: Tally, sign: str) -> str:
    """What records come to by each grain."""
    grains = [f"({n}, ARRAY[{', '.join(grain_keys(tally, n))}])" for n in range(len(tally.grains))]
    amounts = _each(tally, f"{sign}coalesce(sum(r.amounts[{{0}}]), 0)")
    return (
        "INSERT INTO tally_cells "  # noqa: S608
        "(organization_id, source, grain, keys, records, amounts, known) "
        f"SELECT $1, $2, g.grain, g.keys, {sign}count(*), {amounts}, "
        f"{_each(tally, f'{sign}count(r.amounts[{{0}}])')} "
        f"FROM r CROSS JOIN LATERAL (VALUES {', '.join(grains)}) AS g (grain, keys) "
        "GROUP BY g.grain, g.keys"
    )


def _each(tally: Tally, each: str) -> str:
    return f"ARRAY[{', '.join(each.format(n) for n in range(1, len(tally.sums) + 1))}]"


def _drop_wrong(tally: Tally) -> str:
    return (
        "DELETE FROM tally_records r "  # noqa: S608
        "WHERE organization_id = $1 AND source = $2 AND NOT EXISTS ("
        f"SELECT FROM (SELECT id, {contribution(tally)} FROM {table_of(tally)} "
        "WHERE organization_id = $1 AND deleted_at IS NULL) AS now "
        "WHERE now.id = r.record_id AND now.keys = r.keys AND now.amounts = r.amounts) "
        "RETURNING r.record_id"
    )


def _add_missing(tally: Tally, *, told: bool) -> str:
    missing = (
        "AND NOT EXISTS (SELECT FROM tally_records t WHERE t.organization_id = $1 "
        f"AND t.source = $2 AND t.record_id = {table_of(tally)}.id)"
    )
    return f"{_insert(tally)} {missing}{' RETURNING record_id' if told else ''}"
