"""What whoever has a link of a case may do: rate how it was closed, once.

The link itself is the actor, with the rights that this needs and no others; the rating is that of
the case's own action, under its lock.
"""

from typing import Any

from crm_api.domains.case_links.repository import AREA, OPENING
from crm_api.domains.case_links.service import TOKENS, CaseLinkService
from crm_api.domains.cases.actions import CaseActions
from crm_api.domains.cases.schemas import CaseScore
from crm_api.kit.errors import Conflict
from crm_api.kit.links.opening import LinkDoor, Opened, ended

_AREAS = ("cases", AREA)
OPENED = Opened(TOKENS, OPENING, frozenset(f"{area}:write" for area in _AREAS))
_SHOWN = ("number", "subject", "supplier", "closed_at")


class CaseDoor(LinkDoor):
    """A case as one link opens it."""

    areas = _AREAS
    service = CaseLinkService
    links: CaseLinkService

    async def read(self, *, is_seen: bool) -> dict[str, Any]:
        """What is rated; that it was seen is written down if it was. Raises `Ended`."""
        self.require("read")
        link = await self.link(lock=False)
        case = await self.links.records.case(link.case_id)
        if case is None:
            raise ended("The case is not there any more.")
        if is_seen and self.is_writable and link.first_viewed_at is None:
            await self.view()
        # What was said of another closing, or by somebody else, is nobody's here.
        is_own = link.rated_at is not None and link.rated_at == case["scored_at"]
        is_free = link.rated_at is None and case["scored_at"] is None
        return {
            **{name: case[name] for name in _SHOWN},
            "can_rate": case["status"] == "closed" and is_free,
            "score": case["score"] if is_own else None,
            "comment": case["comment"] if is_own else None,
            "rated_at": link.rated_at,
            "expires_at": link.expires_at,
        }

    async def rate(self, data: CaseScore) -> dict[str, Any]:
        """Once; raises `Conflict`, `WrongState`."""
        self.require("write")
        link = await self.link(lock=True)
        if link.rated_at is not None:
            details = {"by_this_link": True}
            raise Conflict("It was rated already.", code="already_rated", details=details)
        await CaseActions(self.tx).rate(link.case_id, data)
        await self.links.change(link, {"rated_at": self.tx.now}, verb="rated")
        return await self.read(is_seen=False)
