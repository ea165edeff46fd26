"""What is told of tasks in the background: that they are late, that somebody wanted to be reminded."""

from crm_api.domains.activities.reminding import remind, tell_overdue
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.crud.due import moving

tell_of_overdue = moving("crm_tasks_overdue", TaskService, tell_overdue)
remind_of_tasks = moving("crm_tasks_reminded", TaskService, remind)
