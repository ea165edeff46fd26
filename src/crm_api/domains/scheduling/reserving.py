"""Bookings that are reserved for a deal or a project: decided with it, in the same transaction.

Whoever decides has locked the deal or project; then come its bookings in the order of their ids, and
all resources of these in the order of theirs. Whoever reserves holds the same lock, shared, before
any resource (`standing.py`), so that nothing is reserved for what is being decided.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.winning import Win
from crm_api.domains.projects.models import Project
from crm_api.domains.scheduling.allocating import Allocations
from crm_api.domains.scheduling.models import Booking
from crm_api.domains.scheduling.service import BookingService, is_over
from crm_api.domains.scheduling.standing import standing_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault

_RESERVED = """
    SELECT id FROM bookings
    WHERE organization_id = $1 AND reserved_for = $2 AND deleted_at IS NULL
        AND status IN ('held', 'confirmed')
        AND {column} = $3
    ORDER BY id
"""


async def follow_deal(tx: Tx, deal: Deal) -> None:
    """Have what is reserved for a deal go on with it, or be free again."""
    await Reservations(tx).follow(deal)


async def follow_project(tx: Tx, project: Project) -> None:
    """The same of a project; what is finished keeps what was booked for it."""
    if project.status not in {"completed", "accepted"} or project.deleted_at is not None:
        await Reservations(tx).follow(project)


class Reservations:
    """What is reserved for deals and projects; whoever asks has locked these."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.bookings = BookingService(tx)

    async def follow(self, record: Deal | Project) -> None:
        """Confirm what is held for it, or cancel what has not begun."""
        kind, deleted = record.entity, record.deleted_at is not None
        standing = standing_of(kind, record.status, deleted=deleted)
        if standing == "waiting":
            return
        found = await self.of(kind, record.id)
        now = self.tx.now
        if standing == "going":
            values: dict[str, Any] = {"status": "confirmed", "hold_expires_at": None}
            found = [one for one in found if one.status == "held" and not is_over(one, self.tx)]
        else:
            why = f"{kind}_deleted" if deleted else f"{kind}_{record.status}"
            values = {"status": "cancelled", "cancel_reason": why}
            found = [one for one in found if one.status == "held" or one.starts_at > now]
        await Allocations(self.tx).lock_of([one.id for one in found])
        for one in found:
            changed = {**values, "decided_at": now}
            await self.bookings.change(one, changed, verb=values["status"])

    async def of(self, kind: str, id: UUID) -> list[Booking]:
        """What is held for a deal or a project or confirmed with it, locked, whoever asks."""
        await self.tx.flush()
        sql = _RESERVED.format(column=f"{kind}_id")
        rows = await self.tx.fetch(sql, self.tx.organization_id, kind, id)
        ids = [row["id"] for row in rows]
        if not ids:
            return []
        found = await self.bookings.records.locked(ids, everywhere=True)
        return [one for one in found if one.status in {"held", "confirmed"}]


class BookingsOfDeal:
    """A step of winning a deal: what is reserved for it belongs to the project that was made of it.

    So that a deal that is reopened and lost does not take away what the project is about to use.
    """

    async def blockers(self, win: Win) -> Sequence[Fault]:
        """Nothing."""
        del win
        return ()

    async def follow(self, win: Win) -> None:
        """Hand it over."""
        project_id = win.made.get("project_id")
        if project_id is None:
            return
        reservations = Reservations(win.tx)
        for one in await reservations.of("deal", win.deal.id):
            values = {"project_id": project_id, "reserved_for": "project"}
            await reservations.bookings.change(one, values)
