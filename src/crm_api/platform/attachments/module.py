"""Attachments as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.service import CrudService
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Use
from crm_api.platform.attachments.removing import remove_files, tidy
from crm_api.platform.attachments.repository import OTHERS, TARGETS
from crm_api.platform.attachments.service import AttachmentService, end_with_record

_OF = """
    SELECT count(*) AS n FROM attachments
    WHERE organization_id = $1 AND target = ANY($2) AND deleted_at IS NULL
"""


def attachments_module(
    services: Iterable[type[CrudService[Any]]], others: type[CrudService[Any]]
) -> Module:
    """Files of the records of these collections, and of custom objects."""
    targets = {s.repository.listing.entity: s for s in services if s.plain or s.governed}
    AttachmentService.targets = frozenset(targets)
    TARGETS[:] = (service.repository.listing for service in targets.values())
    OTHERS[:] = [others.repository.listing]
    Guarded.purged.append(end_with_record)

    def faces() -> Faces:
        from crm_api.platform.attachments.graphql import MUTATIONS, QUERIES
        from crm_api.platform.attachments.rest import attachments, files, public, record_routes

        return Faces(
            routers=[files, attachments, public, record_routes([*targets.values(), others])],
            queries=QUERIES,
            mutations=MUTATIONS,
        )

    return Module(
        key="attachments",
        title="Attachments",
        description="Files of records, of whatever kind those are.",
        switchable=False,
        uses=[Use("attachments", _OF)],
        faces=faces,
        tags={"files": "Bytes that are sent to be attached."},
        chores=[
            Chore("attachments.remove_files", remove_files, every_s=60, shared=True),
            Chore("files.tidy", tidy),
        ],
        services=[AttachmentService],
        events=["attachment.linked"],
    )
