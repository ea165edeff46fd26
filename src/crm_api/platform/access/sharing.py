"""Sharing single records."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tables import RecordAccess
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.platform.access.granting import (
    PRINCIPALS,
    exceeds_grantor,
    need_one_principal,
    principal_of,
)
from crm_api.platform.access.models import Allowed, Share
from crm_api.platform.access.repository import Shares
from crm_api.platform.access.schemas import ShareCreate, ShareUpdate

_MATTERS = frozenset({"access", "expires_at", "deleted_at"})
"""What of a share says who sees the record."""


class ShareService(CrudService[Share]):
    """Records for others than their owners; by whoever may change them."""

    repository = Shares
    personal = About(
        ("record_id",), end="removed", reason="Nothing is left to be shared.", entity="target"
    )
    area = "shares"
    plural = "shares"
    create_shape = ShareCreate
    update_shape = ShareUpdate
    # Nothing tells two shares of a record from one.
    upserts = False
    records: Shares
    targets: ClassVar[frozenset[str]] = frozenset()
    """What can be shared, by the word for a record; also records of custom objects can."""

    async def prepare(self, values: dict[str, Any], current: Share | None) -> dict[str, Any]:
        """A record is shared with one principal, by somebody who may change it."""
        values = await super().prepare(values, current)
        whole = {**(columns_of(current) if current else {}), **values}
        if current is None:
            need_one_principal(whole)
            if whole["expires_at"] is not None and whole["expires_at"] <= self.tx.now:
                raise Invalid.at("/expires_at", "in_the_past", "It would be over already.")
        if current is None or not _MATTERS.isdisjoint(values):
            await self._record(whole)
        return values

    def of_target(self, target: str) -> CrudService[Any]:
        """The records of a kind that can be shared; raises `Invalid`."""
        known = {*self.targets, *self.tx.catalogue.objects}
        if target not in known:
            message = f"There are: {', '.join(sorted(known))}."
            raise Invalid.at("/target", "not_a_choice", message)
        return service_of(self.tx, target)

    async def _record(self, share: Mapping[str, Any]) -> Any:
        """The record that is shared, which the actor may change."""
        of_target = self.of_target(share["target"])
        of_target.need("update")
        record = await of_target.records.find(share["record_id"], lock=True)
        if record is None:
            message = f"There is no such {share['target']}."
            raise Invalid.at("/record_id", "unknown_reference", message)
        await of_target.guard.permit([record.id], "update")
        await self._need_lasting(of_target, record, share["expires_at"])
        return record

    async def _need_lasting(
        self, of_target: CrudService[Any], record: Any, until: datetime | None
    ) -> None:
        """Raise `Forbidden` where the actor has the record itself for a shorter time."""
        access = self.tx.actor.access
        level = self.tx.actor.level(of_target.area, "update")
        if access is None or level == "all" or record.owner_id in access.owners(level):
            return
        having = await self.records.having(record.id, access.principals)
        ends = [row["expires_at"] for row in having if row["writes"]]
        if None in ends or (until is not None and until <= max(ends)):
            return
        raise exceeds_grantor("/expires_at", "You do not have the record for so long yourself.")

    async def create(self, data: Any) -> Any:
        """Share a record; it is told as something that happened to the record."""
        shown = await super().create(data)
        await self._open({name: getattr(shown, name) for name in self.records.listing.shown})
        return shown

    async def change(
        self,
        current: Share,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs; whoever lists the record sees it from the commit on."""
        before = {name: getattr(current, name) for name in (*_MATTERS, "record_id")}
        shown = await super().change(current, values, verb=verb, told=told)
        if all(getattr(current, name) == value for name, value in before.items()):
            return shown
        self.tx.remove(RecordAccess, source_id=current.id)
        await self.tx.flush()
        if current.record_id != before["record_id"]:
            # A merge or its undoing, which is told of the records itself.
            await self._let_in(columns_of(current))
        elif current.deleted_at is None:
            await self._open(columns_of(current))
        else:
            await self._tell(columns_of(current), "unshared")
        return shown

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Share again; by whoever may change the record now."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        await self._record(columns_of(current))
        return await super().restore(id, expected_version=expected_version)

    async def check_purge(self, current: Share) -> None:
        """Nothing stands in the way."""
        if current.deleted_at is None:
            self.tx.remove(RecordAccess, source_id=current.id)

    async def collaborators(self, target: str, id: UUID) -> list[dict[str, Any]]:
        """The users with whom a record is shared, oldest first; raises `NotFound`."""
        of_target = self.of_target(target)
        of_target.need("read")
        await of_target.records.row(id)
        return await self.records.of_users(target, id)

    async def collaborate(
        self, target: str, id: UUID, user_id: UUID, access: Allowed
    ) -> dict[str, Any]:
        """Have a user work on a record along with its owner."""
        self.need("create")
        found = await self._collaborator(target, id, user_id)
        if not found:
            with_whom = {"user_id": user_id, "access": access}
            data = ShareCreate(target=target, record_id=id, **with_whom)
            return _collaborator(await self.create(data))
        # Several of merged records, say: what is said now holds alone.
        await self.remove(found[1:])
        given: dict[str, Any] = {"access": access, "expires_at": None}
        return _collaborator(await self.apply(found[0], given))

    async def leave(self, target: str, id: UUID, user_id: UUID) -> None:
        """Have a user work on a record no more; by whoever may change it, or by themselves."""
        actor = self.tx.actor
        is_own = actor.access is not None and actor.access.user_id == user_id
        found = await self._collaborator(target, id, user_id, changeable=not is_own)
        if not found:
            raise NotFound("The user has no share of this record.")
        await self.remove(found)

    async def _collaborator(
        self, target: str, id: UUID, user_id: UUID, *, changeable: bool = True
    ) -> Sequence[Share]:
        """The shares by which a user has a record, which is locked, so that no others come."""
        of_target = self.of_target(target)
        of_target.need("update" if changeable else "read")
        await of_target.records.get(id, lock=True)
        if changeable:
            await of_target.guard.permit([id], "update")
        return await self.records.of_user(target, id, user_id)

    async def _open(self, share: Mapping[str, Any]) -> None:
        """Have lists show a record to whom it is shared with, and tell it of the record."""
        if await self._tell(share, "shared") is not None:
            await self._let_in(share)

    async def _let_in(self, share: Mapping[str, Any]) -> None:
        """Have lists show a record to whom it is shared with; nothing is to be shown if it's gone."""
        of_target = self.of_target(share["target"])
        record = await of_target.records.find(share["record_id"], deleted=True)
        if record is None:
            return
        self.tx.insert(
            RecordAccess,
            {
                "principal_id": principal_of(share),
                "entity": share["target"],
                "record_id": share["record_id"],
                "source_id": share["id"],
                "writes": share["access"] == "write",
                "expires_at": share["expires_at"],
                "record_created_at": record.created_at,
            },
        )

    async def _tell(self, share: Mapping[str, Any], verb: str) -> Any | None:
        """Say what happened to a record; None where it is gone for good."""
        of_target = self.of_target(share["target"])
        record = await of_target.records.find(share["record_id"], deleted=True)
        if record is not None:
            with_whom = {name: share[name] for name in PRINCIPALS if share[name] is not None}
            self.tx.record(
                f"{share['target']}.{verb}",
                entity=share["target"],
                record_id=record.id,
                version=record.version,
                data={"share": {"id": share["id"], "access": share["access"], **with_whom}},
            )
        return record


async def move_shares(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge: UUID
) -> None:
    """Have whoever merged records are shared with see the one that is left; a part of the merge."""
    del merge
    service = ShareService(tx)
    for share in await service.records.of_any(entity, losers):
        await service.change(share, {"record_id": winner})


def _collaborator(share: Any) -> dict[str, Any]:
    return {
        "user_id": share.user_id,
        "access": share.access,
        "expires_at": share.expires_at,
        "share_id": share.id,
    }
