"""The table of switches."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import KeyText, TenantRow
from crm_api.kit.db.columns import one_of
from crm_api.kit.switches import State


class ModuleSwitch(TenantRow):
    """The state of a module that was switched at least once; any other one is enabled."""

    __tablename__ = "module_switches"
    __table_args__ = (
        one_of("state", State),
        UniqueConstraint("organization_id", "module"),
    )

    module: Mapped[str] = mapped_column(KeyText)
    state: Mapped[str] = mapped_column(KeyText)
    version: Mapped[int]
    changed_at: Mapped[datetime]
    changed_by: Mapped[UUID | None]
