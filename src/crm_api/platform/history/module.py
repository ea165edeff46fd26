"""History as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.history.graphql import HistoryQuery
from crm_api.platform.history.rest import router

MODULE = Module(name="history", routers=[router], queries=[HistoryQuery])
