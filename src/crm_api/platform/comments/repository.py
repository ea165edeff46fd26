"""How comments are found."""

from collections.abc import Sequence
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import About, Listing, Relation
from crm_api.platform.comments.models import Comment
from crm_api.platform.comments.schemas import CommentOut

COMMENTED: list[Listing] = []
"""What can be commented on; told by the registry."""
OTHERS: list[Listing] = []
"""The records of custom objects, whatever the object."""
COMMENTS: Listing = Listing(
    model=Comment,
    out=CommentOut,
    area="comments",
    about=About(
        "target",
        ("record_id",),
        lambda: COMMENTED,
        lambda: OTHERS[0],
        tells=False,
        decides=True,
    ),
    relations=(
        Relation("parent", lambda: COMMENTS, Comment.parent_id, Comment.id),
        Relation("replies", lambda: COMMENTS, Comment.id, Comment.parent_id, many=True, part=True),
    ),
)
_MEMBERS = """
    SELECT 'user:' || id AS name FROM users
    WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
    UNION ALL
    SELECT 'team:' || id FROM teams
    WHERE organization_id = $1 AND id = ANY($3) AND deleted_at IS NULL
"""


class Comments(Repository[Comment]):
    """What is said about records."""

    model = Comment
    listing = COMMENTS

    async def members(self, users: Sequence[UUID], teams: Sequence[UUID]) -> set[str]:
        """Those of some users and teams that there are, as mentions name them."""
        rows = await self.tx.fetch(_MEMBERS, self.tx.organization_id, list(users), list(teams))
        return {row["name"] for row in rows}

    async def about(self, target: str, ids: Sequence[UUID]) -> list[Comment]:
        """Every comment on some records, in the bin or not, whoever asks; locked."""
        query = self.select_all().where(Comment.record_id.in_(ids), Comment.target == target)
        query = query.order_by(Comment.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())
