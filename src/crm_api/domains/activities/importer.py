"""How rows of a file become activities and tasks."""

from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.importer import PARTY_FIELDS, PartyImporter
from crm_api.kit.db.tx import Tx
from crm_api.platform.transfer.importer import Draft
from crm_api.platform.transfer.reading.aliases import DESCRIPTION, EXTERNAL_ID, TAGS, hint

_COMMON = {**PARTY_FIELDS, "tags": hint("Tags", TAGS, "tags")}
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
