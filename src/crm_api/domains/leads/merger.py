"""How several leads become one."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.leads.matching import MATCHED, Matching
from crm_api.domains.leads.models import Lead
from crm_api.domains.leads.schemas import LeadCreate
from crm_api.domains.leads.service import Given, LeadService
from crm_api.domains.leads.states import ENDED
from crm_api.domains.leads.territories import move_accounts
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked
from crm_api.platform.merging.merger import Fold, Merger
from crm_api.platform.merging.survivorship import Source

# Who has it and how far they are, which only makes sense together.
_COURSE = (
    *("owner_id", "status", "status_reason", "pool_id", "assigned_at", "respond_by"),
    *("responded_at", "waits_since", "unassigned_reason", "hops"),
)

# The first of the points are repeated beside them.
_GIVEN = frozenset(LeadCreate.model_fields) - {"email", "phone"}
_CONTACTS = ("matched_contact_id", "contact_id")


class LeadMerger(Merger):
    """People and companies that were captured twice.

    Whoever has the lead that is left goes on with it; if nobody has it, whoever has one of the
    others does, as far as they are. A lead has one open assignment before, between and after.
    """

    service = LeadService
    together = (
        _COURSE,
        ("source", "campaign", "medium", "referrer"),
        ("country", "region", "postal_code"),
    )
    derived = frozenset(LeadService.repository.listing.shown) - _GIVEN

    async def settle(self, service: Any, fold: Fold) -> None:
        """End what several had of it but one, and find anew who it may be."""
        _need_open(fold)
        held = await service.assignments.records.open_of([one.id for one in fold.records])
        keeper = _keeper(fold, held)
        rule = fold.survivors.sources["status"].rule
        if keeper is not fold.winner and rule == "kept":
            for name in _COURSE:
                value = getattr(keeper, name)
                fold.survivors.put(name, value, Source("filled", (keeper.id,)))
        for lead in fold.records:
            if lead is not keeper:
                await service.assignments.end(lead.id, "reassigned", "merged")
        await self._match(service, fold)

    async def store(self, service: Any, record: Lead, values: Mapping[str, Any]) -> Any:
        """Assignments follow by themselves; when to look at it again is not told by events."""
        after = {**columns_of(record), **values}
        if any(after[name] != getattr(record, name) for name in _COURSE):
            due = None
            if after["waits_since"] is not None:
                due = service.tx.now
            elif after["status"] == "assigned" and after["responded_at"] is None:
                due = after["respond_by"]
            values = {**values, "due_at": due, "decision": {}}
        return await service.rewrite(record, values)

    async def check(self, service: Any, ids: Sequence[UUID]) -> None:
        """Have who has each lead be who the trail says, whatever was done since the merge."""
        held = await service.assignments.records.open_of(ids)
        for lead in await service.records.locked(sorted(ids), everywhere=True):
            had, is_open = held.get(lead.id), lead.status not in ENDED
            owner = lead.owner_id if is_open else None
            if had is not None and had.user_id != owner:
                await service.assignments.end(lead.id, "reassigned", "unmerged")
                had = None
            if owner is not None and had is None:
                given = Given(
                    pool_id=lead.pool_id,
                    reason="unmerged",
                    respond_by=lead.respond_by,
                    is_accepted=lead.responded_at is not None,
                )
                service.assignments.begin(lead.id, owner, lead.hops, given)

    async def _match(self, service: Any, fold: Fold) -> None:
        values = fold.survivors.values
        merged = {one.id for one in fold.records}
        if all(values[name] == getattr(fold.winner, name) for name in MATCHED):
            # Others may have been candidates for one of those that are one now.
            found: dict[str, Any] = {"candidates": fold.winner.candidates}
        else:
            found = await Matching(service.tx).of(values, fold.winner.id)
        others = [one for one in found["candidates"] if UUID(one["id"]) not in merged]
        values |= {**found, "candidates": others}


async def move_leads(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge: UUID
) -> None:
    """Have leads of merged contacts be of the one that is left, and named accounts that company.

    A part of the merge.
    """
    del merge
    if entity == "company":
        await move_accounts(tx, winner, losers)
    if entity != "contact":
        return
    gone, service = set(losers), LeadService(tx)
    ids = await service.records.of_contacts(losers)
    for lead in await service.records.locked(ids, everywhere=True):
        values = {name: winner for name in _CONTACTS if getattr(lead, name) in gone}
        await service.rewrite(lead, values)


def _need_open(fold: Fold) -> None:
    """Refuse what would end a lead that somebody works on, or lose what one has become."""
    for lead in fold.losers:
        if lead.status == "converted":
            message = "A lead that was converted stays; have it be the one that is left."
            raise Blocked(message, code="converted_lead")
        if fold.winner.status == "disqualified" and lead.status != "disqualified":
            message = "An open lead would end with one that was disqualified."
            raise Blocked(message, code="disqualified_lead")


def _keeper(fold: Fold, held: Mapping[UUID, Any]) -> Lead:
    """The one of whose owner and course the lead that is left goes on."""
    winner, source = fold.winner, fold.survivors.sources["status"]
    if source.rule == "chosen":
        chosen = next(one for one in fold.records if one.id in source.ids)
        if chosen is not winner and not ENDED.isdisjoint((winner.status, chosen.status)):
            message = "Nobody else's course goes on with a lead that has ended."
            raise Blocked(message, code="ended_lead")
        return chosen
    if winner.status in ENDED or winner.owner_id is not None:
        return winner
    owned = [one for one in fold.losers if one.id in held and one.status not in ENDED]
    return max(owned, key=lambda one: (one.updated_at, one.id), default=winner)
