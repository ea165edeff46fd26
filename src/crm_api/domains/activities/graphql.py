"""Activities and tasks over GraphQL."""

from crm_api.domains.activities import schemas
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals.graphql import Deal
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from
from crm_api.platform.identity.graphql import Team


@type_from(schemas.ActivityOut)
class Activity:
    """Something that is done with customers, or was."""

    company = related(ActivityService, "company", Company)
    contact = related(ActivityService, "contact", Contact)
    deal = related(ActivityService, "deal", Deal)
    team = related(ActivityService, "team", Team)


@type_from(schemas.TaskOut)
class Task:
    """Something to be done, once or again and again."""

    company = related(TaskService, "company", Company)
    contact = related(TaskService, "contact", Contact)
    deal = related(TaskService, "deal", Deal)
    team = related(TaskService, "team", Team)


_ACTIVITIES = Collection(ActivityService, Activity)
_TASKS = Collection(TaskService, Task)
QUERIES = (_ACTIVITIES.query(), _TASKS.query())
MUTATIONS = (_ACTIVITIES.mutation(), _TASKS.mutation())
