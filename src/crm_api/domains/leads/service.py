"""The rules of leads, and the trail of who had them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple
from uuid import UUID

from crm_api.domains.leads.matching import MATCHED, Matching
from crm_api.domains.leads.models import AssignmentEnd, AssignmentKind, Lead, LeadAssignment
from crm_api.domains.leads.moments import go_on
from crm_api.domains.leads.names import NAMING, naming
from crm_api.domains.leads.repository import Assignments, Leads, ToGive
from crm_api.domains.leads.schemas import LeadCreate, LeadUpdate
from crm_api.domains.leads.scorecard import COLUMNS, derived
from crm_api.kit.crud.alike import AT_ONCE, add_alike, change_alike
from crm_api.kit.crud.personal import About, Person
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.purges import destroy, empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.ahead import Ahead
from crm_api.kit.db.settling import derive
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.points import keys_of, normalise_points

_SCORES = frozenset(COLUMNS.values())
BAND_CHANGED = "lead.band_changed"
_COURSE = frozenset(
    {
        *("status", "status_reason", "owner_id", "contact_id", "company_id", "deal_id"),
        *("converted_at", "pool_id", "assigned_at", "respond_by", "responded_at"),
        *("waits_since", "unassigned_reason", "hops", "recycled_at"),
    }
)


@dataclass(frozen=True)
class Given:
    """How a lead came to whoever has it now, or why nobody has it any more."""

    kind: AssignmentKind = "manual"
    pool_id: UUID | None = None
    rule_id: UUID | None = None
    reason: str | None = None
    respond_by: datetime | None = None
    is_accepted: bool = False
    ended_as: AssignmentEnd = "reassigned"
    decision: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False, compare=False)


class Handed(NamedTuple):
    """A lead of nobody that is given to somebody, with all that led to it."""

    lead: ToGive
    user_id: UUID
    given: Given
    decision: Mapping[str, Any]
    """That of `given` is left alone: it is the same for many."""


_BY_HAND = Given()
Happened = Literal["given", "accepted", "returned", "recalled"]


class Followed(NamedTuple):
    """What happened to a lead that was given for a plan or a list: the `reason` names it."""

    happened: Happened
    lead_id: UUID
    user_id: UUID | None
    reason: str


Follower = Callable[[Tx, Followed], Awaitable[None]]
_BACK: Mapping[str, Happened] = {"returned": "returned", "recalled": "recalled"}


def claimer(tx: Tx) -> UUID:
    """The user who acts; raises `Invalid` where that is no user."""
    if tx.actor.access is None:
        raise Invalid("Only users claim leads.", code="not_a_user")
    return tx.actor.access.user_id


class LeadService(CrudService[Lead]):
    """People and companies that may become customers."""

    repository = Leads
    area = "leads"
    plural = "leads"
    personal = Person(
        points={"email": "emails", "phone": "phones", "post": "addresses"},
        keeps=frozenset({"status", "hops", "converted_at", "recycled_at"}),
        replaced=frozenset({"status_reason"}),
        common=frozenset(
            (
                *("country", "language", "source", "tags", "time_zone", "title", "industry"),
                *("region", "postal_code", "skills", "campaign", "medium", "utm"),
            )
        ),
        same={"contact_id": "contact"},
        others=frozenset({"matched_contact_id"}),
    )
    matched = True
    create_shape = LeadCreate
    update_shape = LeadUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(("status_reason", "contact_id", "company_id", "deal_id", "converted_at")),
        **dict.fromkeys(("pool_id", "respond_by", "responded_at", "unassigned_reason", "due_at")),
        "recycled_at": None,
        "probability": None,
        "hops": 0,
        "decision": {},
        "made": {},
    }
    records: Leads

    @cached_property
    def assignments(self) -> "LeadAssignmentService":
        """Who has, or had, which lead."""
        return LeadAssignmentService(self.tx)

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Lead | None, country: str | None
    ) -> dict[str, Any]:
        """Normalise contact points."""
        normalise_points(values, current, country)
        return cls.derive(values, current)

    @classmethod
    def derive(cls, values: dict[str, Any], current: Lead | None) -> dict[str, Any]:
        """The shown name follows the names, the score what it is made of."""
        if current is None or not values.keys().isdisjoint(NAMING):
            values |= naming(values, current)
        if current is None or not values.keys().isdisjoint(_SCORES):
            known = {**({} if current is None else columns_of(current)), **values}
            values |= derived(known)
        return values

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by e-mail address and phone number."""
        return keys_of(record)

    async def prepare(self, values: dict[str, Any], current: Lead | None) -> dict[str, Any]:
        """Who it may be already is found where it says something new of that."""
        values = await super().prepare(values, current)
        known = {} if current is None else columns_of(current)
        if current is None or any(known[name] != values[name] for name in MATCHED & values.keys()):
            id = None if current is None else current.id
            values |= await Matching(self.tx).of({**known, **values}, id)
        return values

    def add(self, values: dict[str, Any]) -> Any:
        """A new lead is somebody's, or waits for being given to somebody."""
        values = {**values, "id": values.get("id") or new_id()}
        self.guard.own(values)
        owner = values.get("owner_id")
        now = self.tx.now
        values |= {
            "status": "new" if owner is None else "assigned",
            "assigned_at": None if owner is None else now,
            "waits_since": now if owner is None else None,
        }
        shown = super().add(values)
        if owner is not None:
            self.assignments.begin(values["id"], owner, 0, _BY_HAND)
        return shown

    async def told(self, shown: Any, *, new: bool = False) -> Any:
        """What is told of a lead has its scores as they are by this change."""
        events = self.tx.told
        # Where nothing has happened to it meanwhile, it needs not be read again.
        if await derive(self.tx, self.model.entity) and self.tx.told > events:
            (current,) = await self.records.locked([shown.id], everywhere=True)
            shown = self.shown_of(current)
        return await super().told(shown, new=new)

    async def check_purge(self, current: Lead) -> None:
        """Who had it goes with it."""
        await super().check_purge(current)
        if had := await self.assignments.records.ids_of(current.id):
            await destroy(self.tx, self.assignments.records.listing, had)
            await empty_events(self.tx, had)

    async def locked(self, *args: Any, **more: Any) -> Lead:
        """As any record; whatever is written then happens after what was written last."""
        current = await super().locked(*args, **more)
        go_on(self.tx, current.updated_at)
        return current

    async def put_back(self, record: Lead, values: dict[str, Any]) -> Any:
        """What an undo takes back is not where the lead stands."""
        return await super().put_back(record, {n: v for n, v in values.items() if n not in _COURSE})

    async def change(
        self,
        current: Lead,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
        given: Given = _BY_HAND,
    ) -> Any:
        """Whoever changes the owner, by whatever way: the trail says so, with `given`."""
        owner = values.get("owner_id", current.owner_id)
        if owner != current.owner_id:
            # Who had it when is told in the order in which it happened.
            go_on(self.tx, current.updated_at)
            values = {**self._handed(current, owner, given), **values}
            if current.owner_id is not None:
                await self.assignments.end(current.id, given.ended_as, given.reason)
            if owner is not None:
                hops = values.get("hops", current.hops)
                self.assignments.begin(current.id, owner, hops, given)
        return await self.rewrite(current, values, verb=verb, told=told)

    async def rewrite(
        self,
        current: Lead,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """As `change`, for whoever sees to the trail of who had it."""
        before = current.band
        shown = await super().change(current, values, verb=verb, told=told)
        self.tell_band(current.id, current.version, before, columns_of(current))
        return shown

    def tell_band(
        self, id: UUID, version: int, before: str | None, after: Mapping[str, Any]
    ) -> None:
        """Write down that a lead is in another band, if it is."""
        if after["band"] != before:
            said = {"before": before, "band": after["band"], "score": after["score"]}
            entity = self.model.entity
            self.tx.record(BAND_CHANGED, entity=entity, record_id=id, version=version, data=said)

    async def hand(self, given: Sequence[Handed]) -> None:
        """Have many leads of nobody, which are locked, be somebody's: as `change`, by statements."""
        if not given:
            return
        go_on(self.tx, max(one.lead.updated_at for one in given))
        if self.fields.formulas:
            await self._hand_each(given)
            return
        # In the order of their ids: indexes take neighbours for two thirds of the price.
        ordered = sorted(given, key=lambda one: one.lead.id.int)
        async with Ahead(self.tx) as ahead:
            for start in range(0, len(ordered), AT_ONCE):
                ahead.send(self._hand_some(ordered[start : start + AT_ONCE]))

    async def _hand_some(self, given: Sequence[Handed]) -> None:
        # First, for a reference to a row that has changed is looked for twice.
        await self.assignments.begin_all(given)
        common: dict[str, Any] = {
            "status": "assigned",
            "assigned_at": self.tx.now,
            **dict.fromkeys(("responded_at", "waits_since", "unassigned_reason")),
            "decision": {},
        }
        times = [one.given.respond_by for one in given]
        own = {
            "owner_id": [one.user_id for one in given],
            "pool_id": [one.given.pool_id for one in given],
            "respond_by": times,
            "due_at": times,
        }
        await change_alike(self, "assigned", [one.lead for one in given], common, own)

    async def _hand_each(self, given: Sequence[Handed]) -> None:
        """What formulas of the organization's make of a lead takes all of it."""
        found = await self.records.locked([one.lead.id for one in given], everywhere=True)
        leads = {lead.id: lead for lead in found}
        for lead, user_id, how, decision in given:
            values, whole = {"owner_id": user_id}, replace(how, decision=decision)
            await self.change(leads[lead.id], values, verb="assigned", given=whole)

    def _handed(self, current: Lead, owner: UUID | None, given: Given) -> dict[str, Any]:
        """Where a lead stands that has another owner, or none."""
        is_open = current.status in {"new", "recycled", "assigned"}
        found: dict[str, Any] = {
            **dict.fromkeys(("waits_since", "unassigned_reason", "due_at", "responded_at")),
            "respond_by": given.respond_by,
            "pool_id": given.pool_id,
            "decision": {},
            "assigned_at": None if owner is None else self.tx.now,
        }
        if is_open:
            found["status"] = "new" if owner is None else "assigned"
        if given.respond_by is not None and not given.is_accepted:
            found["due_at"] = given.respond_by
        if given.is_accepted:
            found["responded_at"] = self.tx.now
        return found


class LeadAssignmentService(CrudService[LeadAssignment]):
    """Who has, or had, which lead: rows that only end."""

    repository = Assignments
    area = "leads"
    plural = "lead_assignments"
    personal = About(
        ("lead_id",), end="removed", reason="Who took care of the person, and why they did."
    )
    plain = False
    upserts = False
    followers: ClassVar[list[Follower]] = []
    """Told in the transaction of what happens to a lead after a plan or list gave it."""
    records: Assignments

    @cached_property
    def _now(self) -> str:
        return self.tx.now.isoformat()

    def begin(self, lead_id: UUID, user_id: UUID, hop: int, given: Given) -> None:
        """Write down who has a lead from now on."""
        own = {"lead_id": lead_id, "user_id": user_id, "owner_id": user_id, "hop": hop}
        self.add(
            {**self._begun(given), **own, "decision": self._decided(given, user_id, given.decision)}
        )

    async def begin_all(self, given: Sequence[Handed]) -> None:
        """The same for many leads: a statement for those that are given in the same way."""
        alike: dict[Given, list[Handed]] = {}
        for one in given:
            alike.setdefault(one.given, []).append(one)
        for common, some in alike.items():
            users = [one.user_id for one in some]
            own = {
                "lead_id": [one.lead.id for one in some],
                "user_id": users,
                "owner_id": users,
                "hop": [one.lead.hops for one in some],
                "decision": [self._decided(common, one.user_id, one.decision) for one in some],
            }
            await add_alike(self, self._begun(common), own)

    def _begun(self, given: Given) -> dict[str, Any]:
        return {
            "pool_id": given.pool_id,
            "rule_id": given.rule_id,
            "kind": given.kind,
            "reason": given.reason,
            "respond_by": given.respond_by,
            "responded_at": self.tx.now if given.is_accepted else None,
            **dict.fromkeys(("ended_at", "ended_as", "end_reason")),
            "custom": {},
            "external_ids": {},
        }

    def _decided(self, given: Given, user_id: UUID, decision: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "decided_at": self._now,
            "user_id": str(user_id),
            "kind": given.kind,
            "reason": given.reason,
            **decision,
        }

    async def end(self, lead_id: UUID, ended_as: AssignmentEnd, reason: str | None) -> None:
        """Write down that whoever has a lead, which is locked, has it no more."""
        found = await self.records.open_of([lead_id])
        if lead_id in found:
            values = {"ended_at": self.tx.now, "ended_as": ended_as, "end_reason": reason}
            await self.change(found[lead_id], values, verb="ended")
            # The unique index must see one go before the other comes.
            await self.tx.flush()
            happened, had = _BACK.get(ended_as), found[lead_id]
            if happened is not None and had.kind == "plan":
                await self.follow(happened, lead_id, had.user_id, had.reason)

    async def follow(
        self, happened: Happened, lead_id: UUID, user_id: UUID | None, reason: str | None
    ) -> None:
        """Tell those who follow what becomes of the leads of plans and lists."""
        for follower in self.followers:
            await follower(self.tx, Followed(happened, lead_id, user_id, reason or ""))

    async def respond(self, lead_id: UUID) -> None:
        """Write down that whoever has a lead, which is locked, takes care of it."""
        found = await self.records.open_of([lead_id])
        if lead_id in found:
            had = found[lead_id]
            is_first = had.responded_at is None
            await self.change(had, {"responded_at": self.tx.now}, verb="accepted")
            if is_first and had.kind == "plan":
                await self.follow("accepted", lead_id, had.user_id, had.reason)
