"""Taking up what happened: which events touched somebody, by what and for which campaign."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.attribution.declared import Declared
from crm_api.domains.attribution.keeping import Kept, Touches
from crm_api.domains.attribution.models import TouchState
from crm_api.kit.crud.feed import Feed
from crm_api.kit.crud.happenings import happened
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.db.tx import Tx
from crm_api.kit.rounds import Rounds
from crm_api.kit.touchpoints import Happened

STRETCH = 500
AREA = "attribution"
_MERGED = """
    SELECT record_id FROM record_redirects WHERE organization_id = $1 AND record_id = ANY($2)
"""


class Follow(Rounds):
    """Turns events into touches, for each organization.

    They and the place in the feed are one transaction: killed in the middle, nothing has happened.
    A new organization begins with all there is, so what was before is taken up as well.
    """

    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_touches($1) AS id"

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new to an organization."""
        del id
        await tx.learned.learn()
        tx.actor.require(f"{AREA}:write")
        place = FeedPlace(tx, TouchState.__tablename__)
        await place.begin_whole()
        start = await place.lock()
        if start is None:
            return False
        topics = sorted(Declared.touches)
        stretch = await Feed(tx, Declared.services).stretch(start, STRETCH, types=topics)
        await take_up(tx, stretch.rows)
        await place.move(stretch.end)
        return not stretch.whole


async def take_up(tx: Tx, rows: Sequence[Any]) -> None:
    """Keep what some events come to; of a record that changed, what it comes to now."""
    # Of several events of one record the last one says it all.
    last = {(row["type"], row["record_id"], _told(row)): row for row in rows}
    found = [one for one, _ in await happened(tx, Declared.services, last.values())]
    # Whoever was merged into others before it was their turn was touched all the same.
    binned = sorted({one.record_id for one in found if one.row["deleted_at"] is not None})
    rows = await tx.fetch(_MERGED, tx.organization_id, binned) if binned else []
    merged = {row["record_id"] for row in rows}
    grouped: dict[str, list[Happened]] = defaultdict(list)
    for one in found:
        grouped[one.topic].append(one)
    sources: dict[tuple[str, UUID], None] = {}
    kept: dict[tuple[Any, ...], Kept] = {}
    for topic, those in grouped.items():
        declared = Declared.touches[topic]
        # Events of those who were erased say nothing.
        living = [
            one
            for one in those
            if one.row["deleted_at"] is None or (one.record_id in merged and one.data)
        ]
        touched = await declared.find(tx, living)
        for one in those:
            sources[declared.source, one.record_id] = None
            for touch in touched.get(one.id, ()):
                source = touch.source_id or one.record_id
                key = (declared.source, source, touch.kind, touch.person_id)
                kept[key] = (declared.source, source, touch)
    await Touches(tx).say(list(sources), list(kept.values()))


def _told(row: Any) -> Any:
    """What tells events of a topic apart that are of one record, but not what it is now."""
    return row["id"] if row["entity"] != row["type"].partition(".")[0] else None
