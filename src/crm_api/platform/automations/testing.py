"""Trying a rule with a sample: every step is taken in earnest, shown, and undone."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_api.kit.automation import FeedTrigger, Run, condition_of
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.sight import EventSight
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.rehearsal import rehearsal
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid, NotFound
from crm_api.kit.ids import new_id
from crm_api.kit.problems import problem_of
from crm_api.kit.query.page import passing
from crm_api.platform.automations.beginning import told
from crm_api.platform.automations.definitions import Definition, check
from crm_api.platform.automations.flow import Way, first, pointer_of, step_at
from crm_api.platform.automations.schemas import AutomationTest
from crm_api.platform.automations.service import AutomationService
from crm_api.platform.automations.stepping import Taken, take

_LAST = """
    SELECT id, type, entity, data, previous FROM events
    WHERE organization_id = $1 AND record_id = $2
        AND (type = ANY($3) OR split_part(type, '.', 1) || '.*' = ANY($3))
    ORDER BY seq DESC LIMIT 100
"""
_CAUSED = """
    SELECT seq, type, entity, record_id, data, previous FROM events
    WHERE organization_id = $1 AND cause_id = $2 AND seq > $3 ORDER BY seq
"""


async def try_out(tx: Tx, id: UUID, asked: AutomationTest) -> dict[str, Any]:
    """What a run would do for whoever asks; raises `Invalid` where the rule is not fit to run."""
    service = AutomationService(tx)
    service.need("update")
    definition = await service.definition(id, asked.version)
    trigger = await check(tx, definition)
    entity, record_id = trigger.about, asked.record_id
    if (entity is None) != (record_id is None):
        code, text = ("required", "Say with which record.") if entity else ("no_record", "No.")
        raise Invalid.at("/record_id", code, text)
    passes, event_id = None, None
    if entity is not None and record_id is not None:
        passes = await _passes(tx, entity, record_id, definition)
    if isinstance(trigger, FeedTrigger):
        rows = await tx.fetch(_LAST, tx.organization_id, record_id, list(trigger.topics))
        sight = EventSight(tx, {})
        event_id = next((row["id"] for row in rows if trigger.fits(told(sight, row))), None)
    run = Run(new_id(), id, entity, record_id, event_id, asked.input)
    trial = _Trial(tx, run, definition)
    async with rehearsal(tx):
        await trial.walk()
    outcome = "failed" if trial.has_failed else "succeeded"
    return {"passes": passes, "outcome": outcome, "steps": trial.shown}


async def _passes(tx: Tx, entity: str, id: UUID, definition: Definition) -> bool:
    service = service_of(tx, entity)
    try:
        await service.get(id)
    except NotFound:
        message = f"There is no such {entity}."
        raise Invalid.at("/record_id", "unknown_reference", message) from None
    filter = condition_of(tx, entity, definition.condition)
    return id in await passing(tx, service.records.listing, service.records.sight, [id], filter)


class _Trial:
    """A run that is about to be undone."""

    def __init__(self, tx: Tx, run: Run, definition: Definition) -> None:
        self.tx, self.run, self.definition = tx, run, definition
        self.shown: list[dict[str, Any]] = []
        self.has_failed = False
        self._seq = 0

    async def walk(self) -> None:
        """Take every step; what would be waited for has come."""
        records = AutomationService(self.tx).records
        results: dict[str, Any] = {}
        run = replace(self.run, results=results)
        way = first(self.definition.steps)
        while way is not None:
            try:
                async with self.tx.atomic():
                    taken = await take(
                        self.tx, run, self.definition, way, lambda: records.turn(run.automation_id)
                    )
            except CrmError as error:
                self._failed(way, error)
                return
            results |= taken.results
            await self._took(taken)
            way = taken.then

    async def _took(self, taken: Taken) -> None:
        self.shown.append(
            {
                "place": taken.place,
                "action": taken.step.action,
                "name": taken.step.name,
                "outcome": taken.status,
                "result": taken.result,
                "preview": dict(taken.outcome.preview),
                "changes": await self._changes(),
                "error": None,
            }
        )

    def _failed(self, way: Way, error: CrmError) -> None:
        self.has_failed = True
        step = step_at(self.definition.steps, way)
        self.shown.append(
            {
                "place": pointer_of(way),
                "action": step["action"],
                "name": step.get("name"),
                "outcome": "failed",
                "result": {},
                "preview": {},
                "changes": [],
                "error": problem_of(error, None),
            }
        )

    async def _changes(self) -> list[dict[str, Any]]:
        """What the last step has changed, as far as whoever asks may see it."""
        sight, own = EventSight(self.tx, {}), self.tx.organization_id
        rows = await self.tx.fetch(_CAUSED, own, self.run.id, self._seq)
        self._seq = rows[-1]["seq"] if rows else self._seq
        return [
            {
                "type": row["type"],
                "entity": row["entity"],
                "record_id": str(row["record_id"]),
                **{
                    name: decode(encode(sight.values(row["entity"], row[name])))
                    for name in ("data", "previous")
                },
            }
            for row in rows
        ]
