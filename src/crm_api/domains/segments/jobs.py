"""Looking at all of a segment: when somebody asks, and by night."""

from typing import Any
from uuid import UUID

from crm_api.domains.segments.events import RefreshSegment
from crm_api.domains.segments.graph import in_order, segments_in
from crm_api.domains.segments.membership import Membership, Moved, Stored, stored
from crm_api.domains.segments.models import SegmentState
from crm_api.domains.segments.repository import AREA
from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Files
from crm_api.kit.jobs import JobContext, runs

_DUE = "SELECT organization_id, segment_id FROM crm_segments_due($1, $2, $3)"
_BATCH = 500
_NOBODY = UUID(int=0)


@runs(RefreshSegment)
async def refresh_segment(context: JobContext, message: RefreshSegment) -> dict[str, Any]:
    """Look at a segment and at those that its filter speaks of, these first; a step for each.

    Done again it finds nothing to move, so another try may begin anew.
    """
    await context.database.catalogues.of(context.actor.organization_id, is_fresh=True)
    async with unit_of_work(context.tx()) as tx:
        # Whatever happens from here on is heard of.
        await FeedPlace(tx, SegmentState.__tablename__).begin()
        chain = _chain(await stored(tx), message.segment_id)
        await context.job.advance(tx, 0, len(chain))
    moved = Moved()
    for done, id in enumerate(chain, 1):
        async with unit_of_work(context.tx()) as tx:
            for segment in await stored(tx, [id]):
                if await _may_move(segment):
                    moved = await Membership(tx).refresh(segment, by=_reason(segment))
            await context.job.advance(tx, done, len(chain))
    return {"entered": moved.entered, "left": moved.left, "segments": len(chain)}


def _chain(segments: list[Stored], id: UUID) -> list[UUID]:
    """A segment, behind all that it depends on."""
    leads = {segment.id: segments_in(segment.source) for segment in segments}
    wanted, left = set[UUID](), [id]
    while left:
        one = left.pop()
        if one in leads and one not in wanted:
            wanted.add(one)
            left += leads[one]
    return in_order({one: leads[one] & wanted for one in wanted})


def _reason(segment: Stored) -> Any:
    return "snapshot" if segment.row["kind"] == "snapshot" else "filter"


_TAKEN = """
    SELECT refreshed_at FROM segment_standings WHERE organization_id = $1 AND segment_id = $2
"""


async def _may_move(segment: Stored) -> bool:
    """A snapshot is taken once; one that is put aside stays as it is."""
    if segment.row["kind"] != "snapshot":
        return bool(segment.row["is_active"] and segment.source)
    await Membership(segment.tx).lock(segment.id)
    rows = await segment.tx.fetch(_TAKEN, segment.tx.organization_id, segment.id)
    return not rows or rows[0]["refreshed_at"] is None


async def reconcile(database: Database, _files: Files) -> None:
    """Look at all segments that were not looked at whole since midnight, and keep what that finds.

    Raises `Stumbled` in the end if something was wrong with one of them.
    """
    after, apart = (_NOBODY, _NOBODY), Apart()
    while rows := await database.ask(_DUE, *after, _BATCH):
        for organization_id, segment_id in rows:
            await apart.do(
                f"segment {segment_id}", _reconcile(database, organization_id, segment_id)
            )
        after = (rows[-1][0], rows[-1][1])
    apart.end()


async def _reconcile(database: Database, organization_id: UUID, segment_id: UUID) -> None:
    actor = Actor(organization_id, "system", scopes=frozenset({"*"}))
    await database.catalogues.of(organization_id, is_fresh=True)
    async with unit_of_work(Tx(database, actor)) as tx:
        tx.actor.require(f"{AREA}:write")
        for segment in await stored(tx, [segment_id]):
            await Membership(tx).refresh(segment, by="reconciled", night=True)
