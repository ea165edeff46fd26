"""Activities and tasks as a part of the product."""

from collections.abc import Mapping

from crm_api.domains.activities.automating import CreateTask, LogActivity
from crm_api.domains.activities.importer import ActivityImporter, TaskImporter
from crm_api.domains.activities.jobs import (
    remind_of_activities,
    remind_of_tasks,
    tell_of_overdue,
)
from crm_api.domains.activities.linking import collecting, erasing, forgetting, moving
from crm_api.domains.activities.pictured import SECTIONS, TOUCHPOINTS
from crm_api.domains.activities.reminding import BEGINS, OVERDUE, REMINDED
from crm_api.domains.activities.service import LOGGED, ActivityService
from crm_api.domains.activities.standard import STANDARD_REPORTS
from crm_api.domains.activities.states import ACTIVITY_WAYS, TASK_WAYS
from crm_api.domains.activities.tasks import TaskService
from crm_api.domains.activities.touching import TOUCHES
from crm_api.domains.activities.working import WORK
from crm_api.kit.crud.personal import Trace
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module

_LINKED = (ActivityService, TaskService)
ActivityService.purged.append(forgetting(_LINKED))
move_links, forget_links = moving(_LINKED), erasing(_LINKED)

REMINDERS: Mapping[str, Mapping[str, str]] = {
    OVERDUE: {
        "en": "{record} was to be done by now",
        "de": "{record} sollte inzwischen erledigt sein",
        "ru": "{record}: срок выполнения прошёл",
    },
    REMINDED: {
        "en": "{record} is to be done",
        "de": "{record} ist zu erledigen",
        "ru": "{record}: пора сделать",
    },
    BEGINS: {
        "en": "{record} is about to begin",
        "de": "{record} beginnt demnächst",
        "ru": "{record}: скоро начало",
    },
}


def _faces() -> Faces:
    from crm_api.domains.activities.graphql import MUTATIONS, QUERIES
    from crm_api.domains.activities.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="activities",
    title="Activities",
    description="What was done with customers, and what is to be done.",
    depends_on=["companies", "contacts", "deals"],
    faces=_faces,
    importers=[ActivityImporter(), TaskImporter()],
    traces=[Trace("links", ("activities", "tasks"), forget_links, collecting(_LINKED))],
    chores=[
        Chore("tasks.tell_of_overdue", tell_of_overdue),
        Chore("tasks.remind", remind_of_tasks),
        Chore("activities.remind", remind_of_activities),
    ],
    reminders=REMINDERS,
    events=[
        *REMINDERS,
        LOGGED,
        "activity.corrected",
        *(f"activity.timer_{verb}" for verb in ("started", "stopped")),
        *(f"activity.{way.event}" for way in ACTIVITY_WAYS.values()),
        *(f"task.{way.event}" for way in TASK_WAYS.values()),
        *(f"task.{verb}" for verb in ("snoozed", "reassigned")),
    ],
    actions=[CreateTask, LogActivity],
    work=WORK,
    touchpoints=TOUCHPOINTS,
    touches=TOUCHES,
    sections=SECTIONS,
    services=[ActivityService, TaskService],
    standard_reports=STANDARD_REPORTS,
)
