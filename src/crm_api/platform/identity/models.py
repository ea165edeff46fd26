"""The tables of organizations, API keys, users and teams."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring
from crm_api.kit.ids import new_id

UserStatus = Literal["invited", "active", "suspended"]


class Organization(Base):
    """A company that uses the service; everything else belongs to one."""

    __tablename__ = "organizations"
    __table_args__ = (
        CheckConstraint("fiscal_year_starts_in BETWEEN 1 AND 12", name="fiscal_year_starts_in"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    country: Mapped[str | None] = mapped_column(KeyText)
    time_zone: Mapped[str] = mapped_column(KeyText, default="UTC")
    currency: Mapped[str] = mapped_column(KeyText, default="EUR")
    language: Mapped[str] = mapped_column(KeyText, default="en", server_default="en")
    fiscal_year_starts_in: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    bulk_limit: Mapped[int] = mapped_column(default=100_000, server_default="100000")
    created_at: Mapped[datetime]


class ApiKey(Entity):
    """A credential of a program."""

    __tablename__ = "api_keys"
    __table_args__ = (
        # Looked up before the organization is known, by one SECURITY DEFINER function.
        Index("ix_api_keys_prefix", "prefix"),
        foreign_key("user_id", "users"),
        *ordered("api_keys", "created_at"),
        referring("api_keys", "user_id", optional=True),
    )
    entity = "api_key"

    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(KeyText)
    secret_hash: Mapped[str] = mapped_column(KeyText)
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
    allowed_addresses: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    last_used_at: Mapped[datetime | None]
    """Written by the dozen, so it may be half a minute late."""
    user_id: Mapped[UUID | None]


class User(Named, Entity):
    """A person's membership of an organization; whoever belongs to several has one in each."""

    __tablename__ = "users"
    __table_args__ = (
        one_of("status", UserStatus),
        *ordered("users", "created_at", "sort_name"),
        Index(
            "uq_users_organization_id_email",
            "organization_id",
            "email",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "uq_users_organization_id_account_id",
            "organization_id",
            "account_id",
            unique=True,
            postgresql_where=text("account_id IS NOT NULL AND deleted_at IS NULL"),
        ),
        # Where a person belongs to is asked before the organization is known.
        Index("ix_users_account", "account_id", postgresql_where=text("account_id IS NOT NULL")),
    )
    entity = "user"

    email: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText, default="invited")
    language: Mapped[str | None] = mapped_column(KeyText)
    time_zone: Mapped[str | None] = mapped_column(KeyText)
    account_id: Mapped[UUID | None]
    """The login of the person, once the invitation is accepted (`platform/accounts`)."""
    epoch: Mapped[int] = mapped_column(default=0, server_default="0")
    """Sessions of an earlier epoch have ended."""
    invitation_hash: Mapped[str | None] = mapped_column(KeyText)
    invited_until: Mapped[datetime | None]


class Team(Named, Entity):
    """People who work together; teams stand below teams."""

    __tablename__ = "teams"
    __table_args__ = (
        foreign_key("parent_id", "teams"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        *ordered("teams", "created_at", "sort_name"),
        referring("teams", "parent_id", optional=True),
    )
    entity = "team"

    parent_id: Mapped[UUID | None]
    description: Mapped[str | None]


class TeamMember(Entity):
    """That a user belongs to a team."""

    __tablename__ = "team_members"
    __table_args__ = (
        foreign_key("team_id", "teams"),
        foreign_key("user_id", "users"),
        *ordered("team_members", "created_at"),
        referring("team_members", "user_id"),
        Index(
            "uq_team_members_once",
            "organization_id",
            "team_id",
            "user_id",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "team_member"

    team_id: Mapped[UUID]
    user_id: Mapped[UUID]
    is_lead: Mapped[bool]
