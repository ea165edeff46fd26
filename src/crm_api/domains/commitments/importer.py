"""How rows of a file become commitments."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crm_api.domains.commitments.service import CommitmentService, overdue_at
from crm_api.domains.companies.cells import company_of
from crm_api.domains.companies.importer import companies_named, refuse_unmakeable, relate_companies
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.importer import contacts_by_email
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.platform.transfer.importer import Draft, Importer, LookUp, Plan, data_of
from crm_api.platform.transfer.reading.aliases import DESCRIPTION, EXTERNAL_ID, TAGS, hint

_PLAIN = ("text", "due_on", "description")
_BY = {
    **dict.fromkeys(("us", "we", "wir", "uns", "мы"), "us"),
    **dict.fromkeys(("customer", "client", "kunde", "клиент"), "customer"),
}
FIELDS = {
    "text": hint("Promise", "Promise | Commitment | Text | Zusage | Versprechen | Обещание"),
    "promised_by": hint("Promised by", "Promised by | By | Von | Zugesagt von | Кто обещал"),
    "company.name": hint(
        "Company", "Company | Account Name | Company Name | Firma | Kunde | Компания"
    ),
    "company.domain": hint("Company domain", "Company Domain Name | Company Domain | Domain"),
    "contact": hint("Contact's e-mail", "Contact Email | Email | E-Mail", "email"),
    "due_on": hint("Due on", "Due Date | Due | Due On | Fällig am | Fällig | Frist | Срок", "date"),
    "department": hint("Department", "Department | Abteilung | Отдел"),
    "external_id": hint("External ID", f"Commitment ID | {EXTERNAL_ID}"),
    "tags": hint("Tags", TAGS, "tags"),
    "description": hint("Description", DESCRIPTION),
}


class CommitmentImporter(Importer):
    """Rows of commitments; the contacts that they name are there already."""

    target = "commitment"
    fields = FIELDS
    match = ("external_id",)
    service = CommitmentService
    touched = (CommitmentService, CompanyService)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The commitment of a row, and whom it calls company and contact."""
        data = data_of({n: v for n, v in texts.items() if n != "contact"}, _PLAIN)
        if texts.get("promised_by"):
            by = texts["promised_by"][0].strip().lower()
            data["promised_by"] = _BY.get(by, by)
        if texts.get("department"):
            data["department"] = texts["department"][0].strip().lower()
        own = {n.removeprefix("company."): v for n, v in texts.items() if n.startswith("company.")}
        company = company_of(own) if own else {}
        contact = next(iter(texts.get("contact", ())), None)
        return data, {"contact": contact, "company": company if "name" in company else None}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find contacts by their e-mail addresses; of several the oldest is meant."""
        await refuse_unmakeable(tx, self, drafts, plan)
        named = [draft for draft in drafts if draft.related["contact"]]
        found = await contacts_by_email(tx, {draft.related["contact"] for draft in named})
        for draft in named:
            if ids := found.get(draft.related["contact"]):
                draft.values["contact_id"] = min(ids)
                draft.given |= {"contact_id"}
            else:
                fault = Fault("unknown_contact", "There is no such contact.", "/contact_id")
                draft.faults.append(self.located(fault, draft, plan))

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Find companies by domain or name; unknown ones are made."""
        for draft in drafts:
            draft.values["overdue_at"] = overdue_at(tx, draft.values)
        await relate_companies(tx, drafts)

    def look_ups(self, drafts: Iterable[Draft]) -> set[LookUp]:
        """Also the companies that rows name."""
        drafts = list(drafts)
        return super().look_ups(drafts) | companies_named(drafts)

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """By when it is promised changes by renegotiating alone."""
        found = super().patch(current, draft)
        return {name: value for name, value in found.items() if name != "due_on"}

    def pointed(self, path: Sequence[str]) -> str:
        """What rows refer to is given by names."""
        found = super().pointed(path)
        return "company.name" if found == "company_id" else found.removesuffix("_id")
