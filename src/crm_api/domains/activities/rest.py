"""Activities and tasks over REST."""

from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.rest.router import crud_router

activities = crud_router(ActivityService)
tasks = crud_router(TaskService)
ROUTERS = (activities, tasks)
