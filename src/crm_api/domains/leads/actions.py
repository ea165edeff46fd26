"""What is done with leads, each as one step."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.leads.dealing import whole
from crm_api.domains.leads.distributing import Distributor
from crm_api.domains.leads.models import Lead
from crm_api.domains.leads.repository import Assignments
from crm_api.domains.leads.schemas import LeadAssign, LeadVerb, PlainVerb, ReasonedVerb
from crm_api.domains.leads.service import Given, LeadService, claimer
from crm_api.domains.leads.states import WAYS, in_the_way
from crm_api.kit.crud.owners import need_owner
from crm_api.kit.crud.transitions import blocked, need_way, told, ways_from
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Conflict


class LeadActions:
    """The actions of leads; whoever acts holds the lock of the lead, so that one does."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.leads = LeadService(tx)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a lead where it stands, and what stands in the way of it."""
        self.leads.need("read")
        async with at_one_moment(self.tx) as reader:
            lead = await LeadService(reader).records.get(id)
        allowed = [
            {"verb": verb, "status": way.after, "blockers": told(in_the_way(lead, verb))}
            for verb, way in ways_from(WAYS, lead.status).items()
        ]
        return {"status": lead.status, "allowed": allowed}

    async def explain(self, id: UUID) -> dict[str, Any]:
        """How it was decided last who has a lead, or that nobody has."""
        self.leads.need("read")
        async with at_one_moment(self.tx) as reader:
            lead = await LeadService(reader).records.get(id)
            decision: Mapping[str, Any] = lead.decision
            if lead.owner_id is not None:
                decision = await Assignments(reader).decision_of(id) or {}
            return _explained(lead.id, (await whole(reader, [decision]))[0])

    async def explain_assignment(self, id: UUID) -> dict[str, Any]:
        """How it was decided that somebody has, or had, a lead."""
        self.leads.need("read")
        async with at_one_moment(self.tx) as reader:
            found = await Assignments(reader).get(id)
            return _explained(found.lead_id, (await whole(reader, [found.decision]))[0])

    async def go(self, id: UUID, verb: PlainVerb, expected: int | None = None) -> Any:
        """Have a lead be accepted, claimed, qualified, or given to whom the rules say."""
        current, after = await self._begin(id, verb, expected)
        event = WAYS[verb].event
        if verb == "claim":
            given = Given("claim", is_accepted=True, reason="claimed")
            values = {"owner_id": claimer(self.tx), "status": after}
            return await self._done(current, values, event, given)
        if verb == "distribute":
            taken = await Distributor(self.leads).take_back(current, "reassigned", None, event)
            return await self.leads.told(taken)
        await self.leads.assignments.respond(current.id)
        values: dict[str, Any] = {"status": after, "due_at": None}
        if current.responded_at is None:
            values["responded_at"] = self.tx.now
        return await self._done(current, values, event)

    async def end(
        self, id: UUID, verb: ReasonedVerb, reason: str, expected: int | None = None
    ) -> Any:
        """Have a lead be returned, disqualified or recycled, and say why."""
        current, after = await self._begin(id, verb, expected)
        event = WAYS[verb].event
        if verb == "return":
            taken = await Distributor(self.leads).take_back(current, "returned", reason, event)
            return await self.leads.told(taken)
        await self.leads.assignments.end(current.id, "closed", reason)
        values: dict[str, Any] = {
            "status": after,
            "status_reason": reason,
            **dict.fromkeys(("due_at", "waits_since", "unassigned_reason", "respond_by")),
        }
        if verb == "recycle":
            values |= {"owner_id": None, "recycled_at": self.tx.now, "hops": 0}
        return await self._done(current, values, event)

    async def assign(self, id: UUID, data: LeadAssign, expected: int | None = None) -> Any:
        """Give a lead to somebody by hand."""
        current, after = await self._begin(id, "assign", expected)
        if data.user_id == current.owner_id:
            raise Conflict("They have it already.", code="already_owned")
        await need_owner(self.tx, data.user_id, "/user_id")
        self.leads.guard.fields(["owner_id"])
        self.leads.guard.reach_owner({"owner_id": data.user_id}, "update", current.owner_id)
        given = Given("manual", reason=data.reason)
        values = {"owner_id": data.user_id, "status": after}
        return await self._done(current, values, WAYS["assign"].event, given)

    async def _begin(self, id: UUID, verb: LeadVerb, expected: int | None) -> tuple[Lead, str]:
        self.leads.need("update")
        current = await self.leads.locked(id, expected)
        way = need_way("lead", WAYS, current.status, verb)
        if faults := in_the_way(current, verb):
            raise blocked(faults)
        return current, way.after

    async def _done(
        self, current: Lead, values: dict[str, Any], event: str, given: Given | None = None
    ) -> Any:
        shown = await self.leads.change(current, values, verb=event, given=given or Given())
        return await self.leads.told(shown)


def _explained(lead_id: UUID, decision: Mapping[str, Any]) -> dict[str, Any]:
    empty = (
        *("decided_at", "user_id", "pool_id", "rule_id", "territory_id", "kind", "strategy"),
        "reason",
    )
    known: dict[str, Any] = {**dict.fromkeys(empty), "candidates": [], "managers": [], **decision}
    rules = [{"territory_id": None, **rule} for rule in known.get("rules", ())]
    return {"lead_id": lead_id, **known, "rules": rules}
