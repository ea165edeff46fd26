"""Jobs as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.jobs.graphql import JobMutation, JobQuery
from crm_api.platform.jobs.rest import router

MODULE = Module(
    name="jobs",
    routers=[router],
    tags={"jobs": "Work in the background, and how far it is."},
    queries=[JobQuery],
    mutations=[JobMutation],
)
