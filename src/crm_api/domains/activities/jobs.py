"""What is told in the background: what is late, and what somebody wanted to be reminded of."""

from crm_api.domains.activities.reminding import remind, remind_of_start, tell_overdue
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.crud.due import moving

tell_of_overdue = moving("crm_tasks_overdue", TaskService, tell_overdue)
remind_of_tasks = moving("crm_tasks_reminded", TaskService, remind)
remind_of_activities = moving("crm_activities_reminded", ActivityService, remind_of_start)
