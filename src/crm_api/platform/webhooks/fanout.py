"""Taking up what happened: the endpoints of an organization read the feed, and what to send is noted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog

from crm_api.kit.crud.feed import Feed, Stretch
from crm_api.kit.crud.places import began_after
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Forbidden, Invalid, Unauthenticated
from crm_api.kit.jobs import Workplace
from crm_api.kit.rounds import Resting, Rounds
from crm_api.platform.webhooks.parking import parked_kinds
from crm_api.platform.webhooks.repository import Behind, Deliveries
from crm_api.platform.webhooks.service import WebhookService, covers

log = structlog.get_logger("crm_api.webhooks")

STRETCH = 200
TOGETHER = 20
"""So many endpoints are served by one transaction."""


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
        waiting = [one.id for one in behind]
        await Deliveries(tx).unpark(waiting, parked_kinds(tx, service.types.services))
        more = len(behind) == TOGETHER
        for own in _together(behind):
            more = await self._take_up(service, own) or more
        return more

    async def _take_up(self, service: WebhookService, own: Sequence[Behind]) -> bool:
        """Take up what is new for endpoints that read together; whether there may be more."""
        ids = [one.id for one in own]
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
            (one.id, row)
            for one in own
            for row in stretch.rows
            # Of itself an endpoint is told nothing: its own troubles would trouble it further.
            if covers(one.topics, row["type"])
            and began_after(one.begun, row)
            and row["record_id"] != one.id
        ]
        if wanted:
            await Deliveries(service.tx).add(wanted)
        await service.records.move(ids, stretch.end)
        return not stretch.whole


def _together(standing: Iterable[Behind]) -> Iterable[Sequence[Behind]]:
    """Those that read the same, together."""
    found: defaultdict[tuple[object, ...], list[Behind]] = defaultdict(list)
    for one in standing:
        own = one.id if one.filter else None
        found[one.actor, one.place, own].append(one)
    return found.values()


async def _read(service: WebhookService, own: Sequence[Behind]) -> Stretch:
    """The next events for them, as whoever they belong to sees them now."""
    first, topics = own[0], sorted({topic for one in own for topic in one.topics})
    reader = await service.reader(service.tx.database, decode(first.actor))
    feed = Feed(reader, service.types.services)
    passing = feed.filter_of(first.filter, topics) if first.filter else None
    return await feed.stretch(first.place, STRETCH, types=topics, filter=passing)


async def _switch_off(service: WebhookService, ids: Sequence[UUID], reason: str) -> bool:
    for id in ids:
        await service.switch_off(id, reason)
    return False
