"""The tables of accounts, sessions and signing keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText, TenantRow
from crm_api.kit.db.columns import foreign_key, ordered, referring
from crm_api.kit.ids import new_id


class Account(Base):
    """What a person logs in with; memberships of organizations refer to it."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("email"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(KeyText)
    """The normalised address, so that its letters' case makes no difference."""
    password_hash: Mapped[str | None] = mapped_column(KeyText)
    password_changed_at: Mapped[datetime | None]
    epoch: Mapped[int] = mapped_column(default=0, server_default="0")
    """Sessions of an earlier epoch have ended."""
    reset_hash: Mapped[str | None] = mapped_column(KeyText)
    reset_until: Mapped[datetime | None]
    new_email: Mapped[str | None] = mapped_column(KeyText)
    """The address that takes the place of the present one once its holder says so."""
    new_email_hash: Mapped[str | None] = mapped_column(KeyText)
    new_email_until: Mapped[datetime | None]
    totp_secret: Mapped[str | None] = mapped_column(KeyText)
    totp_confirmed_at: Mapped[datetime | None]
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    """The last step whose code was used: no code opens twice."""
    recovery_hashes: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    created_at: Mapped[datetime]


class LoginAttempt(Base):
    """How often somebody failed to log in, by account and by address."""

    __tablename__ = "login_attempts"

    subject: Mapped[str] = mapped_column(KeyText, primary_key=True)
    """A keyed hash: the table tells no addresses."""
    failures: Mapped[int]
    failed_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class SigningKey(Base):
    """A key that signs access tokens."""

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(KeyText, primary_key=True)
    purpose: Mapped[str] = mapped_column(KeyText)
    private: Mapped[str] = mapped_column(KeyText)
    """Sealed."""
    public: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Session(TenantRow):
    """One login of a member, and the refresh tokens that follow from it."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_user", "organization_id", "user_id", "started_at"),
        referring("sessions", "provider_id", optional=True),
    )

    user_id: Mapped[UUID]
    account_id: Mapped[UUID]
    user_epoch: Mapped[int]
    account_epoch: Mapped[int]
    methods: Mapped[list[str]]
    """How the person was recognised, by the names of RFC 8176."""
    provider_id: Mapped[UUID | None]
    """The outside provider that recognised them, and with which it ends."""
    client_id: Mapped[UUID | None]
    """The app that works in the name of the user."""
    scopes: Mapped[list[str]]
    seed: Mapped[str] = mapped_column(KeyText)
    generation: Mapped[int]
    started_at: Mapped[datetime]
    refreshed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None] = mapped_column(KeyText)
    address: Mapped[str | None] = mapped_column(KeyText)
    user_agent: Mapped[str | None] = mapped_column(KeyText)


class App(Entity):
    """A program of somebody else that works for an organization, or in the name of its users."""

    __tablename__ = "apps"
    __table_args__ = (
        # Known before the organization is: its id is what the app calls itself by.
        Index("ix_apps_id", "id"),
        *ordered("apps", "created_at"),
    )
    entity = "app"

    name: Mapped[str]
    redirect_uris: Mapped[list[str]]
    scopes: Mapped[list[str]]
    is_confidential: Mapped[bool]
    secret_hash: Mapped[str | None] = mapped_column(KeyText)


class AuthorizationCode(TenantRow):
    """That a user lets an app work in their name, until the app picks its tokens up."""

    __tablename__ = "authorization_codes"

    app_id: Mapped[UUID]
    user_id: Mapped[UUID]
    account_id: Mapped[UUID]
    account_epoch: Mapped[int]
    methods: Mapped[list[str]]
    provider_id: Mapped[UUID | None]
    scopes: Mapped[list[str]]
    redirect_uri: Mapped[str] = mapped_column(KeyText)
    challenge: Mapped[str] = mapped_column(KeyText)
    secret_hash: Mapped[str] = mapped_column(KeyText)
    expires_at: Mapped[datetime]
    session_id: Mapped[UUID | None]
    """The session that began with it; a code that is shown again ends it."""


class IdentityProvider(Entity):
    """A provider of OpenID Connect that vouches for members of the organization."""

    __tablename__ = "identity_providers"
    __table_args__ = (
        foreign_key("default_role_id", "roles"),
        *ordered("identity_providers", "created_at"),
        referring("identity_providers", "default_role_id", optional=True),
    )
    entity = "identity_provider"

    name: Mapped[str] = mapped_column(KeyText)
    issuer: Mapped[str] = mapped_column(KeyText)
    client_id: Mapped[str] = mapped_column(KeyText)
    client_secret: Mapped[str | None] = mapped_column(KeyText)
    """Sealed."""
    redirect_uris: Mapped[list[str]]
    email_domains: Mapped[list[str]]
    admits: Mapped[bool]
    default_role_id: Mapped[UUID | None]
    """Of those whom it admits."""
    is_active: Mapped[bool]


class OutsideLogin(TenantRow):
    """That a subject of an issuer is a member."""

    __tablename__ = "outside_logins"
    __table_args__ = (
        UniqueConstraint("organization_id", "provider_id", "issuer", "subject"),
        referring("outside_logins", "user_id"),
    )

    provider_id: Mapped[UUID]
    user_id: Mapped[UUID]
    issuer: Mapped[str] = mapped_column(KeyText)
    subject: Mapped[str] = mapped_column(KeyText)
    email: Mapped[str | None] = mapped_column(KeyText)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]


class SpentFlow(TenantRow):
    """A login by a provider that has come back: it does so once."""

    __tablename__ = "spent_flows"
    __table_args__ = (Index("ix_spent_flows_until", "organization_id", "until"),)

    until: Mapped[datetime]
