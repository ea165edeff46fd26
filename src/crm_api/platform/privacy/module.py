"""Privacy as a part of the product."""

from collections.abc import Iterable, Sequence

from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.kit.secrets import SealedColumn
from crm_api.platform.privacy.archive import remove_archives
from crm_api.platform.privacy.erasing import Erasure
from crm_api.platform.privacy.guard import ErasedBar, HoldKeeper
from crm_api.platform.privacy.jobs import (
    collect_data,
    erase_person,
    erase_stragglers,
    remove_archive,
    run_retention,
)
from crm_api.platform.privacy.persons import people
from crm_api.platform.privacy.retention import RetentionPolicyService
from crm_api.platform.privacy.service import LegalHoldService, SubjectRequestService


def _faces() -> Faces:
    from crm_api.platform.privacy.graphql import MUTATIONS, QUERIES
    from crm_api.platform.privacy.rest import erasures, holds, policies, requests

    return Faces(
        routers=[requests, holds, policies, erasures],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="privacy",
    title="Privacy",
    description="Access to one's data, erasure, legal holds and how long records are kept.",
    switchable=False,
    faces=_faces,
    tags={"erasures": "Who was erased, and may come back."},
    jobs=[collect_data, erase_person, erase_stragglers, remove_archive, run_retention],
    secrets=[SealedColumn("hash_keys", "secret", key="organization_id", tenant=True)],
    chores=[Chore("privacy.remove_archives", remove_archives)],
    managed={
        area: Managed("manage_privacy", secret=True)
        for area in ("privacy", "legal_holds", "retention")
    },
    services=[SubjectRequestService, LegalHoldService, RetentionPolicyService],
    events=[
        "retention_policy.ran",
        *(
            f"subject_request.{verb}"
            for verb in ("verified", "extended", "rejected", "started", "completed", "wiped")
        ),
    ],
)


def cover(modules: Iterable[Module]) -> Sequence[str]:
    """Have requests of people reach everything that these modules keep; who may be erased."""
    known = list(modules)
    services = [service for module in known for service in module.services]
    Erasure.services = services
    Erasure.traces = [trace for module in known for trace in module.traces]
    Guarded.keepers[:] = [HoldKeeper()]
    persons = [service for service, _ in people(services)]
    kinds = [service.repository.listing.entity for service in persons]
    for service in persons:
        service.bar = ErasedBar(kinds)
    return kinds
