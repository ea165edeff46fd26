"""The rules of comments."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.purges import destroy, empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.platform.comments.mentions import ids_of, mentions_in, unknown
from crm_api.platform.comments.models import Comment
from crm_api.platform.comments.repository import COMMENTS, Comments
from crm_api.platform.comments.schemas import CommentCreate, CommentUpdate


class CommentService(CrudService[Comment]):
    """What is said about records; by whoever may read them."""

    repository = Comments
    area = "comments"
    plural = "comments"
    # Nothing tells two comments from one.
    upserts = False
    create_shape = CommentCreate
    update_shape = CommentUpdate
    records: Comments
    personal = About(
        ("record_id",),
        end="removed",
        reason="What is said about somebody goes with them.",
        entity="target",
    )
    targets: ClassVar[frozenset[str]] = frozenset()
    """What can be commented on, by the word for a record; also records of custom objects can."""

    async def prepare(self, values: dict[str, Any], current: Comment | None) -> dict[str, Any]:
        """A comment is about a record that its author sees, and mentions members alone."""
        values = await super().prepare(values, current)
        if current is None:
            await self._need_record(values["target"], values["record_id"])
            await self._need_parent(values)
            access = self.tx.actor.access
            values |= {"author_id": access and access.user_id, "edited_at": None}
        if "body" in values and (current is None or values["body"] != current.body):
            values["mentions"] = await self._mentioned(values["body"], current)
            if current is not None:
                values["edited_at"] = self.tx.now
        return values

    async def _need_record(self, target: str, id: UUID) -> None:
        known = {*self.targets, *self.tx.catalogue.objects}
        if target not in known:
            message = f"There are: {', '.join(sorted(known))}."
            raise Invalid.at("/target", "not_a_choice", message)
        service = service_of(self.tx, target)
        service.need("read")
        # Locked, so that the end or a merge of the record comes before or after it.
        if await service.records.find(id, lock=True) is None:
            raise Invalid.at("/record_id", "unknown_reference", f"There is no such {target}.")

    async def _need_parent(self, values: dict[str, Any]) -> None:
        id = values["parent_id"]
        if id is None:
            return
        parent = await self.records.find(id, lock=True)
        if parent is None:
            raise Invalid.at("/parent_id", "unknown_reference", "There is no such comment.")
        if (parent.target, parent.record_id) != (values["target"], values["record_id"]):
            message = "It answers a comment on the same record."
            raise Invalid.at("/parent_id", "other_record", message)
        if parent.parent_id is not None:
            message = "That is an answer itself; name the comment that it answers."
            raise Invalid.at("/parent_id", "too_deep", message)

    async def _mentioned(self, body: str, current: Comment | None) -> list[str]:
        """Whom a text mentions; whoever was there before may have gone since."""
        mentions = mentions_in(body)
        before = set(current.mentions) if current else set[str]()
        new = [mention for mention in mentions if mention not in before]
        if new:
            unknown(new, await self.records.members(ids_of(new, "user"), ids_of(new, "team")))
        return mentions


async def move_comments(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge: UUID
) -> None:
    """Have comments on merged records be on the one that is left; a part of the merge."""
    del merge
    service = CommentService(tx)
    for comment in await service.records.about(entity, losers):
        await service.change(comment, {"record_id": winner})


async def purge_comments(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Destroy the comments on records that were destroyed."""
    gone = [comment.id for comment in await CommentService(tx).records.about(entity, ids)]
    if gone:
        await destroy(tx, COMMENTS, gone)
        await empty_events(tx, gone)
