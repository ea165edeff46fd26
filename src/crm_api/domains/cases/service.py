"""The rules of cases."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.cases.clocks import Track
from crm_api.domains.cases.models import Case
from crm_api.domains.cases.repository import Cases
from crm_api.domains.cases.schemas import CaseCreate, CaseUpdate
from crm_api.domains.cases.settings import settings_of
from crm_api.domains.cases.states import OPEN, customer_of, need_window, priority_of
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of, values_of
from crm_api.kit.crud.tree import TreeService
from crm_api.kit.db.settling import derive
from crm_api.kit.errors import Conflict, Invalid
from crm_api.kit.values.names import sort_key
from crm_api.platform.numbering.service import NumberSequenceService

SEQUENCE = "case"
_BEGINS: Mapping[str, Any] = {
    "name": "Cases",
    "pattern": "C-{year}-{number:05}",
    "restarts": "year",
    "next_number": 1,
}
_COPIED = (
    *("subject", "description", "kind", "severity", "impact", "urgency", "priority"),
    *("company_id", "contact_id", "product_id", "order_id", "project_id", "deliverable_id"),
    *("team_id", "owner_id", "tags"),
)
_CLOCKED = ("clocks", "sla_policy_id", "sla_state", "next_due_at", "sla_track", "sla_next_at")
_HELD = frozenset(
    {
        *("status", "resolution", "first_responded_at", "resolved_at", "closed_at", "number"),
        *_CLOCKED,
    }
)


class CaseService(TreeService[Case]):
    """What customers ask for help with."""

    repository = Cases
    area = "cases"
    plural = "cases"
    personal = About(
        ("contact_id",), end="kept", reason="What was done for customers; it names them by no more."
    )
    create_shape = CaseCreate
    update_shape = CaseUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(
            ("resolution", "first_responded_at", "resolved_at", "closed_at", "next_due_at")
        ),
        **dict.fromkeys(("score", "score_comment", "scored_at")),
        **dict.fromkeys(("sla_policy_id", "sla_state", "sla_next_at")),
        "sla_track": {},
        "clocks": [],
        "reopened": 0,
        "escalation_level": 0,
        "is_escalated": False,
    }
    records: Cases

    @classmethod
    def derive(cls, values: dict[str, Any], current: Case | None) -> dict[str, Any]:
        """The priority follows impact and urgency, unless it is given."""
        if "subject" in values:
            values["sort_name"] = sort_key(values["subject"])
        whole = {**(columns_of(current) if current is not None else {}), **values}
        impact, urgency = whole.get("impact"), whole.get("urgency")
        is_told = values.get("priority") is not None
        moved = current is None or "impact" in values or "urgency" in values
        if not is_told and moved and impact is not None and urgency is not None:
            values["priority"] = priority_of(impact, urgency)
        elif values.get("priority", "") is None or (current is None and not is_told):
            values["priority"] = "normal" if current is None else current.priority
        if current is None and "status" not in values:
            is_given = values.get("owner_id") is not None or values.get("team_id") is not None
            values["status"] = "assigned" if is_given else "new"
        return values

    async def prepare(self, values: dict[str, Any], current: Case | None) -> dict[str, Any]:
        """A new case gets its number, and follows up what it may."""
        values = await super().prepare(values, current)
        if current is None:
            if values.get("follows_id") is not None:
                await self._need_followed(values)
            (values["number"],) = await self.numbers(1)
        return values

    async def numbers(self, count: int) -> list[str]:
        """The numbers of so many new cases."""
        given = await NumberSequenceService(self.tx).give_many(
            SEQUENCE, count, today_of(self.tx), begins=_BEGINS
        )
        return [str(one["text"]) for one in given]

    async def _need_followed(self, values: Mapping[str, Any]) -> None:
        """Raise `Invalid` unless what it follows up is closed, and is the same customer's."""
        for before in await self.records.locked([values["follows_id"]], everywhere=True):
            if before.status != "closed":
                message = f"The case is {before.status}: it needs no case that follows it up."
                raise Invalid.at("/follows_id", "case_not_closed", message)
            if customer_of(columns_of(before)) != customer_of(values):
                message = "The case that it follows up is another customer's."
                raise Invalid.at("/follows_id", "other_customer", message)

    async def put_back(self, record: Case, values: dict[str, Any]) -> Any:
        """What an undo takes back is not where the case stands."""
        return await super().put_back(record, {n: v for n, v in values.items() if n not in _HELD})

    async def amend(
        self,
        current: Case,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """Since when it is in which state is kept with it, for its clocks."""
        status = values.get("status", current.status)
        if status != current.status:
            track = Track.of(columns_of(current))
            track.enter(status, self.tx.now)
            values = {
                **values,
                "sla_track": track.stored(),
                "first_responded_at": track.first_response,
            }
        await super().amend(current, values, verb=verb, told=told)

    async def told(self, shown: Any, *, new: bool = False) -> Any:
        """What is told of a case has its clocks as they are by this change."""
        if await derive(self.tx, self.model.entity):
            (current,) = await self.records.locked([shown.id], everywhere=True)
            shown = self.shown_of(current)
        return await super().told(shown, new=new)

    # For those above

    async def open_from(self, **given: Any) -> Any:
        """A new case that the product opens of its own accord, whoever asks for that.

        Takes the fields of `CaseCreate`; returns its representation.
        """
        values = values_of(CaseCreate.model_validate(given))
        values["custom"] = self.fields.with_defaults(values["custom"])
        prepared = await self.prepare(values, None)
        return self.add({**prepared, **self.begins_with})

    async def follow_up(self, id: UUID) -> Any:
        """A new case that goes on where a closed one ended."""
        self.need("create")
        current = await self.records.get(id, lock=True)
        if current.status != "closed":
            message = f"The case is {current.status}: it needs no case that follows it up."
            raise Conflict(message, code="case_not_closed")
        return await self.told(await self._followed(current), new=True)

    async def _followed(self, current: Case, **said: Any) -> Any:
        known = columns_of(current)
        copied = {name: known[name] for name in _COPIED}
        return await self.open_from(
            **copied, channel=said.pop("channel", current.channel), **said, follows_id=current.id
        )

    async def respond(self, answers: Mapping[UUID, Collection[datetime]]) -> None:
        """Agents have answered the customers of cases at some times, whoever asks.

        That ends a customer's wait for a response, unless they asked later than that; the case is
        worked on then.
        """
        for current in await self.records.locked(list(answers), everywhere=True):
            times = sorted(min(at, self.tx.now) for at in answers[current.id])
            self._note(current, partial(_answered, times))
            if current.status in {"new", "assigned"}:
                await self.change(current, {"status": "in_progress"}, verb="started")
        await derive(self.tx, self.model.entity)

    def _note(self, current: Case, happened: Callable[[Track], None]) -> None:
        """Keep with a case what matters to its clocks, which are reckoned before the commit."""
        track = Track.of(columns_of(current))
        happened(track)
        if (stored := track.stored()) != current.sla_track:
            self.tx.change(current, {"sla_track": stored})
        self.tx.learned.touch(self.model.entity, current.id, is_new=False)

    async def customer_replied(self, id: UUID, at: datetime) -> Any:
        """The customer has written again, whoever asks; the case that goes on by it, or None.

        They wait for an answer from then on. One that was resolved or closed is reopened while it
        may be, else another follows it up.
        """
        for current in await self.records.locked([id], everywhere=True):
            if current.status in OPEN:
                self._note(current, lambda track: track.ask(min(at, self.tx.now)))
            if current.status == "waiting_customer":
                await self.change(current, {"status": "in_progress"}, verb="resumed")
            if current.status in OPEN:
                await derive(self.tx, self.model.entity)
                return self.shown_of(current)
            try:
                need_window(current, at, settings_of(self.tx).closing_days)
            except Conflict:
                return await self._followed(current)
            return await self.reopen(current)
        return None

    async def reopen(self, current: Case) -> Any:
        """Have a case that is locked be worked on again."""
        values = {
            **dict.fromkeys(("resolved_at", "closed_at", "score", "score_comment", "scored_at")),
            "status": "in_progress",
            "reopened": current.reopened + 1,
        }
        return await self.change(current, values, verb="reopened")


def _answered(times: Collection[datetime], track: Track) -> None:
    for at in times:
        track.answer(at)
