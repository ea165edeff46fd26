"""What workers look after: events that rules are for, and rules whose time comes."""

from typing import ClassVar
from uuid import UUID

from crm_api.kit.automation import FeedTrigger, zone_of
from crm_api.kit.crud.feed import Feed
from crm_api.kit.crud.places import began_after
from crm_api.kit.crud.sight import Services
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid, Unauthenticated
from crm_api.kit.rounds import Rounds
from crm_api.platform.automations.beginning import begin_for_events, begin_timed, told
from crm_api.platform.automations.events import BeginRuns
from crm_api.platform.automations.repository import Beginning, Runs
from crm_api.platform.automations.service import AutomationService
from crm_api.platform.automations.triggers import TimedTrigger

STRETCH = 200


class FanOut(Rounds):
    """Turns events into runs; runs and the place in the feed are one transaction.

    Killed in the middle, nothing has happened, and what is taken up twice finds its run there.
    """

    sql = "SELECT organization_id, automation_id AS id FROM crm_automations_with_news($1)"
    services: ClassVar[Services] = {}
    """The collections by the word for a record; set by the registry."""

    async def attend(self, tx: Tx, id: UUID) -> bool:
        service = AutomationService(tx)
        found = await service.records.places.lock(id)
        rule = await service.records.find(id) if found else None
        if found is None or rule is None or rule.status != "active":
            return False
        place, begun = found
        definition = await service.records.version(id, rule.published_version or 0)
        try:
            trigger = definition.begins()
            if not isinstance(trigger, FeedTrigger):
                return False
            reader = await AutomationService.acting(tx.database, rule.actor or {}, read_only=True)
            await reader.learned.learn()
            feed, condition = Feed(reader, self.services), definition.condition
            passing = feed.filter_of(condition, trigger.topics) if condition else None
            stretch = await feed.stretch(place, STRETCH, types=trigger.topics, filter=passing)
        except (Forbidden, Unauthenticated):
            await service.pause(id, "rights_lost")
            return False
        except Invalid:
            await service.pause(id, "outdated")
            return False
        rows = [row for row in stretch.rows if began_after(begun, row)]
        if condition:
            # Of what was destroyed nothing is left to compare.
            rows = [row for row in rows if not row["type"].endswith(".purged")]
        rows = [row for row in rows if trigger.fits(told(feed.sight, row))]
        await begin_for_events(tx, rule, definition, rows)
        await service.records.places.move(id, stretch.end)
        return not stretch.whole


class Clockwork(Rounds):
    """Begins what time begins; the clock is PostgreSQL's, and what was missed is done once."""

    sql = "SELECT organization_id, automation_id AS id FROM crm_automations_due($1)"

    async def attend(self, tx: Tx, id: UUID) -> bool:
        service = AutomationService(tx)
        due = await service.records.due(id)
        rule = await service.records.find(id) if due else None
        if due is None or rule is None or rule.status != "active":
            return False
        number, now = rule.published_version or 0, due["at"]
        definition = await service.records.version(id, number)
        try:
            trigger = definition.begins()
        except Invalid:
            await service.pause(id, "outdated")
            return False
        if not isinstance(trigger, TimedTrigger):
            return False
        if trigger.about is None:
            key = f"time:{due['next_at'].isoformat()}"
            await Runs(tx).begin(id, number, definition, [Beginning(key)])
        else:
            some = await begin_timed(tx, rule, number, (due["since"], now), None)
            if some is None:
                return False
            if some.cursor is not None:
                # Whoever walks on begins anew: what has begun already does not begin twice.
                message = BeginRuns(id, number, due["since"].isoformat(), now.isoformat())
                tx.enqueue(message)
        by_day = trigger.is_by_day(tx)
        next_at = trigger.next_after(now, await zone_of(tx), by_day=by_day)
        await service.records.come(id, now, next_at)
        return False
