"""How rows of a file become contacts, their companies and employments."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar
from uuid import UUID

from pydantic import ValidationError

from crm_api.domains.companies.cells import company_of, stage_of
from crm_api.domains.companies.importer import (
    companies_named,
    refuse_unmakeable,
    relate_companies,
)
from crm_api.domains.companies.schemas import CompanyCreate
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.faults import faults_of
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue
from crm_api.kit.values.names import name_parts
from crm_api.platform.transfer.importer import Draft, Importer, LookUp, Plan, data_of, readable
from crm_api.platform.transfer.reading.aliases import CONTACT_FIELDS, hint

_PLAIN = (
    "salutation",
    "first_name",
    "middle_name",
    "last_name",
    "title",
    "department",
    "birth_date",
    "language",
    "time_zone",
    "description",
    "source",
)
PARTY_FIELDS = {
    "company.name": hint(
        "Company",
        """Company | Account Name | Company Name | Organization | Account | Customer | Firma
    Unternehmen | Kunde | Компания""",
    ),
    "company.domain": hint("Company domain", "Company Domain Name | Company Domain | Domain"),
    "contact": hint(
        "Contact's e-mail", "Contact Email | Requester Email | Email | E-Mail", "email"
    ),
}
# What HubSpot, Salesforce and other systems call the stages of people.
_LIFECYCLES = {
    **dict.fromkeys(("marketingqualifiedlead", "target", "new", "open", "inprogress"), "lead"),
    **dict.fromkeys(("opennotcontacted", "workingcontacted", "attemptedtocontact"), "lead"),
    **dict.fromkeys(("connected", "badtiming"), "lead"),
    **dict.fromkeys(("salesqualifiedlead", "opportunity", "opendeal"), "prospect"),
    **dict.fromkeys(("closedconverted", "qualified"), "prospect"),
    **dict.fromkeys(("customerdirect", "customerchannel", "evangelist", "client"), "customer"),
    **dict.fromkeys(("kunde", "cliente", "клиент"), "customer"),
    **dict.fromkeys(("closednotconverted", "unqualified"), "other"),
}


class ContactImporter(Importer):
    """Rows of people."""

    target = "contact"
    fields = readable(CONTACT_FIELDS)
    match = ("external_id", "email", "phone")
    service = ContactService
    touched = (EmploymentService, ContactService, CompanyService)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The contact of a row, and the company that it names."""
        data = data_of(texts, _PLAIN)
        if texts.get("name") and "last_name" not in data:
            data |= name_parts(texts["name"][0], data.get("first_name"))
        if texts.get("lifecycle"):
            data["lifecycle"] = stage_of(texts["lifecycle"][0], _LIFECYCLES)
        return data, {"company": _company(texts)}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Companies that would have to be made can be."""
        await refuse_unmakeable(tx, self, drafts, plan)

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Find companies by domain or name; unknown ones are made."""
        await relate_companies(tx, drafts)

    def look_ups(self, drafts: Iterable[Draft]) -> set[LookUp]:
        """Also the companies that rows name."""
        drafts = list(drafts)
        return super().look_ups(drafts) | companies_named(drafts)


class PartyImporter(Importer):
    """Rows that name a company and a contact, by its e-mail address."""

    match = ("external_id",)
    plain: ClassVar[tuple[str, ...]]
    lowered: ClassVar[tuple[str, ...]] = ("kind", "priority", "direction")

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The record of a row, and what it calls the company and the contact."""
        data = data_of({n: v for n, v in texts.items() if n != "contact"}, self.plain)
        for name in self.lowered:
            if isinstance(data.get(name), str):
                data[name] = data[name].strip().lower().replace(" ", "_")
        own = {n.removeprefix("company."): v for n, v in texts.items() if n.startswith("company.")}
        company = company_of(own) if own else {}
        contact = next(iter(texts.get("contact", ())), None)
        return data, {"company": company if "name" in company else None, "contact": contact}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find contacts by their e-mail addresses; what a row says has to fit together."""
        await refuse_unmakeable(tx, self, drafts, plan)
        named = {d.related["contact"] for d in drafts if d.related["contact"]}
        found = await contacts_by_email(tx, named)
        for draft in drafts:
            if text := draft.related["contact"]:
                ids = found.get(text, ())
                if len(ids) == 1:
                    draft.values["contact_id"] = ids[0]
                    draft.given |= {"contact_id"}
                else:
                    message = f"{len(ids) or 'No'} contacts have this address."
                    code = "ambiguous_contact" if ids else "unknown_contact"
                    fault = Fault(code, message, "/contact_id")
                    draft.faults.append(self.located(fault, draft, plan))
            try:
                self.fit(tx, draft)
            except Invalid as error:
                draft.faults += [self.located(fault, draft, plan) for fault in error.faults]

    def fit(self, tx: Tx, draft: Draft) -> None:
        """Complete what a row says to a record; raises `Invalid`."""
        raise NotImplementedError

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """The companies that rows name are found or made."""
        await relate_companies(tx, drafts)

    def look_ups(self, drafts: Iterable[Draft]) -> set[LookUp]:
        """Also the companies that rows name."""
        drafts = list(drafts)
        return super().look_ups(drafts) | companies_named(drafts)

    def pointed(self, path: Sequence[str]) -> str:
        """What rows refer to is given by names."""
        found = super().pointed(path)
        return "company.name" if found == "company_id" else found.removesuffix("_id")


async def contacts_by_email(tx: Tx, texts: Iterable[str]) -> dict[str, Sequence[UUID]]:
    """Who has an e-mail address, by the address as rows have it; of nobody it says nothing."""
    keys = {text: _email_key(text) for text in texts}
    if not keys:
        return {}
    found: Mapping[str, Sequence[UUID]] = await ContactService(tx).records.by_keys(
        "email", sorted(set(keys.values()))
    )
    return {text: found[key] for text, key in keys.items() if found.get(key)}


def _email_key(text: str) -> str:
    try:
        return email_key(text)
    except BadValue:
        return text


def _company(texts: Mapping[str, list[Any]]) -> dict[str, Any] | None:
    own = tuple(
        (name.removeprefix("company."), tuple(values))
        for name, values in texts.items()
        if name.startswith("company.")
    )
    return _company_of(own) if own else None


@lru_cache(maxsize=20_000)
def _company_of(cells: tuple[tuple[str, tuple[Any, ...]], ...]) -> dict[str, Any] | None:
    """The company that some cells mean; many people of a file share one."""
    try:
        data = company_of({name: list(values) for name, values in cells})
        if "name" not in data:
            return None
        CompanyCreate.model_validate(data)
    except Invalid as error:
        raise _within_company(error.faults) from None
    except ValidationError as error:
        raise _within_company(faults_of(error.errors(include_url=False))) from None
    return data


def _within_company(faults: Sequence[Fault]) -> Invalid:
    moved = [Fault(f.code, f.message, pointer=f"/company{f.pointer}") for f in faults]
    return Invalid("The company is wrong.", faults=moved)
