"""Quotas as a part of the product."""

from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.platform.quotas.graphql import UsageQuery
    from crm_api.platform.quotas.rest import usage

    return Faces(
        routers=[usage],
        queries=[UsageQuery],
    )


MODULE = Module(
    key="quotas",
    title="Quotas",
    description="How much an organization may ask, and how many users, records and files it may have.",
    switchable=False,
    faces=_faces,
    tags={"usage": "What the organization may use, and what it does."},
)
