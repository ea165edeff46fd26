"""The kit's own tables: what happened, what must happen, how records are found and looked at."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText, TenantRow
from crm_api.kit.db.columns import one_of, ordered

# xid8 has no leakproof operators, so the transaction id is kept as a bigint (ADR-0005).
CURRENT_TRANSACTION = text("(pg_current_xact_id()::text::bigint)")


class EventRow(TenantRow):
    """One thing that happened to one record: the only history there is (ADR-0003)."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_feed", "organization_id", "tx", "seq"),
        Index("ix_events_record", "organization_id", "record_id", "seq"),
        Index(
            "ix_events_cause",
            "organization_id",
            "cause_id",
            "seq",
            postgresql_where=text("cause_id IS NOT NULL"),
        ),
    )

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    tx: Mapped[int] = mapped_column(BigInteger, server_default=CURRENT_TRANSACTION)
    type: Mapped[str] = mapped_column(KeyText)
    entity: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    version: Mapped[int]
    data: Mapped[dict[str, Any]]
    previous: Mapped[dict[str, Any] | None]
    actor_kind: Mapped[str] = mapped_column(KeyText)
    actor_id: Mapped[UUID | None]
    request_id: Mapped[str | None] = mapped_column(KeyText)
    cause_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime]


class JobRow(TenantRow):
    """Work to be done; PostgreSQL holds the truth, Redis only rings (ADR-0007)."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"
        ),
        Index("ix_jobs_due", "run_at", postgresql_where=text("status = 'queued'")),
        Index("ix_jobs_lease", "lease_until", postgresql_where=text("status = 'running'")),
        Index("ix_jobs_listing", "organization_id", "created_at", "id"),
        Index(
            "uq_jobs_dedupe",
            "organization_id",
            "kind",
            "dedupe_key",
            unique=True,
            postgresql_where=text("status IN ('queued', 'running') AND dedupe_key IS NOT NULL"),
        ),
    )

    kind: Mapped[str] = mapped_column(KeyText)
    args: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(KeyText, default="queued")
    run_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    max_attempts: Mapped[int] = mapped_column(SmallInteger, default=5)
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    hinted_at: Mapped[datetime | None]
    dedupe_key: Mapped[str | None] = mapped_column(KeyText)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    progress_done: Mapped[int] = mapped_column(BigInteger, default=0)
    progress_total: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    actor: Mapped[dict[str, Any]]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RecordKey(Base):
    """A value by which a record is looked up: e-mail, phone, domain, id in another system.

    One table for every kind of record, so that matching, upsert, duplicate search and the filter
    language share one index of leakproof text (ADR-0005).
    """

    __tablename__ = "record_keys"
    __table_args__ = (
        Index("ix_record_keys_record", "organization_id", "record_id"),
        Index(
            "uq_record_keys_external",
            "organization_id",
            "entity",
            "value",
            unique=True,
            postgresql_where=text("kind = 'external'"),
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(KeyText, primary_key=True)
    kind: Mapped[str] = mapped_column(KeyText, primary_key=True)
    value: Mapped[str] = mapped_column(KeyText, primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)


class SearchDocument(Base):
    """The words by which a record is found; apart from it, so that its updates stay cheap.

    Each word begins with the scope of its organization and collection, so that the index needs no
    other column; its label says whether it is a name (ADR-0012).
    """

    __tablename__ = "search_documents"
    __table_args__ = (
        Index(
            "ix_search_documents_words",
            "words",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 512},
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(KeyText)
    words: Mapped[str] = mapped_column(TSVECTOR)


class SearchWord(Base):
    """A word that some name has or had, to be found in spite of typing mistakes.

    Kept by a trigger of `search_documents`; two transactions may note the same word.
    """

    __tablename__ = "search_words"
    __table_args__ = (
        Index(
            "ix_search_words_like",
            "organization_id",
            "word",
            postgresql_using="gin",
            postgresql_ops={"word": "gin_trgm_ops"},
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(KeyText, primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)


Sharing = Literal["private", "organization"]


class View(Entity):
    """A way to look at a collection that somebody has saved; `platform/views` keeps them."""

    __tablename__ = "views"
    __table_args__ = (
        one_of("sharing", Sharing),
        *ordered("views", "created_at", "updated_at"),
        # One view is what everybody begins with, and one what its owner does.
        Index(
            "uq_views_organization_id_target",
            "organization_id",
            "target",
            unique=True,
            postgresql_where=text("is_default AND sharing = 'organization' AND deleted_at IS NULL"),
        ),
        Index(
            "uq_views_organization_id_owner_id",
            "organization_id",
            "target",
            "owner_id",
            unique=True,
            postgresql_where=text("is_default AND sharing = 'private' AND deleted_at IS NULL"),
        ),
    )
    entity = "view"

    target: Mapped[str] = mapped_column(KeyText)
    name: Mapped[str] = mapped_column(KeyText)
    filter: Mapped[dict[str, Any]]
    sort: Mapped[list[str]]
    fields: Mapped[list[str]]
    include: Mapped[list[str]]
    sharing: Mapped[str] = mapped_column(KeyText)
    is_pinned: Mapped[bool]
    is_default: Mapped[bool]


class RecordRedirect(Base):
    """Where a record lives on that was merged into another one; its old id leads there."""

    __tablename__ = "record_redirects"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(KeyText)
    target_id: Mapped[UUID]
