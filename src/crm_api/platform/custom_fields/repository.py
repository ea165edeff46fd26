"""How definitions are stored, and what of the records stands against them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from crm_api.kit.crud.repository import Repository
from crm_api.kit.custom.catalogue import CustomObject
from crm_api.kit.custom.fields import MAX_KEY, CustomField, Option, Rollup
from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.targets import target_of
from crm_api.platform.custom_fields.models import CustomFieldRow, CustomObjectRow
from crm_api.platform.custom_fields.schemas import CustomFieldOut, CustomObjectOut

LISTING: Listing = Listing(
    model=CustomFieldRow, out=CustomFieldOut, area="custom_fields", default_sort="-created_at"
)

OBJECTS: Listing = Listing(model=CustomObjectRow, out=CustomObjectOut, area="custom_objects")
# Records in the bin count nowhere: to come back they have to fit.
_RECORDS = "FROM {table} WHERE organization_id = $1 AND deleted_at IS NULL {part} AND "
_LACKING = f"SELECT count(*) AS n {_RECORDS} NOT custom ? $2"
_HOLDING = "SELECT count(*) AS n FROM {table} WHERE organization_id = $1 {part} AND custom ? $2"
_OF_OBJECT = """
    SELECT (SELECT count(*) FROM custom_records WHERE organization_id = $1 AND object = $2)
        + (SELECT count(*) FROM custom_fields WHERE organization_id = $1
            AND (target = $2 OR relates_to = $2)) AS n
"""
_TWICE = f"""
    SELECT coalesce(sum(n), 0)::bigint AS n FROM (
        SELECT count(*) AS n {_RECORDS} custom ? $2 GROUP BY custom -> $2 HAVING count(*) > 1) same
"""  # noqa: S608 - the name of a model
_CHOSEN = f"SELECT count(*) AS n {_RECORDS} (custom -> $2 ?| $3 OR custom ->> $2 = ANY($3))"
_LONG = f"SELECT count(*) AS n {_RECORDS} length(custom ->> $2) > {MAX_KEY}"


class Schema:
    """All definitions of an organization, as they are published for those who use them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def lock(self) -> None:
        """Let one definition of an organization be written at a time, knowing all others."""
        await hold_state(self.tx)

    async def publish(self) -> None:
        """Have the definitions as they stand now be what everybody uses."""
        fields = await self._rows(CustomFieldRows(self.tx).select().order_by(*_ORDER))
        objects = await self._rows(CustomObjectRows(self.tx).select().order_by(CustomObjectRow.key))
        gone: dict[str, list[str]] = {}
        for row in fields:
            if row.deleted_at is not None:
                gone.setdefault(row.target, []).append(row.name)
        await publish_state(
            self.tx,
            fields=_inheriting([field_of(row) for row in fields if row.deleted_at is None]),
            gone=gone,
            objects=tuple(
                CustomObject(row.id, row.key, row.label, row.plural_label, row.name_label)
                for row in objects
                if row.deleted_at is None
            ),
        )

    async def _rows(self, query: Any) -> list[Any]:
        return list((await self.tx.run(query)).scalars())


class CustomObjectRows(Repository[CustomObjectRow]):
    """The custom objects of an organization."""

    model = CustomObjectRow
    listing = OBJECTS

    async def holding(self, current: CustomObjectRow) -> int:
        """Records and definitions of an object, also those in the bin."""
        rows = await self.tx.fetch(_OF_OBJECT, self.tx.organization_id, current.key)
        return rows[0]["n"]


class CustomFieldRows(Repository[CustomFieldRow]):
    """The definitions of an organization."""

    model = CustomFieldRow
    listing = LISTING

    async def holding(self, field: CustomFieldRow) -> int:
        """Records with a value, also those in the bin."""
        return await self._conflicts(_HOLDING, field)

    async def lacking(self, field: CustomFieldRow) -> int:
        """Records without a value."""
        return await self._conflicts(_LACKING, field)

    async def repeated(self, field: CustomFieldRow) -> int:
        """Records that share their value with another one."""
        return await self._conflicts(_TWICE, field)

    async def too_long(self, field: CustomFieldRow) -> int:
        """Records whose text is too long for an index."""
        return await self._conflicts(_LONG, field)

    async def choosing(self, field: CustomFieldRow, options: Sequence[str]) -> int:
        """Records that have one of these options."""
        return await self._conflicts(_CHOSEN, field, list(options))

    async def _conflicts(self, sql: str, field: CustomFieldRow, *args: Any) -> int:
        listing = target_of(field.target)
        assert listing is not None
        part = "" if listing.part is None else f"AND {listing.part[0].key} = '{listing.part[1]}'"
        rows = await self.tx.fetch(
            sql.format(table=listing.model.__tablename__, part=part),
            self.tx.organization_id,
            field.name,
            *args,
        )
        return rows[0]["n"]


def _inheriting(fields: Sequence[CustomField]) -> tuple[CustomField, ...]:
    """Have formulas be hidden from whoever does not see what they read."""
    known = {(field.target, f"custom.{field.name}"): field for field in fields}

    def read_by(field: CustomField) -> list[CustomField]:
        return [known[field.target, name] for name in field.uses if (field.target, name) in known]

    def walls(field: CustomField) -> dict[tuple[str, ...], None]:
        read = read_by(field)
        return dict.fromkeys(wall for used in read for wall in (*used.walls, *walls(used)))

    def made_of(field: CustomField) -> dict[str, None]:
        read = read_by(field)
        return dict.fromkeys(name for used in read for name in (*used.uses, *made_of(used)))

    return tuple(
        msgspec.structs.replace(field, inherited=tuple(walls(field)), made_of=tuple(made_of(field)))
        for field in fields
    )


_ORDER = (CustomFieldRow.target, CustomFieldRow.position, CustomFieldRow.created_at)


def field_of(row: CustomFieldRow) -> CustomField:
    """A definition as the service works with it."""
    return CustomField(
        id=row.id,
        target=row.target,
        name=row.name,
        label=row.label,
        type=row.type,  # pyright: ignore[reportArgumentType]
        options=tuple(Option(**option) for option in row.options),
        required=row.required,
        unique=row.unique,
        indexed=row.indexed,
        index_ready=row.indexed and row.indexed_at is not None,
        searchable=row.searchable,
        archived=row.archived,
        default=row.default,
        visible_to=tuple(row.visible_to),
        currency=row.currency,
        relates_to=row.relates_to,
        formula=row.formula,
        uses=row.uses,
        rollup=Rollup(**row.rollup) if row.rollup else None,
        result_type=row.result_type,  # pyright: ignore[reportArgumentType]
    )
