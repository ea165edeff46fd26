"""Taking up what happened: the endpoints of an organization read the feed, and what to send is noted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import structlog

from crm_api.kit.crud.feed import Feed, Position, Stretch
from crm_api.kit.crud.places import began_after
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Forbidden, Invalid, Unauthenticated
from crm_api.kit.jobs import Workplace
from crm_api.kit.rounds import Resting, Rounds
from crm_api.platform.webhooks.models import Webhook
from crm_api.platform.webhooks.parking import parked_kinds
from crm_api.platform.webhooks.repository import Deliveries
from crm_api.platform.webhooks.service import WebhookService, covers

log = structlog.get_logger("crm_api.webhooks")

STRETCH = 200
TOGETHER = 20
"""So many endpoints are served by one transaction."""


class _Standing(NamedTuple):
    """An endpoint, where it stands in the feed, and the snapshot that it began with."""

    hook: Webhook
    place: Position
    begun: str


class FanOut(Rounds):
    """Turns events into deliveries, for each organization.

    Deliveries and the places in the feed are one transaction: killed in the middle, nothing has
    happened, and what is taken up twice finds its delivery there. Endpoints that stand at the same
    place, see the same and have no filter read the feed together.
    """

    sql = "SELECT DISTINCT organization_id, organization_id AS id FROM crm_webhooks_with_news($1)"
    leaves = True

    def __init__(self, place: Workplace) -> None:
        super().__init__(place)
        self._broken = Resting()

    async def attend(self, tx: Tx, id: UUID) -> bool | None:
        """Take up what is new for the endpoints of an organization."""
        del id
        service = WebhookService(tx)
        behind = await service.records.behind(TOGETHER, self._broken.now())
        if not behind:
            return None
        hooks = {hook.id: hook for hook in await service.records.some(list(behind))}
        await Deliveries(tx).unpark(list(hooks), parked_kinds(tx, service.types.services))
        standing = [_Standing(hook, *behind[id]) for id, hook in hooks.items()]
        more = len(behind) == TOGETHER
        for own in _together(standing):
            more = await self._take_up(service, own) or more
        return more

    async def _take_up(self, service: WebhookService, own: Sequence[_Standing]) -> bool:
        """Take up what is new for endpoints that read together; whether there may be more."""
        ids = [one.hook.id for one in own]
        try:
            stretch = await _read(service, own)
        except (Forbidden, Unauthenticated):
            return await _switch_off(service, ids, "rights_lost")
        except Invalid:
            return await _switch_off(service, ids, "filter_outdated")
        except CrmError:
            raise
        except Exception:
            if len(own) > 1:
                # At which of them something is broken shows when each reads by itself.
                return any([await self._take_up(service, [one]) for one in own])
            log.exception("cannot read the feed", webhook=str(ids[0]))
            self._broken.add(ids)
            return False
        self._broken.remove(ids)
        wanted = [
            (one.hook.id, row)
            for one in own
            for row in stretch.rows
            # Of itself an endpoint is told nothing: its own troubles would trouble it further.
            if covers(one.hook.topics, row["type"])
            and began_after(one.begun, row)
            and row["record_id"] != one.hook.id
        ]
        if wanted:
            await Deliveries(service.tx).add(wanted)
        await service.records.move(ids, stretch.end)
        return not stretch.whole


def _together(standing: Iterable[_Standing]) -> Iterable[Sequence[_Standing]]:
    """Those that read the same, together."""
    found: defaultdict[tuple[object, ...], list[_Standing]] = defaultdict(list)
    for one in standing:
        own = one.hook.id if one.hook.filter else None
        found[encode(one.hook.actor), one.place, own].append(one)
    return found.values()


async def _read(service: WebhookService, own: Sequence[_Standing]) -> Stretch:
    """The next events for them, as whoever they belong to sees them now."""
    first, topics = own[0], sorted({topic for one in own for topic in one.hook.topics})
    reader = await service.reader(service.tx.database, first.hook.actor)
    feed = Feed(reader, service.types.services)
    passing = feed.filter_of(first.hook.filter, topics) if first.hook.filter else None
    return await feed.stretch(first.place, STRETCH, types=topics, filter=passing)


async def _switch_off(service: WebhookService, ids: Sequence[UUID], reason: str) -> bool:
    for id in ids:
        await service.switch_off(id, reason)
    return False
