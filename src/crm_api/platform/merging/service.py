"""Merging and taking apart."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.index import external_key
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.custom.fields import CustomField
from crm_api.kit.db.base import Entity
from crm_api.kit.db.references import references_to
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Duplicate, Fault, Forbidden, Invalid, Merged, WrongState
from crm_api.kit.ids import new_id
from crm_api.platform.merging.merger import Fold, Merger
from crm_api.platform.merging.models import Merge
from crm_api.platform.merging.repository import Caused, Merges
from crm_api.platform.merging.schemas import MergeInput
from crm_api.platform.merging.survivorship import returned, survive

Follower = Callable[[Tx, str, UUID, Sequence[UUID], UUID], Awaitable[None]]
"""Gets the transaction, the kind of record, the winner, the losers and the merge."""


class MergeService(CrudService[Merge]):
    """Merges of every kind of record that has a merger."""

    repository = Merges
    area = "merges"
    plural = "merges"
    personal = About(
        ("winner_id",),
        end="kept",
        reason="Which records became one, by their ids alone.",
        entity="target",
    )
    plain = False
    records: Merges
    mergers: ClassVar[Mapping[str, Merger]] = {}
    followers: ClassVar[Sequence[Follower]] = ()
    """What else becomes of a merge, as a part of it."""
    parters: ClassVar[Sequence[Follower]] = ()
    """What else becomes of the undoing of a merge, as a part of it: all records are there again."""

    async def merge(
        self, entity: str, data: MergeInput, *, expected_version: int | None = None
    ) -> tuple[Any, Any]:
        """Fold the losers into the winner; returns the merge and the winner as they are now.

        Raises `Stale` where the winner is not at the version that the client has seen.
        """
        merger = self.mergers[entity]
        service = merger.service(self.tx)
        service.need("update")
        service.need("delete")
        self.tx.actor.permitted("merge")
        _check(merger, data)
        service.guard.fields(data.fields, "/fields")
        await self.records.lock()
        fold = await self._fold(merger, service, data)
        await service.need_version(fold.winner, expected_version)
        id = new_id()
        with self.tx.caused_by(id):
            await merger.settle(service, fold)
            await self._bin(service, fold)
            record = await self._fill(merger, service, fold)
            moved = await self._move(service, fold)
            for follow in self.followers:
                await follow(self.tx, entity, data.winner_id, data.loser_ids, id)
        made = self.add(
            {
                "id": id,
                "target": entity,
                "winner_id": data.winner_id,
                "loser_ids": [str(loser) for loser in data.loser_ids],
                "status": "done",
                "fields": _provenance(fold),
                "moved": moved,
                "custom": {},
                "external_ids": {},
            }
        )
        await self.tx.flush()
        return made, await service.told(record)

    async def undo(self, id: UUID, *, expected_version: int | None = None) -> tuple[Any, Any]:
        """Make several records of one again; returns the merge and what is left of the winner.

        Raises `Stale` where the merge is not at the version that the client has seen.
        """
        current = await self.records.get(id)
        merger = self.mergers[current.target]
        service = merger.service(self.tx)
        service.need("update")
        service.need("delete")
        self.tx.actor.permitted("merge")
        await self.records.lock()
        current = (await self.records.records(self, [id]))[id]
        await self.need_version(current, expected_version)
        if current.status != "done":
            raise WrongState("The merge was undone before.", code="already_undone")
        record = await _Undoing(self, merger, service, current).run()
        values = {"status": "undone", "undone_at": self.tx.now, "undone_by": self.tx.actor.id}
        return await self.change(current, values, verb="undone"), await service.told(record)

    async def _fold(self, merger: Merger, service: Any, data: MergeInput) -> Fold:
        """Lock the records and choose what survives; raises where one of them is not there."""
        ids = [data.winner_id, *data.loser_ids]
        found = await self.records.records(service, ids)
        for place, id in enumerate(ids):
            if id not in found:
                absence = await service.records.absence(id)
                if isinstance(absence, Merged):
                    raise absence
                pointer = f"/loser_ids/{place - 1}" if place else "/winner_id"
                message = f"There is no such {merger.entity}."
                raise Invalid.at(pointer, "unknown_reference", message)
        await service.guard.permit([data.winner_id], "update")
        await service.guard.permit(data.loser_ids, "delete")
        records = [found[id] for id in ids]
        survivors = survive(
            [columns_of(record) for record in records], merger.fields, merger.together, data.fields
        )
        if "owner_id" in data.fields:
            _need_owner(service, records[0], survivors.values["owner_id"])
        return Fold(records[0], records[1:], survivors)

    async def _bin(self, service: Any, fold: Fold) -> None:
        tx, winner = self.tx, fold.winner.id
        for loser in fold.losers:
            self.records.redirect(loser, winner)
            await service.change(
                loser,
                {"deleted_at": tx.now, "deleted_by": tx.actor.id},
                verb="merged",
                told={"merged_into": winner},
            )
        # The winner may take over what must be unique.
        await tx.flush()

    async def _fill(self, merger: Merger, service: Any, fold: Fold) -> Any:
        winner = fold.winner
        given = dict(fold.survivors.values)
        given["custom"] = _without_each_other(service, fold)
        values = service.normalise(given, winner, None)
        record = await merger.store(service, winner, values)
        for value in sorted(_external(*fold.losers) - _external(winner)):
            self.records.hold_key(winner, value)
        await self.tx.flush()
        return record

    async def _move(self, service: Any, fold: Fold) -> dict[str, int]:
        moved: dict[str, int] = {}
        merged = [record.id for record in fold.records]
        for reference in references_to(service.model):
            # A record does not refer to itself, nor a merged one to what it became.
            but = merged if reference.entity == service.model.entity else ()
            # All of it before anything is moved: undone in reverse, it finds its place free again.
            await service_of(self.tx, reference.entity).make_way(reference.column, merged)
            for loser in merged[1:]:
                count = await self.records.move(reference, loser, merged[0], but=but)
                moved[reference.name] = moved.get(reference.name, 0) + count
        for field in self.tx.catalogue.relations_to(service.records.listing.entity):
            count = await self._move_custom(field, merged)
            moved[f"{field.target}.custom.{field.name}"] = count
        return {name: count for name, count in moved.items() if count}

    async def _move_custom(self, field: CustomField, merged: Sequence[UUID]) -> int:
        """Have the relation fields of others lead to the winner."""
        service = service_of(self.tx, field.target)
        winner, *losers = merged
        moved = 0
        while ids := await self.records.referring(field, losers, but=merged):
            for record in await service.records.locked(ids, everywhere=True):
                custom = {**record.custom, field.name: str(winner)}
                await service.change(record, {"custom": custom})
            await self.tx.flush()
            moved += len(ids)
        return moved


class _Undoing:
    """One undoing: the merge, its records, and what it changed walked backwards."""

    def __init__(self, merges: MergeService, merger: Merger, service: Any, merge: Merge) -> None:
        self.tx, self.merges, self.merger, self.service = merges.tx, merges, merger, service
        self.merge = merge
        self.losers = [UUID(id) for id in merge.loser_ids]
        self.moved = {(r.entity, r.column): r for r in references_to(service.model)}

    async def run(self) -> Any:
        """Put everything back; the representation of what is left of the winner."""
        await self._lock()
        records = self.merges.records
        steps = await records.caused(self.merge.id)
        await records.end_redirects(self.losers)
        winner = (await records.records(self.service, [self.merge.winner_id])).popitem()[1]
        losers = await records.records(self.service, self.losers, deleted=True)
        await records.drop_keys(winner, sorted(_external(*losers.values()) - _external(winner)))
        try:
            for step in steps:
                await self._back(step)
                # One by one: what takes a unique place must see it free.
                await self.tx.flush()
        except Duplicate as error:
            message = "A value that was made since stands in the way."
            raise Blocked(message, code="changed_since", faults=error.faults) from error
        await self.merger.check(self.service, [winner.id, *self.losers])
        for part in self.merges.parters:
            await part(self.tx, self.merge.target, winner.id, self.losers, self.merge.id)
        left = await self.service.records.get(winner.id)
        return await self.service.told(self.service.shown_of(left))

    async def _lock(self) -> None:
        winner, records = self.merge.winner_id, self.merges.records
        found = await records.records(self.service, [winner, *self.losers], deleted=True)
        if winner not in found or found[winner].deleted_at is not None:
            absence = await self.service.records.absence(winner)
            details = absence.details if isinstance(absence, Merged) else {}
            message = "The record that was left is not there any more; bring it back first."
            raise Blocked(message, code="winner_gone", details=details)
        if set(self.losers) - found.keys():
            raise Blocked("A record that was merged is gone for good.", code="loser_gone")
        await self.service.guard.permit([winner], "update")
        await self.service.guard.permit(self.losers, "delete")

    async def _back(self, step: Caused) -> None:
        if step.type == f"{self.merger.entity}.merged":
            await self._restore(step.ids)
        elif reference := self._reference(step):
            (source,) = step.previous.values()
            winner = self.merge.winner_id
            await self.merges.records.move(reference, winner, UUID(source), only=step.ids)
        else:
            service = service_of(self.tx, step.entity)
            binned = step.data.get("deleted_at") is not None
            found = await self.merges.records.records(
                service, step.ids, deleted=binned, everywhere=True
            )
            for record in found.values():
                await self._change_back(service, record, step)

    def _reference(self, step: Caused) -> Any:
        """The reference that a step moved, if that is what it did."""
        moves = len(step.data) == 1 and step.ids != [self.merge.winner_id]
        reference = self.moved.get((step.entity, next(iter(step.data)))) if moves else None
        is_move = reference and step.data[reference.column] == str(self.merge.winner_id)
        return reference if is_move else None

    async def _restore(self, ids: Sequence[UUID]) -> None:
        losers = await self.merges.records.records(self.service, ids, deleted=True)
        for id in ids:
            await self.service.change(
                losers[id],
                {"deleted_at": None, "deleted_by": None},
                verb="unmerged",
                told={"merged_into": None},
            )

    async def _change_back(self, service: Any, record: Entity, step: Caused) -> None:
        now = msgspec.to_builtins(service.shown(columns_of(record)))
        whole = self.merger.together if record.id == self.merge.winner_id else ()
        stays = {
            name
            for group in whole
            if any(now[name] != step.data[name] for name in group if name in step.data)
            for name in group
        }
        values = {
            name: now[name] if name in stays else returned(now[name], before, step.data[name])
            for name, before in step.previous.items()
        }
        typed = service.unshown(values, record)
        if "deleted_at" in typed and typed["deleted_at"] is None:
            typed["deleted_by"] = None
        if any(now[name] != after for name, after in step.data.items()):
            # Not what it was before: what is derived follows from what it is now.
            typed = service.normalise(typed, record, None)
        if step.entity == self.merger.entity:
            await self.merger.store(service, record, typed)
        else:
            await service.change(record, typed)


def _check(merger: Merger, data: MergeInput) -> None:
    ids = [data.winner_id, *data.loser_ids]
    faults: list[Fault] = []
    for place, loser in enumerate(data.loser_ids):
        if loser in ids[: place + 1]:
            what = "itself" if loser == data.winner_id else "repeated"
            message = "A record is not merged with itself, nor twice."
            faults.append(Fault(what, message, pointer=f"/loser_ids/{place}"))
    for name, id in data.fields.items():
        pointer = f"/fields/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in merger.fields:
            faults.append(Fault("unknown_field", f"Not a field of a {merger.entity}.", pointer))
        elif id not in ids:
            faults.append(Fault("not_merged", "Name one of the merged records.", pointer))
    for group in merger.together:
        if len({data.fields[name] for name in group if name in data.fields}) > 1:
            message = f"These come from one record: {', '.join(group)}."
            faults.append(Fault("torn_apart", message, pointer=f"/fields/{group[0]}"))
    if faults:
        raise Invalid(faults[0].message, faults=faults)


def _need_owner(service: Any, winner: Any, owner: UUID | None) -> None:
    """Raise `Forbidden` where the record would get an owner that a change may not give it."""
    if owner != winner.owner_id:
        try:
            service.guard.reach_owner({"owner_id": owner}, "update", winner.owner_id)
        except Forbidden as error:
            raise error.under("/fields") from None


def _without_each_other(service: Any, fold: Fold) -> dict[str, Any]:
    """The custom values that survive, but for relations among the records that are one now."""
    merged = {str(record.id) for record in fold.records}
    among = {field.name for field in service.fields.relations}
    custom: dict[str, Any] = fold.survivors.values["custom"]
    return {n: v for n, v in custom.items() if n not in among or v not in merged}


def _provenance(fold: Fold) -> list[dict[str, Any]]:
    return [
        {"field": name, "rule": source.rule, "source_ids": [str(id) for id in source.ids]}
        for name, source in fold.survivors.sources.items()
    ]


def _external(*records: Any) -> set[str]:
    """The external ids of some records as look-up keys have them."""
    return {external_key(s, i) for record in records for s, i in record.external_ids.items()}


async def folded(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], fields: Mapping[str, UUID]
) -> tuple[Any, Any]:
    """Fold records into one, for other parts of the product; the merge and what is left."""
    data = MergeInput(winner_id=winner, loser_ids=list(losers), fields=dict(fields))
    return await MergeService(tx).merge(entity, data)
