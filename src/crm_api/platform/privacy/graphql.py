"""Requests of people, holds and retention over GraphQL."""

from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.privacy.retention import RetentionPolicyService
from crm_api.platform.privacy.schemas import ErasureReport as ErasureReportShape
from crm_api.platform.privacy.schemas import (
    ExtendInput,
    LegalHoldOut,
    ReadmitInput,
    RejectInput,
    RetentionPolicyOut,
    SubjectRequestOut,
    VerifyInput,
)
from crm_api.platform.privacy.schemas import RetentionPreview as RetentionPreviewShape
from crm_api.platform.privacy.service import LegalHoldService, SubjectRequestService


@type_from(SubjectRequestOut)
class SubjectRequest:
    """What a person has asked for about their data."""


@type_from(LegalHoldOut)
class LegalHold:
    """That a record must not be destroyed, and why."""


@type_from(RetentionPolicyOut)
class RetentionPolicy:
    """How long records of a kind are kept."""


@type_from(ErasureReportShape)
class ErasureReport:
    """What an erasure would do."""


@type_from(RetentionPreviewShape)
class RetentionPreview:
    """What a run would find now."""


@strawberry.type
class SubjectRequestStarted:
    """The job that was asked for."""

    job_id: UUID
    request: SubjectRequest


_REQUESTS = Collection(SubjectRequestService, SubjectRequest)
_HOLDS = Collection(LegalHoldService, LegalHold)
_POLICIES = Collection(RetentionPolicyService, RetentionPolicy)


@strawberry.type
class RetentionQuery:
    """What policies would do."""

    @strawberry.field
    async def retention_preview(self, info: GraphInfo, id: UUID) -> RetentionPreview:
        """How many records match now, and how many of them a legal hold keeps."""
        return await RetentionPolicyService(info.context.tx).preview(id)  # pyright: ignore[reportReturnType]


@strawberry.type
class SubjectRequestActions:
    """What may be done to requests of people."""

    @mutation
    async def verify_subject_request(
        self, info: GraphInfo, id: UUID, verification: str
    ) -> SubjectRequest:
        """Say how a person is known to be who they say."""
        data = shape_given(VerifyInput, {"verification": verification})
        return await SubjectRequestService(info.context.tx).verify(id, data)

    @mutation
    async def extend_subject_request(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(ExtendInput),  # pyright: ignore[reportInvalidTypeForm]
    ) -> SubjectRequest:
        """Take longer for an answer."""
        data = shape_given(ExtendInput, input)
        return await SubjectRequestService(info.context.tx).extend(id, data)

    @mutation
    async def reject_subject_request(
        self, info: GraphInfo, id: UUID, rejection: str
    ) -> SubjectRequest:
        """Reject a request, with the reason."""
        data = shape_given(RejectInput, {"rejection": rejection})
        return await SubjectRequestService(info.context.tx).reject(id, data)

    @mutation
    async def start_subject_request(self, info: GraphInfo, id: UUID) -> SubjectRequestStarted:
        """Carry a request out, by a job."""
        return await SubjectRequestService(info.context.tx).start(id)  # pyright: ignore[reportReturnType]

    @mutation
    async def preview_erasure(self, info: GraphInfo, id: UUID) -> ErasureReport:
        """What an erasure would do; nothing is done."""
        return await SubjectRequestService(info.context.tx).preview(id)  # pyright: ignore[reportReturnType]

    @mutation
    async def readmit_person(
        self,
        info: GraphInfo,
        input: input_from(ReadmitInput),  # pyright: ignore[reportInvalidTypeForm]
    ) -> int:
        """Let somebody be known again who was erased; how many were known by this."""
        data = shape_given(ReadmitInput, input)
        return (await SubjectRequestService(info.context.tx).readmit(data))["readmitted"]

    @mutation
    async def run_retention(self, info: GraphInfo, id: UUID) -> UUID:
        """Carry a policy out now; the job."""
        return await RetentionPolicyService(info.context.tx).begin(id)


QUERIES = (_REQUESTS.query(), _HOLDS.query(), _POLICIES.query(), RetentionQuery)
MUTATIONS = (
    _REQUESTS.mutation(),
    _HOLDS.mutation(),
    _POLICIES.mutation(),
    SubjectRequestActions,
)
