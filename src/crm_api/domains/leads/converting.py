"""What a lead becomes: a contact, a company and a deal, in one transaction and once."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.activities.linking import hand_back, pass_on
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.companies.schemas import CompanyCreate
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.contacts.schemas import ContactCreate
from crm_api.domains.contacts.service import ContactService
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.deals.schemas import DealCreate
from crm_api.domains.deals.service import DealService
from crm_api.domains.leads.matching import Matching, domains_of
from crm_api.domains.leads.models import Lead
from crm_api.domains.leads.schemas import LeadConversion, LeadReversal
from crm_api.domains.leads.service import Given, LeadService
from crm_api.domains.leads.states import WAYS, in_the_way
from crm_api.kit.crud.needs import needed_since
from crm_api.kit.crud.owners import hand_down
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.transitions import blocked, need_way
from crm_api.kit.db.references import Reference
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.query.listing import Listing

_KNOWN = {"contact_id": CONTACTS, "company_id": COMPANIES}
_BECAME = Reference("lead", "leads", "contact_id")
_MADE = {"deal_id": DEALS, **_KNOWN}
_LINKED = (ActivityService, TaskService)
_SHARED = ("country", "language", "time_zone", "source", "owner_id")


class LeadConverter:
    """Converts leads; of many who convert one at once one does, the others find it converted."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.leads = LeadService(tx)

    async def convert(self, id: UUID, data: LeadConversion, expected: int | None = None) -> Any:
        """Have a lead become what is named, matched or made; returns the lead."""
        self.leads.need("update")
        lead = await self.leads.locked(id, expected)
        way = need_way("lead", WAYS, lead.status, "convert")
        for name, listing in _KNOWN.items():
            await self._check_named(listing, name, getattr(data, name))
        matched = await self._matches(lead, data)
        contact_id = data.contact_id or matched.get("contact_id")
        company_id = data.company_id or matched.get("company_id")
        made: dict[str, Any] = {}
        hand_down(self.tx, lead.owner_id)
        if company_id is None and lead.company_name is not None:
            company_id = await self._company(lead)
            made["company_id"] = str(company_id)
        if contact_id is None and (lead.first_name or lead.last_name or lead.email):
            contact_id = await self._contact(lead, company_id)
            made["contact_id"] = str(contact_id)
        if contact_id is None and company_id is None:
            message = "It names neither a person nor a company: name one, or say which it is."
            raise Invalid.at("/contact_id", "nameless", message)
        deal_id = (
            None if data.deal is None else await self._deal(lead, data, contact_id, company_id)
        )
        if deal_id is not None:
            made["deal_id"] = str(deal_id)
        became = {"contact_id": contact_id, "company_id": company_id, "deal_id": deal_id}
        made["linked"] = await self._pass_on(lead, became)
        await self.leads.assignments.end(lead.id, "closed", "converted")
        values: dict[str, Any] = {
            "status": way.after,
            **became,
            "converted_at": self.tx.now,
            "made": {**made, "status": lead.status},
            **dict.fromkeys(("due_at", "waits_since", "unassigned_reason", "respond_by")),
        }
        return await self.leads.told(await self.leads.change(lead, values, verb=way.event))

    async def revert(self, id: UUID, data: LeadReversal, expected: int | None = None) -> Any:
        """Take a conversion back: what it made goes into the bin, what it found stays.

        Raises `Conflict` where something that it made was changed, or has come to be needed, since,
        unless that stays.
        """
        self.leads.need("update")
        lead = await self.leads.locked(id, expected)
        way = need_way("lead", WAYS, lead.status, "revert")
        if faults := in_the_way(lead, "revert"):
            raise blocked(faults)
        await self._hand_back(lead)
        await self._unmake(lead, keeps_changed=data.keeps_changed)
        values: dict[str, Any] = {
            "status": lead.made.get("status", way.after),
            "made": {},
            **dict.fromkeys(("contact_id", "company_id", "deal_id", "converted_at")),
        }
        if lead.owner_id is not None:
            given = Given("manual", lead.pool_id, reason="reverted", is_accepted=True)
            self.leads.assignments.begin(lead.id, lead.owner_id, lead.hops, given)
        return await self.leads.told(await self.leads.change(lead, values, verb=way.event))

    async def _pass_on(self, lead: Lead, became: Mapping[str, UUID | None]) -> dict[str, Any]:
        """Have what was done, and is to be done, about a lead be found at what it became."""
        await self.tx.flush()
        known = {name: id for name, id in became.items() if id is not None}
        found = {one.plural: await pass_on(one(self.tx), "lead", lead.id, known) for one in _LINKED}
        return {plural: filled for plural, filled in found.items() if filled}

    async def _hand_back(self, lead: Lead) -> None:
        became = {name: getattr(lead, name) for name in _MADE}
        for service in _LINKED:
            filled = lead.made.get("linked", {}).get(service.plural, {})
            await hand_back(service(self.tx), filled, became)
        await self.tx.flush()

    async def _unmake(self, lead: Lead, *, keeps_changed: bool) -> None:
        """Put what a conversion made into the bin: the deal first, which refers to the others.

        What stays keeps what it refers to.
        """
        kept: list[UUID] = []
        changed: list[Fault] = []
        for name, service in (
            ("deal_id", DealService(self.tx)),
            ("contact_id", ContactService(self.tx)),
            ("company_id", CompanyService(self.tx)),
        ):
            made = [UUID(lead.made[name])] if name in lead.made else []
            # Nobody begins to refer to what is about to go.
            for record in await service.records.sealed(made):
                if record.version > 1:
                    fault = Fault("changed_since", "It was changed since.", f"/{name}")
                elif await self._is_needed(lead, name, record.id, kept):
                    fault = Fault("needed_since", "Others refer to it by now.", f"/{name}")
                else:
                    await service.delete(record.id)
                    continue
                kept.append(record.id)
                changed.append(fault)
        if changed and not keeps_changed:
            message = "What the conversion made was changed, or came to be needed, since."
            raise Conflict(message, code="changed_since", faults=changed)

    async def _is_needed(self, lead: Lead, name: str, id: UUID, kept: list[UUID]) -> bool:
        """Whether something refers to a record that this conversion made, and does not go too."""
        assert lead.converted_at is not None
        return await needed_since(
            self.tx,
            _MADE[name],
            id,
            at=lead.converted_at,
            by=kept,
            but=lead.id,
            also=[_BECAME] if name == "contact_id" else (),
            # A lead that is only matched with it is looked at anew when it is converted.
            aside={"leads.matched_company_id"},
        )

    async def _check_named(self, listing: Listing, name: str, id: UUID | None) -> None:
        if id is not None and not await kinds_of(self.tx, [listing], [id]):
            message = f"There is no such {listing.entity}."
            raise Invalid.at(f"/{name}", "unknown_reference", message)

    async def _matches(self, lead: Lead, data: LeadConversion) -> dict[str, UUID | None]:
        """The records that the lead is matched with and that are still there.

        Where one is missing it is looked for anew: since the capture, another lead of the same
        person or company may have been converted. Of such that are converted at once the second
        waits, and finds what the first has made.
        """
        if not data.uses_matches:
            return {}
        known = {name: await self._still(lead, name) for name in _KNOWN}
        if all(known[name] or getattr(data, name) for name in _KNOWN):
            return known
        values, matching = columns_of(lead), Matching(self.tx)
        await matching.hold(values)
        found = await matching.of(values, lead.id)
        return {name: id or found[f"matched_{name}"] for name, id in known.items()}

    async def _still(self, lead: Lead, name: str) -> UUID | None:
        id: UUID | None = getattr(lead, f"matched_{name}")
        is_there = id is not None and await kinds_of(self.tx, [_KNOWN[name]], [id])
        return id if is_there else None

    async def _company(self, lead: Lead) -> UUID:
        body = _shared(lead, "website", "industry", "employees")
        domains = domains_of(columns_of(lead))
        given = {"name": lead.company_name, "lifecycle": "prospect", "domains": domains, **body}
        made = await CompanyService(self.tx).create(CompanyCreate.model_validate(given))
        return made.id

    async def _contact(self, lead: Lead, company_id: UUID | None) -> UUID:
        body = _shared(
            lead,
            *("first_name", "last_name", "title", "emails", "phones", "addresses"),
            *("tags", "description"),
        )
        given = {**body, "lifecycle": "prospect", "company_id": company_id}
        made = await ContactService(self.tx).create(ContactCreate.model_validate(given))
        return made.id

    async def _deal(
        self,
        lead: Lead,
        data: LeadConversion,
        contact_id: UUID | None,
        company_id: UUID | None,
    ) -> UUID:
        assert data.deal is not None
        given: Mapping[str, Any] = {
            **data.deal.model_dump(exclude_none=True),
            "name": data.deal.name or lead.company_name or lead.name,
            "contact_id": contact_id,
            "company_id": company_id,
            **_shared(lead, only=("source", "owner_id")),
        }
        try:
            made = await DealService(self.tx).create(DealCreate.model_validate(given))
            if data.deal.stage_id is not None:
                # Whether there is such a stage is for the database to say.
                await self.tx.flush()
        except Invalid as error:
            raise error.under("/deal") from None
        return made.id


def _shared(lead: Lead, *names: str, only: tuple[str, ...] = _SHARED) -> dict[str, Any]:
    """Fields of a lead that have a value, as they are given to others."""
    known = {name: getattr(lead, name) for name in (*names, *only)}
    return {name: value for name, value in known.items() if value not in (None, [])}
