"""Taking up what happened: for each organization the feed is read once, whoever reads it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.kit.crud.feed import Feed
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.crud.sight import EventSight
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.kit.jobs import Workplace
from crm_api.kit.rounds import Rounds
from crm_api.platform.notifications.following import Followers
from crm_api.platform.notifications.kinds import OUTWARD
from crm_api.platform.notifications.models import NotificationState
from crm_api.platform.notifications.preferences import Preferences as Wishes
from crm_api.platform.notifications.preferences import combined
from crm_api.platform.notifications.reading import Audience
from crm_api.platform.notifications.recipients import FIXED, Recipients, Told
from crm_api.platform.notifications.repository import OTHERS_AT_MOST, Preferences, Telling

SETTLING = timedelta(minutes=2)
"""How long what one piece of work does to many records is gathered before it is sent."""
STRETCH = 5_000
"""Of many events each user is looked up once: what they may see is asked user by user."""
_Key = tuple[UUID, str]


class FanOut(Rounds):
    """Turns events into notifications, for each organization.

    Notifications and the place in the feed are one transaction: killed in the middle, nothing has
    happened, and nothing is taken up twice.
    """

    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_news($1) AS id"

    def __init__(self, place: Workplace) -> None:
        super().__init__(place)
        self._told: set[UUID] = set()

    async def look(self) -> bool | None:
        """Take up what is new; whoever looks at their inbox is shown it at once."""
        more = await super().look()
        for id in self._told:
            self.database.news(id)
        self._told.clear()
        return more

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new to an organization."""
        told, left = await _take_up(tx)
        if told:
            self._told.add(id)
        return left


async def _take_up(tx: Tx) -> tuple[int, bool]:
    place = FeedPlace(tx, NotificationState.__tablename__)
    await place.begin_whole()
    start = await place.lock()
    if start is None:
        return 0, False
    topics = [*FIXED, *(f"{entity}.*" for entity in [*Audience.followed, *tx.catalogue.objects])]
    stretch = await Feed(tx, Audience.services).stretch(start, STRETCH, types=topics)
    told = await Recipients(tx).of(stretch.rows)
    made = await _store(tx, told) if told else 0
    await place.move(stretch.end)
    return made, not stretch.whole


async def _store(tx: Tx, told: Sequence[Told]) -> int:
    """Store what those who are let in see and want to know; how many notifications there are."""
    preferences = Preferences(tx)
    readers = await preferences.readers(list({one.user_id for one in told}))
    begun = await preferences.begun(list(readers))
    common = await preferences.of(tx.organization_id)
    wishes = {
        id: combined(reader["said"], common, reader["time_zone"]) for id, reader in readers.items()
    }
    wanted = [
        one
        for one in told
        if one.user_id in readers
        and wishes[one.user_id].wants(one.kind)
        # Nobody is told of what happened before they were there. Whatever names them comes after
        # the first event of theirs, whichever machine's clock says what.
        and begun[one.user_id] <= one.event["seq"]
    ]
    wanted = await _seen(tx, wanted, readers)
    if not wanted:
        return 0
    counts = Counter((one.user_id, one.group_key) for one in wanted)
    # Of what happened several times in one stretch the last one counts.
    latest = {(one.user_id, one.group_key): one for one in wanted}
    others = _others(wanted, latest)
    rows = [
        (*_row(one, counts[key], wishes[one.user_id]), others.get(key))
        for key, one in latest.items()
    ]
    ids = await Telling(tx).add(rows)
    dues = [
        (
            one.user_id,
            channel,
            ids[key],
            counts[key],
            wishes[one.user_id].due(frequency, _after(tx, one, counts[key])),
        )
        for key, one in latest.items()
        for channel in OUTWARD
        if one.outward and (frequency := wishes[one.user_id].frequency(one.kind, channel)) != "off"
    ]
    if dues:
        await Telling(tx).add_dues(dues)
    return len(rows)


def _others(told: Sequence[Told], latest: Mapping[_Key, Told]) -> dict[_Key, str]:
    """By user and group the records beside the last one, the latest first, as an array of SQL."""
    found = defaultdict[_Key, dict[UUID, None]](dict)
    for one in reversed(told):
        key = (one.user_id, one.group_key)
        id, last = one.record_id, latest[key].record_id
        if id is not None and id != last and len(found[key]) < OTHERS_AT_MOST:
            found[key][id] = None
    return {key: f"{{{','.join(map(str, ids))}}}" for key, ids in found.items()}


def _after(tx: Tx, one: Told, count: int) -> datetime:
    """From when on it may be sent: of work that goes on, not each stretch by itself."""
    return tx.now + SETTLING if one.is_of_work and count > 1 else tx.now


async def _seen(tx: Tx, told: Sequence[Told], readers: dict[UUID, Any]) -> list[Told]:
    """What the users may see at this moment of what they would be told."""
    found, there = list[Told](), await _there(tx, told)
    by_user: dict[UUID, list[Told]] = {id: [] for id in readers}
    for one in told:
        if one.user_id in by_user and (one.target is None or one.record_id in there):
            by_user[one.user_id].append(one)
    for id, own in by_user.items():
        if not own:
            continue
        reader = await Audience.reader(tx.database, tx.organization_id, id)
        if reader is None:
            continue
        sight = EventSight(reader, Audience.services)
        about = {(one.target, one.record_id) for one in own if one.target and one.record_id}
        unseen = await sight.unseen(about)
        found += [
            one
            for one in own
            if one.target is None or (one.record_id not in unseen and sight.reads(one.target))
        ]
    return found


async def _there(tx: Tx, told: Sequence[Told]) -> set[UUID]:
    """The records that there still are, in the bin or not."""
    found: set[UUID] = set()
    for target in {one.target for one in told if one.target}:
        ids = {one.record_id for one in told if one.target == target and one.record_id}
        found |= (await Followers(tx).owners(target, list(ids))).keys()
    return found


def _row(one: Told, count: int, wishes: Wishes) -> tuple[Any, ...]:
    event = one.event
    return (
        new_id(),
        one.user_id,
        one.kind,
        event["type"],
        event["id"],
        one.target,
        one.record_id,
        one.comment_id,
        one.job_id,
        event["actor_kind"],
        event["actor_id"],
        count,
        one.group_key,
        wishes.frequency(one.kind, "in_app") != "off",
        event["occurred_at"],
    )
