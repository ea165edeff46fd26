"""The rules of rules: drafts, versions, and what may be asked of them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, get_args
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.automation import FeedTrigger, Trigger, condition_of, zone_of
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Gone, Impersonal
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound, WrongState, need_choice
from crm_api.kit.ids import new_id
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.page import passing
from crm_api.platform.automations.definitions import Definition, check
from crm_api.platform.automations.events import RUN_STOPPED
from crm_api.platform.automations.models import UNDER_WAY, Automation, RunStatus
from crm_api.platform.automations.repository import Automations, Beginning, Runs
from crm_api.platform.automations.schemas import (
    AutomationCall,
    AutomationCreate,
    AutomationUpdate,
)
from crm_api.platform.automations.triggers import HookTrigger, TimedTrigger

DEEPEST = 5
"""So many runs cause each other; one more is begun and stopped."""
MOST_ROUNDS = 20
"""So often within an hour a rule runs about one record for what journeys and the like have done."""
RECURSION = {
    "code": "too_deep",
    "detail": f"More than {DEEPEST} runs would have caused each other, or more than {MOST_ROUNDS} "
    "within an hour about this record, by way of journeys or jobs.",
}
HOOK = context_of("automation-hook")
_CAUSE = "SELECT cause_id FROM events WHERE organization_id = $1 AND id = $2"
Restored = Callable[[Database, Mapping[str, Any]], Awaitable[Actor]]


class AutomationService(NamedService[Automation]):
    """Rules: a trigger, a condition and steps; drafts are edited, published versions run."""

    repository = Automations
    area = "automations"
    plural = "automations"
    personal = Impersonal("Rules; what their runs keep is the trace `automation_runs`.")
    create_shape = AutomationCreate
    update_shape = AutomationUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "draft",
        "paused_reason": None,
        "published_version": None,
        "target": None,
    }
    records: Automations
    restored: ClassVar[Restored]
    """What a stored actor may do at this moment; set by the registry."""

    @classmethod
    async def acting(cls, database: Database, stored: Mapping[str, Any], **options: Any) -> Tx:
        """A unit of work of whoever a rule acts for, with the rights of now.

        Raises `Unauthenticated` where they are let in no more.
        """
        return Tx(database, await cls.restored(database, stored), **options)

    async def publish(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Make the draft the version that runs, if it is whole; raises `Invalid`, `Forbidden`."""
        current = await self._changing(id, expected_version)
        definition = Definition.of(current)
        trigger = await check(self.tx, definition)
        number = (current.published_version or 0) + 1
        self.records.publish(id, number, definition)
        former = None
        if current.status == "active":
            # What has happened since is for the new version; nothing is left out.
            former = (await self.records.version(id, number - 1)).begins()
        await self._begin(id, trigger, former)
        values = {**self._activated(trigger), "published_version": number}
        return await self.told(await self.change(current, values, verb="published"))

    async def pause(
        self, id: UUID, reason: str = "switched_off", *, cancel_runs: bool = False
    ) -> Any:
        """Have a rule begin no more runs; raises `WrongState` unless it is active."""
        current = await self._changing(id)
        if cancel_runs:
            await Runs(self.tx).cancel(automation_id=id)
        if current.status != "active":
            if cancel_runs and current.status == "paused":
                return await self.told(self.shown_of(current))
            raise WrongState("The automation is not active.", code="not_active")
        values = {"status": "paused", "paused_reason": reason}
        return await self.told(await self.change(current, values, verb="paused"))

    async def resume(self, id: UUID) -> Any:
        """Have the published version run again, for what happens from now on."""
        current = await self._changing(id)
        if current.status != "paused" or current.published_version is None:
            raise WrongState("The automation is not paused.", code="not_paused")
        definition = await self.records.version(id, current.published_version)
        trigger = await check(self.tx, definition)
        await self._begin(id, trigger)
        return await self.told(await self.change(current, self._activated(trigger), verb="resumed"))

    async def _changing(self, id: UUID, expected_version: int | None = None) -> Automation:
        self.need("update")
        return await self.locked(id, expected_version)

    def _activated(self, trigger: Trigger) -> dict[str, Any]:
        return {
            "status": "active",
            "paused_reason": None,
            "target": trigger.about,
            "actor": decode(encode(self.tx.actor.stored())),
        }

    async def _begin(self, id: UUID, trigger: Trigger, former: Trigger | None = None) -> None:
        """Have a rule wait for its trigger; one that waits for the same goes on where it stands."""
        both = (former, trigger)
        if former == trigger or all(isinstance(one, FeedTrigger) for one in both):
            return
        since = next_at = None
        if isinstance(trigger, TimedTrigger):
            since = self.tx.now
            by_day = trigger.is_by_day(self.tx)
            next_at = trigger.next_after(since, await zone_of(self.tx), by_day=by_day)
        listens = isinstance(trigger, FeedTrigger)
        await self.records.begin_anew(id, listens=listens, since=since, next_at=next_at)

    async def change(
        self,
        current: Automation,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs; in the bin nothing runs, and out of it nothing runs by itself."""
        if values.get("deleted_at") is not None and current.published_version is not None:
            await Runs(self.tx).cancel(automation_id=current.id)
            if current.status == "active":
                values = {**values, "status": "paused", "paused_reason": "deleted"}
        return await super().change(current, values, verb=verb, told=told)

    async def check_purge(self, current: Automation) -> None:
        """Nothing stands in the way; its versions and runs go too."""
        await Runs(self.tx).cancel(automation_id=current.id)
        await self.records.forget(current.id)

    async def versions(self, id: UUID) -> list[dict[str, Any]]:
        """What was published, the newest first; raises `NotFound`."""
        self.tx.actor.require(f"{self.area}:read")
        await self.records.row(id, deleted="include")
        return await self.records.versions(id)

    async def definition(self, id: UUID, number: int | None) -> Definition:
        """The draft or a version; raises `NotFound`."""
        current = await self.records.get(id)
        return Definition.of(current) if number is None else await self.records.version(id, number)

    # Beginning runs

    async def call(self, id: UUID, asked: AutomationCall) -> list[dict[str, Any]]:
        """Begin a run for each of some records, which acts for whoever asks; raises `NotFound`."""
        self.need("update")
        current = await self._active(id)
        definition = await self.records.version(id, current.published_version or 0)
        entity, ids = definition.begins().about, list(dict.fromkeys(asked.record_ids))
        if entity is None and ids:
            raise Invalid.at("/record_ids", "no_record", "The automation is about no record.")
        if entity is not None:
            if not ids:
                raise Invalid.at("/record_ids", "too_few", "Say for which records.")
            await self._need_passing(entity, ids, definition)
        call = new_id()
        made = await Runs(self.tx).begin(
            id,
            current.published_version or 0,
            definition,
            [Beginning(f"call:{call}:{record}", record) for record in ids or [None]],
            entity=entity,
            actor=self.tx.actor.stored(),
        )
        return await Runs(self.tx).some(made)

    async def _need_passing(self, entity: str, ids: list[UUID], definition: Definition) -> None:
        service = service_of(self.tx, entity)
        service.need("read")
        known = {record.id for record in await service.records.some(ids)}
        missing = [n for n, id in enumerate(ids) if id not in known]
        if missing:
            at = f"/record_ids/{missing[0]}"
            raise Invalid.at(at, "unknown_reference", f"There is no such {entity}.")
        if definition.condition:
            filter = condition_of(self.tx, entity, definition.condition)
            listing, sight = service.records.listing, service.records.sight
            fit = await passing(self.tx, listing, sight, ids, filter)
            refused = [n for n, id in enumerate(ids) if id not in fit]
            if refused:
                at = f"/record_ids/{refused[0]}"
                raise Invalid.at(at, "condition", "It does not pass the automation's condition.")

    async def _active(self, id: UUID) -> Automation:
        current = await self.records.get(id)
        if current.status != "active":
            raise WrongState("The automation is not active.", code="not_active")
        return current

    async def rotate_hook(self, id: UUID) -> dict[str, Any]:
        """A new address for calls from outside; the former one leads nowhere from now on."""
        current = await self._changing(id)
        self.tx.confidential = True
        hook_id = new_id()
        await self.change(current, {"hook_id": hook_id}, verb="hook_rotated")
        values = [str(self.tx.organization_id), str(id), str(hook_id)]
        token = seal(self.tx.database.signing_key, HOOK, values)
        return {"path": f"/public/automations/{token}"}

    async def called(self, id: UUID, hook_id: UUID, key: str | None, sent: Any) -> dict[str, Any]:
        """Begin the run of a call from outside, once for each key; raises `NotFound`."""
        current = await self.records.find(id)
        if current is None or current.hook_id != hook_id:
            raise no_hook()
        if current.status != "active":
            raise WrongState("The automation is not active.", code="not_active")
        number = current.published_version or 0
        definition, runs = await self.records.version(id, number), Runs(self.tx)
        if not isinstance(definition.begins(), HookTrigger):
            raise WrongState("The automation is begun by other things.", code="other_trigger")
        depth, name = await self._depth_of(key), f"hook:{key or new_id()}"
        error = RECURSION if depth > DEEPEST else None
        beginning = Beginning(name, depth=depth, error=error)
        made = await runs.begin(id, number, definition, [beginning], input=sent)
        run_id = made[0] if made else await runs.by_key(id, name)
        if made and error is not None:
            told = {"run_id": run_id, "record_id": None, "code": error["code"]}
            tell(self.tx, current, RUN_STOPPED, told)
        return {"run_id": run_id, "is_repeated": not made}

    async def _depth_of(self, key: str | None) -> int:
        """How deep a call from outside is: endpoints may lead back here with what runs have done."""
        try:
            event_id = UUID(key or "")
        except ValueError:
            return 0
        causes = await self.tx.fetch(_CAUSE, self.tx.organization_id, event_id)
        depths = await Runs(self.tx).depths(row["cause_id"] for row in causes)
        return max(depths.values(), default=-1) + 1


class RunService:
    """The runs of an organization's rules."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.runs = Runs(tx)

    async def page(
        self,
        automation_id: UUID,
        *,
        cursor: str | None,
        limit: int,
        status: str | None = None,
        record_id: UUID | None = None,
    ) -> dict[str, Any]:
        """The runs of a rule, newest first; raises `NotFound`."""
        self.tx.actor.require("automations:read")
        need_choice("status", status, get_args(RunStatus))
        await Automations(self.tx).row(automation_id, deleted="include")
        key = self.tx.database.signing_key
        own = self.tx.organization_id
        context = context_of(own, "automation-runs", automation_id, status, record_id)
        before = UUID(unseal(key, context, cursor)[0]) if cursor else UUID(int=2**128 - 1)
        rows = await self.runs.page(automation_id, before, limit + 1, status, record_id)
        more, rows = len(rows) > limit, rows[:limit]
        last = seal(key, context, [rows[-1]["id"]]) if more else None
        return {"data": rows, "next_cursor": last}

    async def get(self, id: UUID) -> dict[str, Any]:
        """One run with every step; raises `NotFound`."""
        self.tx.actor.require("automations:read")
        rows = await self.runs.some([id])
        if not rows:
            raise NotFound(f"There is no run with the id {id}.")
        return {**rows[0], "log": await self.runs.log(id)}

    async def cancel(self, id: UUID) -> dict[str, Any]:
        """End a run; the step that is being taken is the last. Raises `WrongState`."""
        self.tx.actor.require("automations:write")
        if not await self.runs.cancel(id=id):
            found = await self.get(id)
            raise WrongState(f"The run has {found['status']} already.", code="run_ended")
        return await self.get(id)

    async def retry(self, id: UUID) -> dict[str, Any]:
        """Have a run that failed go on with the step that did; raises `WrongState`."""
        self.tx.actor.require("automations:write")
        found = await self.get(id)
        rule = await Automations(self.tx).get(found["automation_id"])
        if rule.status != "active":
            raise WrongState("The automation is not active.", code="not_active")
        if found["status"] in UNDER_WAY or not await self.runs.retry(id):
            raise WrongState(f"The run is {found['status']}, not failed.", code="run_not_failed")
        return await self.get(id)


def tell(tx: Tx, rule: Automation, type: str, data: Any) -> None:
    """Have the feed tell of something about a rule."""
    tx.record(type, entity=rule.entity, record_id=rule.id, version=rule.version, data=data)


def hook_of(key: bytes, token: str) -> tuple[UUID, UUID, UUID]:
    """The organization, rule and hook of an address; raises `NotFound`."""
    try:
        organization_id, id, hook_id = map(UUID, unseal(key, HOOK, token))
    except (Invalid, ValueError):
        raise no_hook() from None
    return organization_id, id, hook_id


def no_hook() -> NotFound:
    """The error for an address that leads nowhere, or not any more."""
    return NotFound("There is nothing behind this address.", code="invalid_link")


async def wipe_runs(tx: Tx, gone: Gone) -> int:
    """End and empty the runs about a person, or that say something of them, and what they told."""
    ids = await Runs(tx).wipe(gone.ids, gone.marks)
    await empty_events(tx, ids)
    return len(ids)
