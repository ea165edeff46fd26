"""How rows of a file become activities and tasks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.domains.companies.importer import companies_named, company_of, relate_companies
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.importer import contacts_by_email
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.platform.transfer.importer import Draft, Importer, LookUp, Plan, data_of
from crm_api.platform.transfer.reading.aliases import DESCRIPTION, EXTERNAL_ID, TAGS, hint

_COMMON = {
    "company.name": hint(
        "Company",
        "Company | Account Name | Company Name | Account | Firma | Unternehmen | Компания",
    ),
    "company.domain": hint("Company domain", "Company Domain Name | Company Domain | Domain"),
    "contact": hint("Contact's e-mail", "Contact Email | Email | E-Mail", "email"),
    "tags": hint("Tags", TAGS, "tags"),
}
ACTIVITY_FIELDS = {
    "kind": hint("Kind", "Activity Type | Type | Kind | Art | Тип"),
    "subject": hint("Subject", "Subject | Title | Activity | Betreff | Objet | Asunto | Тема"),
    "body": hint("Text", f"Body | Notes | Note | Comments | {DESCRIPTION}"),
    "direction": hint("Direction", "Direction | Call Direction | Richtung | Направление"),
    "outcome": hint("Outcome", "Outcome | Result | Call Result | Ergebnis | Результат"),
    "starts_at": hint("Starts at", "Activity Date | Start | Start Time | Starts At | Beginn"),
    "ended_at": hint("Ended at", "End | End Time | Ended At | Ende"),
    "duration": hint("Duration", "Duration | Call Duration | Duration (s) | Dauer", "integer"),
    "external_id": hint("External ID", f"Activity ID | {EXTERNAL_ID}"),
    **_COMMON,
}
TASK_FIELDS = {
    "subject": hint("Subject", "Subject | Title | Task | Task Name | Betreff | Aufgabe | Задача"),
    "description": hint("Description", f"{DESCRIPTION} | Notes | Comments"),
    "kind": hint("Kind", "Task Type | Type | Kind | Art"),
    "priority": hint("Priority", "Priority | Task Priority | Priorität | Приоритет"),
    "due_on": hint("Due on", "Due Date | Due | Due On | Fällig | Срок", "date"),
    "recurrence": hint("Recurrence", "Recurrence | Recurrence Rule | RRULE"),
    "external_id": hint("External ID", f"Task ID | {EXTERNAL_ID}"),
    **_COMMON,
}


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


class ActivityImporter(PartyImporter):
    """Rows of activities; those without a party are internal."""

    target = "activity"
    fields = ACTIVITY_FIELDS
    service = ActivityService
    touched = (ActivityService, CompanyService)
    plain = tuple(n for n in ACTIVITY_FIELDS if n not in {*_COMMON, "external_id"})

    def fit(self, tx: Tx, draft: Draft) -> None:
        """A row without a company and a contact is internal."""
        service, values = ActivityService(tx), draft.values
        outside = draft.related["company"] or values["contact_id"]
        values["is_internal"] = not outside
        times = {n: v for n, v in values.items() if n in {"starts_at", "ended_at", "duration"}}
        values |= service.checked(times, None, whole=values)
        values |= {n: v for n, v in service.begun(values).items() if n != "id"}


class TaskImporter(PartyImporter):
    """Rows of tasks, which are open."""

    target = "task"
    fields = TASK_FIELDS
    service = TaskService
    touched = (TaskService, CompanyService)
    plain = tuple(n for n in TASK_FIELDS if n not in {*_COMMON, "external_id"})

    def fit(self, tx: Tx, draft: Draft) -> None:
        """What recurs is due on a day."""
        draft.values |= TaskService(tx).timed(dict(draft.values), None)
