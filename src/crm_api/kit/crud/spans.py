"""Collections of which only one record counts for the same on a day, from a first day to a last."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, exists, func, or_, select
from sqlalchemy.orm import aliased

from crm_api.kit.crud.repository import E, Repository
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Duplicate, Fault, Invalid
from crm_api.kit.money import ExactType


class SpanRepository(Repository[E]):
    """Finds the record that counts for the same on one of the same days.

    Its table has `valid_from` and `valid_to`, both included and both optional, and an exclusion
    constraint over `same` and these days: `alone` of `kit/db/columns.py`.
    """

    same: ClassVar[tuple[str, ...]]
    """The columns that say what a record is for, the one that most of them share first."""

    async def lock_same(self, values: Mapping[str, Any]) -> None:
        """Have records that share the first of these be written one after the other.

        Till the commit. The constraint alone would have those that cross each other end in
        deadlocks.
        """
        key = (self.tx.organization_id, self.model.__tablename__, values[self.same[0]])
        await self.tx.write(
            "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))",
            ":".join(map(str, key)),
        )

    async def overlapping(self, values: Mapping[str, Any], but: UUID | None) -> UUID | None:
        """The living record, whoever sees it, that these values would overlap."""
        model = self.model
        query = self.select_all().with_only_columns(model.id).where(model.deleted_at.is_(None))
        query = query.where(*(getattr(model, name) == values[name] for name in self.same))
        first, last = values["valid_from"], values["valid_to"]
        if first is not None:
            query = query.where(or_(model.valid_to.is_(None), model.valid_to >= first))
        if last is not None:
            query = query.where(or_(model.valid_from.is_(None), model.valid_from <= last))
        if but is not None:
            query = query.where(model.id != but)
        return (await self.tx.run(query.order_by(model.id).limit(1))).scalar_one_or_none()

    @classmethod
    def same_of(cls, values: Mapping[str, Any]) -> tuple[str, ...]:
        """What a record is for, as texts that are the same wherever the values come from."""
        kinds = ((values[name], getattr(cls.model, name).type) for name in cls.same)
        return tuple(
            str(int(value * kind.scale) if isinstance(kind, ExactType) else value)
            for value, kind in kinds
        )

    async def counting(
        self, same: Collection[tuple[str, ...]], ids: Collection[UUID]
    ) -> list[tuple[UUID, tuple[str, ...], date | None, date | None]]:
        """Living records, whoever sees them, for the same as these, or with these ids.

        Of each its id, what it is for, its first day and its last.
        """
        model, own = self.model, ", ".join(self.same)
        casts = [_cast(getattr(model, name).type) for name in self.same]
        given = ", ".join(f"${place}::{cast}[]" for place, cast in enumerate(casts, 3))
        equal = " AND ".join(f"{name} = wanted.{name}" for name in self.same)
        told = f"id, {own}, valid_from, valid_to"
        # The fence keeps each look-up one of its own, whatever the planner believes of a table
        # that was filled since it was last analysed. Only names of columns vary.
        rows = await self.tx.fetch(
            f"SELECT found.* FROM unnest({given}) AS wanted({own}) CROSS JOIN LATERAL ("  # noqa: S608
            f"SELECT {told} FROM {model.__tablename__} WHERE organization_id = $1 AND {equal} "
            "AND deleted_at IS NULL OFFSET 0) found "
            f"UNION SELECT {told} FROM {model.__tablename__} WHERE organization_id = $1 "
            "AND id = ANY($2) AND deleted_at IS NULL",
            self.tx.organization_id,
            list(ids),
            *(_column(cast, place, same) for place, cast in enumerate(casts)),
        )
        return [(row[0], tuple(map(str, row[1:-2])), row[-2], row[-1]) for row in rows]

    async def in_the_way(self, column: str, source: UUID, kept: Sequence[UUID]) -> Sequence[E]:
        """Living records of `source`, locked, that would overlap one of those that are kept."""
        own, other = self.model, aliased(self.model)
        same = (getattr(own, name) == getattr(other, name) for name in self.same if name != column)
        overlaps = select(1).where(
            other.organization_id == self.tx.organization_id,
            getattr(other, column).in_(kept),
            other.deleted_at.is_(None),
            *same,
            _days(other).op("&&")(_days(own)),
        )
        query = self.select_all().where(
            getattr(own, column) == source, own.deleted_at.is_(None), exists(overlaps)
        )
        return (await self.tx.run(query.order_by(own.id).with_for_update())).scalars().all()


class SpanService(CrudService[E]):
    """Refuses a record that overlaps another one, and names that."""

    records: Any

    async def prepare(self, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """Days in order, and no other record for the same on them."""
        values = await super().prepare(values, current)
        need_order(values, current)
        await self._need_free(values, current)
        return values

    async def admit(self, values: dict[str, Any], current: Any) -> None:
        """What comes out of the bin must not overlap what was made since, either."""
        if current is not None and current.deleted_at is not None and "deleted_at" in values:
            await self._need_free({}, current)
        await super().admit(values, current)

    async def make_way(self, column: str, merged: Sequence[UUID]) -> None:
        """Of two records that would overlap, that of the earlier one stays."""
        if column in self.records.same:
            for place, id in enumerate(merged[1:], 1):
                await self.remove(await self.records.in_the_way(column, id, merged[:place]))

    async def _need_free(self, values: Mapping[str, Any], current: E | None) -> None:
        names = (*self.records.same, "valid_from", "valid_to")
        whole = {name: after(values, current, name) for name in names}
        if current is not None and current.deleted_at is None and _is_as(current, whole):
            return
        await self.records.lock_same(whole)
        other = await self.records.overlapping(whole, None if current is None else current.id)
        if other is not None:
            entity = self.model.entity
            fault, details = overlap(entity, other), {f"{entity}_id": str(other)}
            raise Duplicate(fault.message, code="overlap", faults=[fault], details=details)


def overlap(entity: str, other: UUID) -> Fault:
    """That a record would count for the same as another one on a day."""
    message = f"The {entity.replace('_', ' ')} {other} counts for the same on these days."
    return Fault("overlap", message, pointer="/valid_from")


def _is_as(current: Any, values: Mapping[str, Any]) -> bool:
    return all(getattr(current, name) == value for name, value in values.items())


def _cast(kind: Any) -> str:
    return "uuid" if isinstance(kind, Uuid) else "bigint" if isinstance(kind, ExactType) else "text"


def _column(cast: str, place: int, same: Collection[tuple[str, ...]]) -> list[Any]:
    read = {"uuid": UUID, "bigint": int}.get(cast, str)
    return [read(values[place]) for values in same]


def _days(row: Any) -> ColumnElement[Any]:
    return func.daterange(row.valid_from, row.valid_to, "[]")


def after(values: Mapping[str, Any], current: Any, name: str) -> Any:
    """What a value will be, once `values` are set."""
    return values[name] if name in values else getattr(current, name, None)


def need_order(values: Mapping[str, Any], current: Any) -> None:
    """Raises `Invalid` for days in the wrong order."""
    first, last = (after(values, current, name) for name in ("valid_from", "valid_to"))
    if first is not None and last is not None and last < first:
        raise Invalid.at("/valid_to", "ends_before_start", "It ends after it starts.")
