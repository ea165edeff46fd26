"""Comments as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Use
from crm_api.kit.touchpoints import Touchpoint, of_target
from crm_api.platform.comments.repository import COMMENTED, OTHERS
from crm_api.platform.comments.service import CommentService, purge_comments

_ABOUT = """
    SELECT count(*) AS n FROM comments
    WHERE organization_id = $1 AND target = ANY($2) AND deleted_at IS NULL
"""


def _faces() -> Faces:
    from crm_api.platform.comments.graphql import CommentMutation, CommentQuery
    from crm_api.platform.comments.rest import router

    return Faces(
        routers=[router],
        queries=[CommentQuery],
        mutations=[CommentMutation],
    )


MODULE = Module(
    key="comments",
    title="Comments",
    description="What is said about records of any kind, and who is mentioned in it.",
    touchpoints=[Touchpoint("comment.created", "information", of_target, "internal")],
    uses=[Use("comments", _ABOUT)],
    faces=_faces,
    services=[CommentService],
)


def comment_on(services: Iterable[type[CrudService[Any]]], others: type[CrudService[Any]]) -> None:
    """Let the records of these collections, and of custom objects, be commented on.

    Not what is about other records itself, such as attachments: a comment is on those records.
    """
    known = {
        service.repository.listing.entity: service.repository.listing
        for service in services
        if service.plain and service.repository.listing.about is None
    }
    CommentService.targets = frozenset(known)
    COMMENTED[:] = known.values()
    OTHERS[:] = [others.repository.listing]
    Guarded.purged.append(purge_comments)
