"""Endpoints, where each stands in the feed, and what was sent to it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.crud.places import Place
from crm_api.kit.db.base import Base, Entity, KeyText, TenantRow
from crm_api.kit.db.columns import one_of, ordered

Status = Literal["enabled", "disabled"]
Payload = Literal["full", "thin"]
DeliveryStatus = Literal["pending", "sending", "succeeded", "failed", "cancelled"]


class Webhook(Entity):
    """Where events are sent, and which."""

    __tablename__ = "webhooks"
    __table_args__ = (
        one_of("status", Status),
        one_of("payload", Payload),
        *ordered("webhooks", "created_at"),
    )
    entity = "webhook"

    url: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    topics: Mapped[list[str]]
    filter: Mapped[dict[str, Any]]
    fields: Mapped[list[str]]
    payload: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    disabled_reason: Mapped[str | None] = mapped_column(KeyText)
    in_order: Mapped[bool]
    concurrency: Mapped[int] = mapped_column(SmallInteger)
    rate: Mapped[int] = mapped_column(SmallInteger)
    header_names: Mapped[list[str]]
    sealed_headers: Mapped[str | None]
    secrets: Mapped[str]
    """Sealed together, the newest first; each but the first ends at its `until`."""
    actor: Mapped[dict[str, Any]]
    """Whoever set it up last: it is sent what they may see at that moment."""


class WebhookState(Place, Base):
    """How far an endpoint is, and how it fares; apart from it, so that it keeps its version."""

    __tablename__ = "webhook_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    free_from: Mapped[datetime] = mapped_column(server_default=text("'-infinity'"))
    """Until when its rate is used up, less a second."""
    served_at: Mapped[datetime] = mapped_column(server_default=text("'-infinity'"))
    rests_until: Mapped[datetime] = mapped_column(server_default=text("'-infinity'"))
    failing_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    """Attempts that failed since the last one that did not."""
    stumbles: Mapped[int] = mapped_column(server_default=text("0"))
    """Of these the last ones to which nobody answered."""
    notices: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    last_success_at: Mapped[datetime | None]


class WebhookDelivery(TenantRow):
    """One event for one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        one_of("status", DeliveryStatus),
        Index(
            "uq_webhook_deliveries_event",
            "organization_id",
            "webhook_id",
            "event_id",
            unique=True,
        ),
        Index(
            "ix_webhook_deliveries_due",
            "organization_id",
            "webhook_id",
            "run_at",
            "seq",
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "ix_webhook_deliveries_sending",
            "organization_id",
            "webhook_id",
            "lease_until",
            postgresql_where=text("status = 'sending'"),
        ),
        Index(
            "ix_webhook_deliveries_record",
            "organization_id",
            "webhook_id",
            "record_id",
            "seq",
            postgresql_where=text("status IN ('pending', 'sending')"),
        ),
        Index("ix_webhook_deliveries_log", "organization_id", "webhook_id", "seq"),
        Index("ix_webhook_deliveries_age", "created_at"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """In the order of the feed."""
    webhook_id: Mapped[UUID]
    event_id: Mapped[UUID]
    type: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    is_test: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(KeyText, default="pending")
    attempts: Mapped[int] = mapped_column(default=0)
    """All there were."""
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    """Of these the ones since it was last begun anew, by which the schedule goes."""
    run_at: Mapped[datetime]
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    last_status: Mapped[int | None] = mapped_column(SmallInteger)
    last_error: Mapped[str | None] = mapped_column(KeyText)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class WebhookAttempt(Base):
    """One try to deliver, and what came back."""

    __tablename__ = "webhook_attempts"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    latency_ms: Mapped[int]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    error: Mapped[str | None] = mapped_column(KeyText)
    answer: Mapped[str]
    """The first kilobyte of it."""


class WebhookTally(Base):
    """How many attempts at an endpoint there were in five minutes, by the time they took."""

    __tablename__ = "webhook_tallies"
    __table_args__ = (Index("ix_webhook_tallies_age", "at"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    latency_class: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    succeeded: Mapped[int]
    failed: Mapped[int]
