"""The work of users as a part of the product."""

from collections.abc import Iterable

from crm_api.domains.work.feeds import forget_feeds
from crm_api.domains.work.gathering import Workloads
from crm_api.domains.work.service import AREA
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.module import Faces, Module
from crm_api.kit.work import Workload

TAG = "work"


def work_module(workloads: Iterable[Workload]) -> Module:
    """Agendas, the queue and feeds of all that parts of the product know of."""
    Workloads.known = tuple(workloads)
    Guarded.purged.append(forget_feeds)

    def faces() -> Faces:
        from crm_api.domains.work.graphql import MUTATIONS, QUERIES
        from crm_api.domains.work.rest import ROUTERS

        return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)

    return Module(
        key="work",
        title="My work",
        description="What users have to do: agendas, one ranked queue, a calendar feed.",
        faces=faces,
        areas=[AREA],
        tags={TAG: "What users have to do, from all parts of the product."},
    )
