"""Dashboards as a part of the product."""

from crm_api.domains.dashboards.service import DashboardService
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.dashboards.graphql import MUTATIONS, QUERIES, SUBSCRIPTIONS
    from crm_api.domains.dashboards.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS, subscriptions=SUBSCRIPTIONS)


MODULE = Module(
    key="dashboards",
    title="Dashboards",
    description="Pages of reports and metrics, each as far as its reader sees the records.",
    depends_on=["reports"],
    faces=_faces,
    services=[DashboardService],
)
