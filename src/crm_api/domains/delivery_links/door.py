"""What whoever has a link of a project may do: see what was delivered, accept and reject it.

The link itself is the actor, with the rights that these need and no others.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from crm_api.domains.delivery_links.models import DeliveryLink, Did
from crm_api.domains.delivery_links.repository import AREA, OPENING
from crm_api.domains.delivery_links.schemas import DeliveryAcceptance, DeliveryRefusal
from crm_api.domains.delivery_links.service import TOKENS, DeliveryLinkService
from crm_api.domains.projects.delivering import DeliverableService
from crm_api.domains.projects.models import Deliverable
from crm_api.domains.projects.states import CLOSED
from crm_api.domains.projects.work_schemas import Acceptance, Rejection
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound, WrongState
from crm_api.kit.links.opening import Caller, LinkDoor, Opened, ended

_AREAS = ("projects", AREA)
OPENED = Opened(TOKENS, OPENING, frozenset(f"{area}:write" for area in _AREAS))
_SHOWN = (
    *("id", "name", "description", "quantity", "delivered_quantity", "delivered_on", "due_on"),
    *("status", "decided_at", "decided_by", "rejection_reasons"),
)


class DeliveryDoor(LinkDoor):
    """A project as one link opens it."""

    areas = _AREAS
    service = DeliveryLinkService
    links: DeliveryLinkService

    def __init__(self, tx: Tx, caller: Caller) -> None:
        super().__init__(tx, caller)
        self.promised = DeliverableService(tx)

    async def read(self, did: Did | None) -> dict[str, Any]:
        """What was delivered; that it was seen is written down, unless `did` is None.

        Raises `Ended`.
        """
        self.require("read")
        link = await self.link(lock=False)
        names = await self._names(link)
        if did is not None and self.is_writable:
            await self._note(link, did)
            if link.first_viewed_at is None:
                await self.view()
        is_open = await self.promised.records.project_status(link.project_id) not in CLOSED
        handed = await self.promised.records.handed_over(link.project_id)
        return {
            **names,
            "deliverables": [_handed(one, is_open=is_open) for one in handed],
            "expires_at": link.expires_at,
        }

    async def accept(self, id: UUID, data: DeliveryAcceptance) -> dict[str, Any]:
        """Once; raises `NotFound`, `WrongState`."""
        said = Acceptance(decided_by=data.name)
        return await self._decide(id, data.name, "accepted", lambda: self.promised.accept(id, said))

    async def reject(self, id: UUID, data: DeliveryRefusal) -> dict[str, Any]:
        """For a reason; it may be submitted again."""
        said = Rejection(decided_by=data.name, reasons=[data.reason])
        return await self._decide(id, data.name, "rejected", lambda: self.promised.reject(id, said))

    async def _decide(
        self, id: UUID, name: str, did: Did, act: Callable[[], Any]
    ) -> dict[str, Any]:
        self.require("write")
        link = await self.link(lock=True)
        await self._names(link)
        current = await self.promised.records.find(id, lock=True)
        if current is None or current.project_id != link.project_id or current.status == "draft":
            raise NotFound("Nothing like that was delivered.", code="no_deliverable")
        if current.status in {"accepted", "rejected"}:
            by = await self.links.records.decided_by_link(id)
            raise WrongState(
                f"It was {current.status} already.",
                code=f"already_{current.status}",
                details={"by_this_link": by == link.id},
            )
        shown = await act()
        await self._note(link, did, id, name)
        return {
            "id": id,
            "status": shown.status,
            "decided_at": shown.decided_at,
            "decided_by": name,
        }

    # Steps

    async def _names(self, link: DeliveryLink) -> dict[str, Any]:
        names = await self.links.records.names(link.project_id)
        if names is None:
            raise ended("The project is not there any more.")
        return names

    async def _note(
        self, link: DeliveryLink, did: Did, id: UUID | None = None, name: str | None = None
    ) -> None:
        await self.links.records.note(
            {
                "project_id": link.project_id,
                "link_id": link.id,
                "deliverable_id": id,
                "did": did,
                "name": name,
                "at": self.tx.now,
                **self.caller.shown,
            }
        )


def _handed(one: Deliverable, *, is_open: bool) -> dict[str, Any]:
    may = is_open and one.status == "submitted"
    return {
        **{name: getattr(one, name) for name in _SHOWN},
        "can_accept": may and one.delivered_quantity >= one.quantity,
        "can_reject": may,
    }
