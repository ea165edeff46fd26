"""Quotas as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.quotas.graphql import UsageQuery
from crm_api.platform.quotas.rest import usage

MODULE = Module(
    key="quotas",
    title="Quotas",
    description="How much an organization may ask, and how many users, records and files it may have.",
    switchable=False,
    routers=[usage],
    tags={"usage": "What the organization may use, and what it does."},
    queries=[UsageQuery],
)
