"""Attachments over GraphQL; the files themselves come and go over HTTP."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import asks_count, connected
from crm_api.kit.graphql.types import type_from
from crm_api.platform.attachments.schemas import AttachmentLinkOut, AttachmentOut, LinkInput
from crm_api.platform.attachments.service import AttachmentService


@type_from(AttachmentOut)
class Attachment:
    """A file of a record."""


@type_from(AttachmentLinkOut)
class AttachmentLink:
    """Where a file can be had for a while, by whoever has the link."""


_ATTACHMENTS = Collection(AttachmentService, Attachment)
AttachmentConnection = _ATTACHMENTS.connection


@strawberry.type
class RecordAttachmentQuery:
    """The files of records."""

    @strawberry.field
    async def record_attachments(  # pyright: ignore[reportUnknownParameterType]
        self, info: GraphInfo, entity: str, id: UUID, first: int = 50, after: str | None = None
    ) -> AttachmentConnection:  # pyright: ignore[reportInvalidTypeForm]
        """What is attached to a record, newest first; also while it is in the bin."""
        service = AttachmentService(info.context.tx)
        limit = page_size(first)
        query = service.asked_of(entity, id, limit=limit, cursor=after, count=asks_count(info))
        page = await service.of_record(entity, id, query)
        return cast("Any", connected(page, after))


@strawberry.type
class AttachmentLinkMutation:
    """Links to files."""

    @mutation
    async def link_attachment(
        self,
        info: GraphInfo,
        id: UUID,
        expires_in: int = 3_600,
        inline: bool = False,  # noqa: FBT001, FBT002 - an argument of the field
    ) -> AttachmentLink:
        """A link that opens the file for a while, for whoever has it."""
        data = shape_given(LinkInput, {"expires_in": expires_in, "inline": inline})
        return cast("Any", await AttachmentService(info.context.tx).link(id, data))


QUERIES = (_ATTACHMENTS.query(), RecordAttachmentQuery)
MUTATIONS = (_ATTACHMENTS.mutation(), AttachmentLinkMutation)
