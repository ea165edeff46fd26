"""The columns that every table has, and the names of its constraints."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Dialect, MetaData, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from crm_api.kit.db.json import decode
from crm_api.kit.ids import new_id

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# Code-point order: the same on every server and every version, and the only order in which a
# prefix is a range. ADR-0005 tells where the dictionary order comes from.
KeyText = Text(collation="C")
Instant = TIMESTAMP(timezone=True)
UNLESS_GIVEN = "unless_given"
"""In the `info` of a column: the SQL of what it holds where a new row says nothing."""


class Json(TypeDecorator[Any]):
    """JSONB; the driver hands over raw bytes, which only the ORM parses."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Plain Python values."""
        return None if value is None else decode(value)


class Base(DeclarativeBase):
    """The one metadata."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: Instant,
        UUID: Uuid(),
        dict[str, Any]: Json(),
        list[dict[str, Any]]: Json(),
        list[str]: Json(),
    }


class TenantRow(Base):
    """A row of one organization: the organization leads every key (ADR-0004)."""

    __abstract__ = True

    organization_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-20)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-19)


class Entity(TenantRow):
    """A record that people and systems work with: stamped, versioned, restorable."""

    __abstract__ = True

    entity: ClassVar[str]
    """The word for it in events, keys and references, such as `contact`."""

    version: Mapped[int] = mapped_column(default=1, sort_order=80)
    created_at: Mapped[datetime] = mapped_column(sort_order=81)
    updated_at: Mapped[datetime] = mapped_column(sort_order=82)
    created_by: Mapped[UUID | None] = mapped_column(sort_order=83)
    updated_by: Mapped[UUID | None] = mapped_column(sort_order=84)
    owner_id: Mapped[UUID | None] = mapped_column(sort_order=85)
    custom: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default=text("'{}'"), sort_order=86
    )
    external_ids: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default=text("'{}'"), sort_order=87
    )
    deleted_at: Mapped[datetime | None] = mapped_column(sort_order=88)
    deleted_by: Mapped[UUID | None] = mapped_column(sort_order=89)
