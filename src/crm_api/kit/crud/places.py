"""Where a consumer of the feed stands: its row moves on in the transaction of what it made of it."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.crud.feed import LAST, Position
from crm_api.kit.db.base import KeyText
from crm_api.kit.db.tx import Tx

# Everything before it is complete, so a consumer begins to read there.
HORIZON = text("(pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)")
SNAPSHOT = text("(pg_current_snapshot()::text)")


class Place:
    """The columns of a place in the feed; a new row stands at its end."""

    tx: Mapped[int] = mapped_column(BigInteger, server_default=HORIZON)
    seq: Mapped[int] = mapped_column(BigInteger, server_default=text(str(LAST)))
    begun: Mapped[str] = mapped_column(KeyText, server_default=SNAPSHOT)
    """The snapshot of its beginning: what was there by then is not for it."""


class Places:
    """The places of the consumers in one table, by the column that names a consumer."""

    def __init__(self, tx: Tx, table: str, column: str) -> None:
        self._tx = tx
        mine = f"WHERE organization_id = $1 AND {column} = $2"
        self._lock = f"SELECT tx, seq, begun FROM {table} {mine} FOR NO KEY UPDATE SKIP LOCKED"  # noqa: S608
        self._move = f"UPDATE {table} SET tx = $3, seq = $4 {mine}"  # noqa: S608

    async def lock(self, id: UUID) -> tuple[Position, str] | None:
        """Where a consumer stands and the snapshot it began with; None while another is at it."""
        rows = await self._tx.write(self._lock, self._tx.organization_id, id)
        return (Position(rows[0]["tx"], rows[0]["seq"]), rows[0]["begun"]) if rows else None

    async def move(self, id: UUID, to: Position) -> None:
        """Have a consumer stand elsewhere in the feed."""
        await self._tx.write(self._move, self._tx.organization_id, id, to.tx, to.seq)


class FeedPlace:
    """How far the feed has been read for an organization, in a table with a row for each."""

    def __init__(self, tx: Tx, table: str) -> None:
        self._tx = tx
        made = f"INSERT INTO {table} (organization_id"
        self._begin = f"{made}) VALUES ($1) ON CONFLICT DO NOTHING"
        self._begin_whole = f"{made}, tx, seq) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING"
        mine = "WHERE organization_id = $1"
        self._lock = f"SELECT tx, seq FROM {table} {mine} FOR NO KEY UPDATE SKIP LOCKED"  # noqa: S608
        self._move = f"UPDATE {table} SET tx = $2, seq = $3 {mine}"  # noqa: S608

    async def begin(self) -> None:
        """Read what happens from now on, unless it is read already."""
        await self._tx.write(self._begin, self._tx.organization_id)

    async def begin_whole(self) -> None:
        """Read all that has ever happened, unless it is read already."""
        await self._tx.write(self._begin_whole, self._tx.organization_id)

    async def lock(self) -> Position | None:
        """How far it has been read; None while another is at it."""
        rows = await self._tx.write(self._lock, self._tx.organization_id)
        return Position(rows[0]["tx"], rows[0]["seq"]) if rows else None

    async def move(self, to: Position) -> None:
        """Have it been read up to there."""
        await self._tx.write(self._move, self._tx.organization_id, to.tx, to.seq)


def began_after(begun: str, row: Any) -> bool:
    """Whether an event was not there yet in a snapshot, as PostgreSQL writes it."""
    oldest, next_, running = begun.split(":")
    number = row["tx"]
    if number < int(oldest):
        return False
    return number >= int(next_) or str(number) in running.split(",")
