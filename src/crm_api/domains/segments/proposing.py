"""Proposals for the members of a segment, a page of them at a time, before there are any deals."""

from hashlib import sha256
from typing import Any, cast
from uuid import UUID

from crm_api.domains.recipes.asking import ProposalRequest
from crm_api.domains.recipes.preparing import Kind, ProposalService
from crm_api.domains.recipes.repository import AREA
from crm_api.domains.segments.actions import SegmentActions
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.selection import PageQuery, Selection

MOST_PROPOSED = 20


class SegmentProposals:
    """What is proposed to each member whom the actor sees."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.actions, self.proposals = SegmentActions(tx), ProposalService(tx)

    async def prepare(
        self, id: UUID, asked: ProposalRequest, *, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """Drafts for a page of members, the newest first; nothing is written.

        Raises `NotFound` for the segment, `Invalid` for what the request names.
        """
        kind, ids, further = await self._page(id, limit, cursor)
        found = [(one, await self.proposals.prepare(kind, one, asked)) for one in ids]
        return _told(kind, found, further)

    async def make(
        self, id: UUID, asked: ProposalRequest, *, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """The same with a quote of each draft; of one request and day each member has each once."""
        self.tx.actor.require("quotes:write")
        kind, ids, further = await self._page(id, limit, cursor)
        # Another day it is another offer: prices, and what is free, are not what they were.
        asked_on = f"{today_of(self.tx)} {asked.model_dump_json()}"
        same = sha256(asked_on.encode()).hexdigest()[:16]
        keys = {one: f"{id}:{one}:{same}" for one in ids}
        # Of two who ask the same at once one makes the quotes, the other finds them.
        await self.actions.service.records.lock_keys("proposals", sorted(keys.values()))
        found = [
            (one, await self.proposals.make_once(kind, one, asked, key))
            for one, key in keys.items()
        ]
        return _told(kind, found, further)

    async def _page(
        self, id: UUID, limit: int, cursor: str | None
    ) -> tuple[Kind, list[UUID], str | None]:
        self.tx.actor.need_open(f"{AREA}:read")
        await self.tx.spend(limit)
        shown = await self.actions.service.get(id, Selection(("target",)))
        query = PageQuery(Selection(("id",)), limit=limit, cursor=cursor)
        page = await self.actions.members(id, query)
        return cast("Kind", shown.target), [one.id for one in page.data], page.next_cursor


def _told(
    kind: Kind, found: list[tuple[UUID, dict[str, Any]]], further: str | None
) -> dict[str, Any]:
    data = [{"record_id": id, "kind": kind, "proposals": told} for id, told in found]
    return {"data": data, "next_cursor": further}
