"""What is done with segments beyond their fields: members by hand, refreshing, snapshots."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.segments.barring import suppressed_or_theirs
from crm_api.domains.segments.events import RefreshSegment
from crm_api.domains.segments.membership import Membership, Stored, stored
from crm_api.domains.segments.models import Segment
from crm_api.domains.segments.schemas import MembersInput, SegmentCreate, SnapshotInput
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, WrongState
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.page import Page
from crm_api.kit.query.selection import PageQuery, Selection

_STANDING = """
    SELECT size, refreshed_at, reconciled_at, drift_entered, drift_left, fault
    FROM segment_standings WHERE organization_id = $1 AND segment_id = $2
"""
_OVERRIDDEN = """
    SELECT count(*) AS number FROM segment_overrides
    WHERE organization_id = $1 AND segment_id = $2
"""
_DECIDE = """
    INSERT INTO segment_overrides (organization_id, segment_id, record_id, is_member, at, actor_id)
    SELECT $1, $2, d.id, d.is_member, $5, $6
    FROM unnest($3::uuid[], $4::boolean[]) AS d (id, is_member) ORDER BY d.id
    ON CONFLICT (organization_id, segment_id, record_id) DO UPDATE
        SET is_member = excluded.is_member, at = excluded.at, actor_id = excluded.actor_id
"""
_RELEASE = """
    DELETE FROM segment_overrides
    WHERE organization_id = $1 AND segment_id = $2 AND record_id = ANY($3)
"""
_OPEN = """
    SELECT record_id FROM segment_members WHERE organization_id = $1 AND segment_id = $2
        AND record_id = ANY($3) AND left_at IS NULL
"""


class SegmentActions:
    """Segments and who belongs to them."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.service = tx, SegmentService(tx)

    async def _stored(self, id: UUID) -> Stored:
        await self.service.get(id, Selection(("id", "version")))
        return (await stored(self.tx, [id]))[0]

    async def standing(self, id: UUID) -> dict[str, Any]:
        """How many belong to it, and when it was looked at; raises `NotFound`."""
        segment = await self._stored(id)
        own = self.tx.organization_id
        rows = await self.tx.fetch(_STANDING, own, id)
        overridden = (await self.tx.fetch(_OVERRIDDEN, own, id))[0]["number"]
        shown: dict[str, Any] = dict(rows[0]) if rows else dict(_NOT_YET)
        kind = segment.row["kind"]
        has_filter = bool(segment.source)
        shown |= {"overridden": overridden, "follows": False, "changes_with_time": False}
        if has_filter and kind != "snapshot":
            try:
                ways = segment.ways
            except CrmError as error:
                return {**shown, "fault": error.detail}
            follows = segment.row["is_active"] and not ways.is_blind
            shown |= {"follows": follows, "changes_with_time": ways.with_time}
        return shown

    async def refresh(self, id: UUID) -> UUID:
        """Have a job look at all of it; returns the job. Raises `WrongState` where nothing can move."""
        self.service.need("update")
        segment = await self.service.locked(id)
        if segment.kind == "snapshot":
            raise WrongState("A snapshot stays as it was taken.", code="snapshot_stays")
        if not segment.filter:
            raise WrongState("It is filled by hand.", code="filled_by_hand")
        return self.tx.enqueue(RefreshSegment(id))

    async def snapshot(self, id: UUID, data: SnapshotInput) -> Any:
        """A segment of those who belong to this one when its job runs; it stays as it is."""
        current = await self.service.locked(id, action="read")
        made = SegmentCreate.model_validate(
            {
                "name": data.name,
                "kind": "snapshot",
                "target": current.target,
                "filter": {"segment": {"eq": str(id)}},
            }
        )
        return await self.service.create(made)

    async def members(
        self, id: UUID, query: PageQuery, own: Filter | None = None, as_of: datetime | None = None
    ) -> Page:
        """Those who belong to it, or did at a moment, whom the actor sees; filtered as their list."""
        segment = await self._stored(id)
        service = service_of(self.tx, segment.row["target"])
        mine: dict[str, Any] = {"in": [str(id)]}
        if as_of is not None:
            mine["as_of"] = as_of.isoformat()
        filter = parse({"segment": mine}, service.records.listing, self.tx)
        whole = filter if own is None else filter.both(own)
        return await service.page(replace(query, filter=whole))

    async def decide(self, id: UUID, data: MembersInput) -> dict[str, Any]:
        """Put people in and take them out, whatever the filter says, each by itself."""
        self.service.need("update")
        segment = await self.service.locked(id)
        if segment.kind == "snapshot":
            raise WrongState("A snapshot stays as it was taken.", code="snapshot_stays")
        await Membership(self.tx).lock(id)
        refused = await self._refused(segment, data)
        own = self.tx.organization_id
        decided = [(one, True) for one in data.add if one not in refused]
        decided += [(one, False) for one in data.remove if one not in refused]
        before = await self._open(id, [*data.add, *data.remove, *data.release])
        if decided:
            ids, are = [one for one, _ in decided], [is_in for _, is_in in decided]
            tx = self.tx
            await tx.write(_DECIDE, own, id, ids, are, tx.now, tx.actor.me)
        if data.release:
            await self.tx.write(_RELEASE, own, id, list(data.release))
        moved = [one for one, _ in decided] + list(data.release)
        if moved:
            (whole,) = await stored(self.tx, [id])
            await Membership(self.tx).refresh(whole, moved, by="hand")
        after = await self._open(id, moved)
        return _told(data, refused, before, after)

    async def _open(self, id: UUID, ids: Sequence[UUID]) -> set[UUID]:
        rows = await self.tx.fetch(_OPEN, self.tx.organization_id, id, list(ids)) if ids else []
        return {row["record_id"] for row in rows}

    async def _refused(self, segment: Segment, data: MembersInput) -> dict[UUID, str]:
        named = [*data.add, *data.remove]
        service = service_of(self.tx, segment.target)
        seen = await service.many(named, Selection(("id",))) if named else {}
        refused = {one: "unknown" for one in named if one not in seen}
        if data.add and segment.kind != "suppression":
            barred = await suppressed_or_theirs(self.tx, [one for one in data.add if one in seen])
            refused |= dict.fromkeys(barred, "suppressed_segment")
        return refused


_NOT_YET: Mapping[str, Any] = {
    "size": 0,
    "refreshed_at": None,
    "reconciled_at": None,
    "drift_entered": 0,
    "drift_left": 0,
    "fault": None,
}


def _told(
    data: MembersInput, refused: Mapping[UUID, str], before: set[UUID], after: set[UUID]
) -> dict[str, Any]:
    told: list[dict[str, Any]] = []
    for one in (*data.add, *data.remove, *data.release):
        result = "refused" if one in refused else "unchanged"
        if one in data.release:
            result = "released"
        elif result != "refused" and (one in before) != (one in after):
            result = "added" if one in after else "removed"
        told.append({"record_id": one, "result": result, "reason": refused.get(one)})
    counts = Counter(one["result"] for one in told)
    return {**{name: counts[name] for name in ("added", "removed", "refused")}, "data": told}
