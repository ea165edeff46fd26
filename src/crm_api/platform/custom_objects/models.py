"""The table of all records of custom objects."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, referring


class CustomRecord(Named, Entity):
    """A record of a custom object; what there is to say of it are its custom fields."""

    __tablename__ = "custom_records"
    __table_args__ = (
        *(
            Index(f"ix_custom_records_{name}", "organization_id", "object", column, "id")
            for name, column in (
                ("created", "created_at"),
                ("updated", "updated_at"),
                ("name", "sort_name"),
            )
        ),
        referring("custom_records", "owner_id", optional=True),
    )
    entity = "custom_record"

    object: Mapped[str] = mapped_column(KeyText)
