"""The table of definitions."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.custom.fields import FieldType
from crm_api.kit.db.base import Entity, Json, KeyText
from crm_api.kit.db.columns import one_of, ordered


class CustomFieldRow(Entity):
    """A definition."""

    __tablename__ = "custom_fields"
    __table_args__ = (
        one_of("type", FieldType),
        CheckConstraint("name ~ '^[a-z][a-z0-9_]{0,62}$'", name="name"),
        # Also those in the bin: a name never means another type.
        Index(
            "uq_custom_fields_organization_id_name",
            "organization_id",
            "target",
            "name",
            unique=True,
        ),
        *ordered("custom_fields", "created_at"),
    )
    entity = "custom_field"

    target: Mapped[str] = mapped_column(KeyText)
    name: Mapped[str] = mapped_column(KeyText)
    label: Mapped[str] = mapped_column(KeyText)
    type: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    position: Mapped[int] = mapped_column(SmallInteger)
    options: Mapped[list[dict[str, Any]]]
    required: Mapped[bool]
    unique: Mapped[bool]
    indexed: Mapped[bool]
    indexed_at: Mapped[datetime | None]
    searchable: Mapped[bool]
    archived: Mapped[bool]
    default: Mapped[Any] = mapped_column(Json, nullable=True)
    visible_to: Mapped[list[str]]
    currency: Mapped[str | None] = mapped_column(KeyText)
    relates_to: Mapped[str | None] = mapped_column(KeyText)
    formula: Mapped[str | None] = mapped_column(KeyText)
    uses: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    rollup: Mapped[dict[str, Any] | None]
    result_type: Mapped[str | None] = mapped_column(KeyText)
    reverse: Mapped[str | None] = mapped_column(KeyText)
    """What filters call the records that refer by it: `vehicle.holder`; None of what refers to none."""


class CustomObjectRow(Entity):
    """A kind of record that the organization has made up."""

    __tablename__ = "custom_objects"
    __table_args__ = (
        CheckConstraint("key ~ '^[a-z][a-z0-9_]{0,39}$'", name="key"),
        # Also those in the bin: their records are still there.
        Index("uq_custom_objects_organization_id_key", "organization_id", "key", unique=True),
        *ordered("custom_objects", "created_at"),
    )
    entity = "custom_object"

    key: Mapped[str] = mapped_column(KeyText)
    label: Mapped[str] = mapped_column(KeyText)
    plural_label: Mapped[str] = mapped_column(KeyText)
    name_label: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
