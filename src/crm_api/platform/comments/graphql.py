"""Comments over GraphQL."""

from typing import Annotated

import strawberry

from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import type_from
from crm_api.platform.comments.schemas import CommentOut
from crm_api.platform.comments.service import CommentService


@type_from(CommentOut)
class Comment:
    """What somebody said about a record."""

    parent = related(CommentService, "parent", Annotated["Comment", strawberry.lazy(__name__)])
    replies = related_many(
        CommentService, "replies", Annotated["CommentConnection", strawberry.lazy(__name__)]
    )


_COMMENTS = Collection(CommentService, Comment)
CommentConnection = _COMMENTS.connection
CommentQuery = _COMMENTS.query()
CommentMutation = _COMMENTS.mutation()
