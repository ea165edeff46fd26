"""What is done with campaigns: approved, scheduled, launched, paused, ended, copied."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, ClassVar, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.campaigns.audience import Audience
from crm_api.domains.campaigns.deciding import begin_looking
from crm_api.domains.campaigns.events import LaunchDue
from crm_api.domains.campaigns.models import Campaign, Status
from crm_api.domains.campaigns.repository import Campaigns, Plan
from crm_api.domains.campaigns.schemas import (
    CampaignCloneInput,
    CampaignCreate,
    CampaignSubmission,
    ScheduleInput,
)
from crm_api.domains.campaigns.service import CampaignService
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.transitions import Way, blocked, need_way, told, way, ways_from
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Fault, Forbidden, Invalid, WrongState
from crm_api.platform.approvals.asking import ask_all, take_back_all
from crm_api.platform.approvals.standing import standing
from crm_api.platform.merging.repository import hold_merges

Verb = Literal[
    "submit",
    "recall",
    "schedule",
    "unschedule",
    "launch",
    "pause",
    "resume",
    "complete",
    "cancel",
    "archive",
]
WAYS: Mapping[Verb, Way[Status]] = {
    "submit": way("draft", "in_approval", "submitted"),
    "recall": way("in_approval approved", "draft", "recalled"),
    "schedule": way("draft approved scheduled", "scheduled", "scheduled"),
    "unschedule": way("scheduled", "draft", "unscheduled"),
    "launch": way("draft approved scheduled", "running", "launched"),
    "pause": way("running", "paused", "paused"),
    "resume": way("paused", "running", "resumed"),
    "complete": way("running paused", "completed", "completed"),
    "cancel": way("draft in_approval approved scheduled running paused", "cancelled", "cancelled"),
    "archive": way("completed cancelled", "archived", "archived"),
}
TARGET, BLOCKED = "campaign", "launch_blocked"
_BEFORE = frozenset({"draft", "in_approval", "approved"})
_ENDS = frozenset({"completed", "cancelled"})


class CampaignActions:
    """Campaigns, from draft to archive."""

    followed: ClassVar[list[Callable[[Tx, UUID, Verb], Awaitable[None]]]] = []
    """What else begins and ends with a campaign, in the same transaction: what raises stops it."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.service = tx, CampaignService(tx)

    async def go(self, id: UUID, verb: Verb, expected: int | None) -> Any:
        """Do it; returns the campaign after it."""
        if verb == "launch":
            await hold_merges(self.tx)
        current = await self._begun(id, verb, expected)
        if verb == "launch":
            return await self._launch(current)
        values: dict[str, Any] = {"status": WAYS[verb].after}
        if values["status"] in _ENDS:
            values["ended_at"] = self.tx.now
        if verb in {"unschedule", "cancel"}:
            values["launch_at"] = None
        return await self._moved(current, verb, values)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a campaign where it stands, and what stands in the way of it."""
        self.service.need("read")
        await self.service.get(id)
        async with at_one_moment(self.tx) as reader:
            current = await CampaignService(reader).records.get(id)
            allowed = [
                {
                    "verb": verb,
                    "status": one.after,
                    "blockers": told(await blockers(reader, current, verb)),
                }
                for verb, one in ways_from(WAYS, current.status).items()
            ]
        return {"status": current.status, "allowed": allowed}

    async def submit(self, id: UUID, data: CampaignSubmission, expected: int | None) -> Any:
        """Ask for every approval that policies want; without any it is approved."""
        current = await self._begun(id, "submit", expected)
        is_approved = await ask_all(self.tx, TARGET, id, data.comment)
        status = "approved" if is_approved else "in_approval"
        return await self._moved(current, "submit", {"status": status})

    async def recall(self, id: UUID, expected: int | None) -> Any:
        """Take it back to work on it, and with it what was asked for and not decided."""
        current = await self._begun(id, "recall", expected)
        shown = await self.service.change(current, {"status": "draft"}, verb=WAYS["recall"].event)
        await take_back_all(self.tx, TARGET, id)
        return await self.service.told(shown)

    async def schedule(self, id: UUID, data: ScheduleInput, expected: int | None) -> Any:
        """Have it launched at a time, by the rights of whoever says so now."""
        at = instant_of(data, self.tx.actor.time_zone)
        if at <= self.tx.now:
            raise Invalid.at("/day", "not_ahead", "That is over.")
        current = await self._begun(id, "schedule", expected)
        if current.ends_on is not None and data.day > current.ends_on:
            raise Invalid.at("/day", "after_end", f"It is to end on {current.ends_on}.")
        self.tx.actor.require(f"{CONTACTS.area}:read")
        self.tx.enqueue(LaunchDue(id, at.isoformat()), run_at=at)
        return await self._moved(current, "schedule", {"status": "scheduled", "launch_at": at})

    async def launch_due(self, id: UUID, launch_at: str) -> bool:
        """Launch one that is scheduled for a time, once; whether it was launched.

        One that something stands in the way of is a draft again, and its event says why.
        """
        service = self.service
        await hold_merges(self.tx)
        current = await self._scheduled(id)
        if current is None or current.status != "scheduled" or current.launch_at is None:
            return False
        if current.launch_at != datetime.fromisoformat(launch_at):
            return False
        try:
            async with self.tx.atomic():
                service.need("update")
                await service.guard.permit([id], "update")
                if faults := await blockers(self.tx, current, "launch"):
                    raise blocked(faults)
                await self._launch(current)
        except (WrongState, Forbidden) as error:
            why = told(error.faults) or [
                {"code": error.code, "message": error.detail, "pointer": None}
            ]
            back = {"status": "draft", "launch_at": None}
            # What was read before has ended with the savepoint.
            again = await self._scheduled(id)
            assert again is not None
            await service.change(again, back, verb=BLOCKED, told={"blockers": why})
            return False
        return True

    async def _scheduled(self, id: UUID) -> Campaign | None:
        """A campaign, locked, whether or not whoever scheduled it sees it still."""
        return next(iter(await self.service.records.locked([id], everywhere=True)), None)

    async def _begun(self, id: UUID, verb: Verb, expected: int | None) -> Campaign:
        self.service.need("update")
        current = await self.service.locked(id, expected)
        need_way("campaign", WAYS, current.status, verb)
        if faults := await blockers(self.tx, current, verb):
            raise blocked(faults)
        return current

    async def _moved(self, current: Campaign, verb: Verb, values: Mapping[str, Any]) -> Any:
        changed = await self.service.change(current, values, verb=WAYS[verb].event)
        shown = await self.service.told(changed)
        for follow in self.followed:
            await follow(self.tx, current.id, verb)
        return shown

    async def _launch(self, current: Campaign) -> Any:
        values = {"status": WAYS["launch"].after, **await self._launched(current)}
        await begin_looking(self.tx, current)
        return await self._moved(current, "launch", values)

    async def _launched(self, current: Campaign) -> dict[str, Any]:
        now = self.tx.now
        values: dict[str, Any] = {"launched_at": now, "frozen_at": now, "launch_at": None}
        values["segment_pins"] = await self.service.records.pins(Plan.of(current))
        # What reaches nobody by name, such as an advertisement, has no audience.
        if current.include_segment_ids or current.channel is not None:
            values |= await Audience(self.tx).freeze(Plan.of(current))
        return values

    async def preview(self, id: UUID) -> dict[str, Any]:
        """Who would be reached if it were launched now."""
        await self.service.get(id)
        return await Audience(self.tx).preview(await self.service.records.plan(id))

    async def audience(self, id: UUID) -> dict[str, Any]:
        """Who is in the frozen audience of one that was launched; raises `WrongState`."""
        await self.service.get(id)
        return await Audience(self.tx).frozen(await self.service.records.plan(id))

    async def clone(self, id: UUID, data: CampaignCloneInput) -> Any:
        """A draft like it, without its audience and its dates."""
        self.service.need("create")
        await self.service.get(id)
        source = await self.service.records.get(id)
        taken = set(CampaignCreate.model_fields)
        taken -= {"name", "starts_on", "ends_on", "external_ids", "custom", "owner_id"}
        body = {name: getattr(source, name) for name in taken}
        return await self.service.create(CampaignCreate(**body, name=data.name))


async def blockers(tx: Tx, current: Campaign, verb: Verb) -> list[Fault]:
    """What stands in the way of scheduling or launching a campaign: all of it."""
    if verb not in {"schedule", "launch"}:
        return []
    needs = (await standing(tx, TARGET, current.id)).policies
    found = [
        Fault("approval_needed", f"It is not approved yet: {need.policy_name}.", "/status")
        for need in needs
        if need.status != "approved"
    ]
    if current.include_segment_ids and current.channel is None:
        message = "Say by what channel and for what purpose: consents are given for these."
        found.append(Fault("no_consent_basis", message, "/channel"))
    if current.channel is not None and not current.include_segment_ids:
        message = "Nobody is reached without a segment."
        found.append(Fault("no_audience", message, "/include_segment_ids"))
    found += await _gone(tx, current)
    if current.ends_on is not None and current.ends_on < today_of(tx):
        found.append(Fault("over", f"It was to end on {current.ends_on}.", "/ends_on"))
    return found


async def _gone(tx: Tx, current: Campaign) -> Sequence[Fault]:
    named = {
        name: list[str](getattr(current, name))
        for name in ("include_segment_ids", "exclude_segment_ids")
    }
    ids = [id for those in named.values() for id in those]
    gone = await Campaigns(tx).gone(ids) if ids else set[str]()
    return [
        Fault("segment_gone", "The segment is in the bin, or not active.", f"/{name}/{place}")
        for name, those in named.items()
        for place, id in enumerate(those)
        if id in gone
    ]


def instant_of(data: ScheduleInput, zone: str) -> datetime:
    """When clocks of a zone show a time: the first time, where they do so twice.

    Raises `Invalid` where they never do, because they are put forward.
    """
    hour, minute = map(int, data.time.split(":"))
    local = datetime.combine(data.day, time(hour, minute), tzinfo=ZoneInfo(zone))
    at = local.astimezone(UTC)
    if at.astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        message = "The clocks of the organization never show that: they are put forward."
        raise Invalid.at("/time", "no_such_time", message)
    return at


async def follow_approval(tx: Tx, id: UUID) -> None:
    """Have a campaign stand where its approvals do, in the transaction that moves one of them."""
    campaigns = CampaignService(tx)
    current = (await campaigns.records.locked([id], everywhere=True) or [None])[0]
    if current is None or current.status not in {*_BEFORE, "scheduled"}:
        return
    found = await standing(tx, TARGET, id)
    status: Status = "draft"
    if found.policies and found.is_approved:
        status = "scheduled" if current.status == "scheduled" else "approved"
    elif current.status != "draft" and any(need.status == "pending" for need in found.policies):
        status = "in_approval"
    at = current.launch_at if status == "scheduled" else None
    verbs = {"approved": "approved", "in_approval": "submitted", "draft": "returned"}
    values = {"status": status, "launch_at": at}
    await campaigns.change(current, values, verb=verbs.get(status, "approved"))


async def launched_among(tx: Tx, ids: Collection[UUID]) -> set[UUID]:
    """The campaigns of which nothing is decided any more: what was approved stays approved."""
    found = await CampaignService(tx).records.locked(list(ids), everywhere=True)
    return {one.id for one in found if one.launched_at is not None}
