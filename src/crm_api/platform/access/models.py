"""The tables of roles and of who has them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring


class RoleRow(Named, Entity):
    """What whoever has it may do."""

    __tablename__ = "roles"
    __table_args__ = (
        *ordered("roles", "created_at", "sort_name"),
        Index(
            "uq_roles_organization_id_key",
            "organization_id",
            "key",
            unique=True,
            postgresql_where=text("key IS NOT NULL"),
        ),
    )
    entity = "role"

    key: Mapped[str | None] = mapped_column(KeyText)
    """What the product calls a role that every organization begins with."""
    description: Mapped[str | None]
    levels: Mapped[dict[str, Any]]
    masks: Mapped[dict[str, Any]]
    permissions: Mapped[list[str]]


Allowed = Literal["read", "write"]


class Share(Entity):
    """That a user, a team or whoever has a role sees a record, whoever owns it."""

    __tablename__ = "shares"
    __table_args__ = (
        one_of("access", Allowed),
        CheckConstraint("num_nonnulls(user_id, team_id, role_id) = 1", name="with_one"),
        foreign_key("user_id", "users"),
        foreign_key("team_id", "teams"),
        foreign_key("role_id", "roles"),
        *ordered("shares", "created_at"),
        referring("shares", "record_id"),
        referring("shares", "owner_id", optional=True),
        *(referring("shares", f"{who}_id", optional=True) for who in ("user", "team", "role")),
    )
    entity = "share"

    target: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    role_id: Mapped[UUID | None]
    access: Mapped[str] = mapped_column(KeyText)
    expires_at: Mapped[datetime | None]


class SharingRuleRow(Named, Entity):
    """That whatever passes a filter is seen by a user, a team or whoever has a role."""

    __tablename__ = "sharing_rules"
    __table_args__ = (
        one_of("access", Allowed),
        CheckConstraint("num_nonnulls(user_id, team_id, role_id) = 1", name="with_one"),
        foreign_key("user_id", "users"),
        foreign_key("team_id", "teams"),
        foreign_key("role_id", "roles"),
        *ordered("sharing_rules", "created_at", "sort_name"),
        *(
            referring("sharing_rules", f"{who}_id", optional=True)
            for who in ("user", "team", "role")
        ),
    )
    entity = "sharing_rule"

    description: Mapped[str | None]
    target: Mapped[str] = mapped_column(KeyText)
    filter: Mapped[dict[str, Any]]
    user_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    role_id: Mapped[UUID | None]
    access: Mapped[str] = mapped_column(KeyText)
    is_active: Mapped[bool]
    time_zone: Mapped[str] = mapped_column(KeyText)
    """That of whoever wrote the filter."""
    applied_at: Mapped[datetime | None]


class RoleAssignment(Entity):
    """That a user has a role."""

    __tablename__ = "role_assignments"
    __table_args__ = (
        foreign_key("role_id", "roles"),
        foreign_key("user_id", "users"),
        *ordered("role_assignments", "created_at"),
        referring("role_assignments", "user_id"),
        Index(
            "uq_role_assignments_once",
            "organization_id",
            "role_id",
            "user_id",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "role_assignment"

    role_id: Mapped[UUID]
    user_id: Mapped[UUID]
    reason: Mapped[str | None] = mapped_column(KeyText)
