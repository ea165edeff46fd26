"""Beginning runs: for events that have happened, and for records whose time has come."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.kit.automation import condition_of, zone_of
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.sight import EventSight
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid, NotFound, Unauthenticated
from crm_api.kit.query.filters import parse
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.platform.automations.definitions import Definition
from crm_api.platform.automations.events import RUN_STOPPED
from crm_api.platform.automations.models import Automation
from crm_api.platform.automations.repository import Beginning, Runs
from crm_api.platform.automations.service import (
    DEEPEST,
    MOST_ROUNDS,
    RECURSION,
    AutomationService,
    tell,
)
from crm_api.platform.automations.triggers import TimedTrigger

CHUNK = 200
Time = tuple[datetime, datetime]
"""From the moment when it had come before to the moment when it came."""


class Begun(NamedTuple):
    """So many runs, and the way on if there are more records."""

    begun: int
    cursor: str | None


async def begin_timed(
    tx: Tx, rule: Automation, number: int, time: Time, cursor: str | None
) -> Begun | None:
    """Begin runs for the next records whose time came; None where the rule had to be paused."""
    service = AutomationService(tx)
    definition = await service.records.version(rule.id, number)
    try:
        reader = await AutomationService.acting(tx.database, rule.actor or {}, read_only=True)
        await reader.learned.learn()
        ids, cursor = await _whose_time_came(reader, definition, time, cursor)
    except (Forbidden, Unauthenticated):
        await service.pause(rule.id, "rights_lost")
        return None
    except (Invalid, NotFound):
        await service.pause(rule.id, "outdated")
        return None
    beginnings = [Beginning(f"time:{time[1].isoformat()}:{id}", id) for id in ids]
    entity = definition.begins().about
    made = await Runs(tx).begin(rule.id, number, definition, beginnings, entity=entity)
    return Begun(len(made), cursor)


async def _whose_time_came(
    reader: Tx, definition: Definition, time: Time, cursor: str | None
) -> tuple[list[UUID], str | None]:
    """The next such records, as the rule's actor sees them, and the way on."""
    trigger = definition.begins()
    if not isinstance(trigger, TimedTrigger) or trigger.about is None:
        return [], None
    service, by_day = service_of(reader, trigger.about), trigger.is_by_day(reader)
    passing = trigger.passing(*time, await zone_of(reader), by_day=by_day)
    timed = parse(passing, service.records.listing, reader)
    wanted = condition_of(reader, trigger.about, definition.condition).both(timed)
    query = PageQuery(Selection(("id",)), wanted, sort="id", limit=CHUNK, cursor=cursor)
    page = await service.page(query)
    return [row.id for row in page.data], page.next_cursor


def told(sight: EventSight, row: Any) -> dict[str, Any]:
    """An event as triggers look at it, without what its reader may not see.

    `is_new` of the one by which its record began.
    """
    values = {name: sight.values(row["entity"], row[name]) for name in ("data", "previous")}
    plain = {name: decode(encode(value)) or {} for name, value in values.items()}
    begins = f"{row['entity']}.{_first_verb(sight.tx, row['entity'])}"
    return {"type": row["type"], "is_new": row["type"] == begins, **plain}


def _first_verb(tx: Tx, entity: str) -> str | None:
    """What the first event of each record of a kind says; None of what is no collection."""
    with suppress(NotFound):
        return service_of(tx, entity).begins
    return None


async def begin_for_events(
    tx: Tx, rule: Automation, definition: Definition, rows: Sequence[Any]
) -> None:
    """A run for each event, each once; too deep among those that cause each other it is stopped."""
    runs = Runs(tx)
    depths = await runs.depths(row["cause_id"] for row in rows)
    # What a journey or an import does has no depth, so that is counted which comes of it.
    elsewhere = {r["record_id"] for r in rows if r["cause_id"] and r["cause_id"] not in depths}
    rounds = Counter(await runs.rounds(rule.id, elsewhere))
    beginnings: list[Beginning] = []
    for row in rows:
        cause, about = row["cause_id"], row["record_id"]
        depth = depths.get(cause, -1) + 1
        rounds[about] += cause is not None and cause not in depths
        error = RECURSION if depth > DEEPEST or rounds[about] > MOST_ROUNDS else None
        beginnings.append(Beginning(f"event:{row['id']}", about, row["id"], depth, error))
    number = rule.published_version or 0
    made = await runs.begin(rule.id, number, definition, beginnings, entity=rule.target)
    stopped = {one.event_id for one in beginnings if one.error is not None}
    for run in await runs.some(made) if stopped else ():
        if run["event_id"] in stopped:
            tell(
                tx,
                rule,
                RUN_STOPPED,
                {"run_id": run["id"], "record_id": run["record_id"], "code": RECURSION["code"]},
            )
