"""What of a record is approved: its material fields, and a fingerprint of their values."""

import hmac
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import shown_amount
from crm_api.kit.query.listing import Listing

_STAMPS = frozenset(
    ["id", "version", "created_at", "updated_at", "created_by", "deleted_at", "custom"]
)
# The same text for the same values, in whatever order an object holds them.
_encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")


def columns_of(listing: Listing) -> dict[str, Any]:
    """The columns that may be material, beside the custom fields."""
    found = {name: getattr(listing.model, name, None) for name in listing.shown}
    return {
        name: column
        for name, column in found.items()
        if isinstance(column, InstrumentedAttribute) and name not in _STAMPS
    }


def is_material(tx: Tx, listing: Listing, name: str) -> bool:
    """Whether there is such a field, and what it says is stored with the record."""
    if name.startswith("custom."):
        fields = tx.catalogue.of(listing.entity)
        field = fields.get(name.removeprefix("custom."))
        return field is not None and field not in fields.rollups
    return name == "custom" or name in columns_of(listing)


def all_material(service: type[CrudService[Any]]) -> list[str]:
    """Every field that clients set, but for those beside what is approved, and what follows."""
    columns = columns_of(service.repository.listing)
    settable = service.update_shape.model_fields.keys() - service.beside
    return sorted({"custom", *service.among, *(settable & columns.keys())})


class Fingerprints:
    """The values of some records of one kind, as the database holds them now."""

    def __init__(self, rows: Mapping[UUID, Any]) -> None:
        self._rows = rows

    @classmethod
    async def read(
        cls, tx: Tx, service: type[CrudService[Any]], ids: Sequence[UUID]
    ) -> "Fingerprints":
        """Those of records that the transaction has locked."""
        model: Any = service.repository.model
        columns = columns_of(service.repository.listing)
        query = select(model.id, model.deleted_at, model.custom, *columns.values()).where(
            model.organization_id == tx.organization_id, model.id.in_(ids)
        )
        names = ["id", "deleted_at", "custom", *columns]
        rows = [dict(zip(names, row, strict=True)) for row in await tx.run(query)]
        return cls({row["id"]: row for row in rows})

    def is_there(self, id: UUID) -> bool:
        """Whether a record is there, and not in the bin."""
        return id in self._rows and self._rows[id]["deleted_at"] is None

    def of(self, id: UUID, fields: Sequence[str], salt: str) -> str:
        """The fingerprint of a record that is there."""
        row = self._rows[id]
        values = {name: _value(row, name) for name in fields}
        return hmac.new(salt.encode(), _encoder.encode(values), sha256).hexdigest()


def _value(row: Mapping[str, Any], name: str) -> Any:
    if name.startswith("custom."):
        return row["custom"].get(name.removeprefix("custom."))
    value = row.get(name)
    return shown_amount(value) if isinstance(value, Decimal) else value
