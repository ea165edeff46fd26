"""The tables of touches, and of how far the feed has been read for them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, KeyText
from crm_api.kit.db.columns import one_of
from crm_api.kit.touches import PersonKind, TouchKind


class CampaignTouch(Base):
    """That somebody was touched; by its source, so that it is there once."""

    __tablename__ = "campaign_touches"
    __table_args__ = (
        one_of("kind", TouchKind),
        one_of("person_kind", PersonKind),
        Index(
            "ix_campaign_touches_person",
            *("organization_id", "person_id", "occurred_at"),
        ),
        Index(
            "ix_campaign_touches_campaign",
            *("organization_id", "campaign_id", "kind", "occurred_at"),
            postgresql_where=text("campaign_id IS NOT NULL"),
        ),
        Index("ix_campaign_touches_occurred", "organization_id", "occurred_at"),
        Index(
            "ix_campaign_touches_unknown",
            *("organization_id", "campaign"),
            postgresql_where=text("campaign_id IS NULL AND campaign IS NOT NULL"),
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(KeyText, primary_key=True)
    """The kind of what it was, such as `lead`."""
    source_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(KeyText, primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    person_kind: Mapped[str] = mapped_column(KeyText)
    campaign_id: Mapped[UUID | None]
    campaign: Mapped[str | None] = mapped_column(KeyText)
    """What the campaign is called where it came from; it may be known later on."""
    channel: Mapped[str | None] = mapped_column(KeyText)
    variant: Mapped[str | None] = mapped_column(KeyText)
    occurred_at: Mapped[datetime]


class TouchState(Base):
    """How far the feed of an organization has been read; a new one begins with all there is."""

    __tablename__ = "campaign_touch_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    tx: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
