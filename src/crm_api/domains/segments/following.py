"""Keeping segments up to date: what happened tells whom to look at again, and nobody else."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.segments.graph import in_order, segments_in
from crm_api.domains.segments.keeping import give_back
from crm_api.domains.segments.membership import Membership, Stored, stored
from crm_api.domains.segments.models import SegmentState
from crm_api.domains.segments.repository import AREA
from crm_api.kit.crud.feed import Feed
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError
from crm_api.kit.rounds import Rounds

STRETCH = 500
_UNMERGED = "contact.unmerged"


class Follow(Rounds):
    """Looks again at the records that events may have moved, for each organization.

    What comes of it and the place in the feed are one transaction: killed in the middle, nothing
    has happened.
    """

    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_segment_news($1) AS id"

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new to an organization."""
        del id
        await tx.learned.learn()
        tx.actor.require(f"{AREA}:write")
        place = FeedPlace(tx, SegmentState.__tablename__)
        start = await place.lock()
        if start is None:
            return False
        live = following(await stored(tx))
        topics = {topic for segment in live for topic in segment.ways.topics}
        wanted = sorted({*topics, _UNMERGED})
        stretch = await Feed(tx, {}).stretch(start, STRETCH, types=wanted)
        parted = [row["record_id"] for row in stretch.rows if row["type"] == _UNMERGED]
        if parted:
            await give_back(tx, parted)
        await take_up(tx, live, stretch.rows)
        await place.move(stretch.end)
        return not stretch.whole


def following(segments: Sequence[Stored]) -> list[Stored]:
    """Those that follow what happens, each behind those that its filter speaks of."""
    by_id = {segment.id: segment for segment in segments}
    leads: Mapping[UUID, set[UUID]] = {
        id: segments_in(segment.source) & by_id.keys() for id, segment in by_id.items()
    }
    return [by_id[id] for id in in_order(leads) if _follows(by_id[id])]


def _follows(segment: Stored) -> bool:
    row = segment.row
    if not (segment.source and row["is_active"] and row["kind"] != "snapshot"):
        return False
    try:
        return bool(segment.ways)
    except CrmError:
        # The night says what is wrong with it.
        return False


async def take_up(tx: Tx, segments: Sequence[Stored], rows: Sequence[Any]) -> None:
    """Look again at whom some events may have moved."""
    membership = Membership(tx)
    for segment in segments if rows else ():
        touched = await segment.ways.touched(tx, rows)
        if touched:
            await membership.refresh(segment, sorted(touched))
