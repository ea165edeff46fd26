"""Jobs as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.jobs.graphql import JobMutation, JobQuery
from crm_api.platform.jobs.rest import router

MODULE = Module(name="jobs", routers=[router], queries=[JobQuery], mutations=[JobMutation])
