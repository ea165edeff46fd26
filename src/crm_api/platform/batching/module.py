"""Many writes as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Use
from crm_api.platform.batching.jobs import write_matching
from crm_api.platform.batching.service import BatchService

_AT_WORK = """
    SELECT count(*) AS n FROM jobs
    WHERE organization_id = $1 AND args ->> 'entity' = ANY($2) AND status IN ('queued', 'running')
    AND kind = 'records.write_matching'
"""


def batching_module(
    services: Iterable[type[CrudService[Any]]], objects: type[CrudService[Any]]
) -> Module:
    """Many writes of the plain collections among these, and of the records of custom objects."""
    plain = [service for service in services if service.plain]
    BatchService.services = {service.repository.listing.entity: service for service in plain}

    def faces() -> Faces:
        from crm_api.platform.batching.graphql import batch_mutation, matching_mutations
        from crm_api.platform.batching.rest import batch, matching_routes

        return Faces(
            routers=[batch, matching_routes([*plain, objects])],
            mutations=[batch_mutation(), *matching_mutations(plain)],
        )

    return Module(
        key="batching",
        title="Many writes at once",
        description="Batches of mixed writes, and the same change of all records that match.",
        switchable=False,
        uses=[Use("bulk_changes", _AT_WORK)],
        tags={"batch": "Writes of records of any kind in one request."},
        faces=faces,
        jobs=[write_matching],
    )
