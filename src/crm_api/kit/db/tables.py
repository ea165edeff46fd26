"""The kit's own tables: what happened, what must happen, how records are found and looked at."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import UNLESS_GIVEN, Base, Entity, KeyText, TenantRow
from crm_api.kit.db.columns import one_of, ordered
from crm_api.kit.messages import Lane

# xid8 has no leakproof operators, so the transaction id is kept as a bigint (ADR-0005).
CURRENT_TRANSACTION = text("(pg_current_xact_id()::text::bigint)")


class EventRow(TenantRow):
    """One thing that happened to one record: the only history there is (ADR-0003)."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_feed", "organization_id", "tx", "seq"),
        Index("ix_events_record", "organization_id", "record_id", "seq"),
        Index("ix_events_occurred", "organization_id", "occurred_at", "id"),
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
    trace: Mapped[str | None] = mapped_column(KeyText)
    """That of the request it comes from, if that belongs to one; no part of the audit trail."""


class JobRow(TenantRow):
    """Work to be done; PostgreSQL holds the truth, Redis only rings (ADR-0007)."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"
        ),
        one_of("lane", Lane),
        Index("ix_jobs_due", "run_at", postgresql_where=text("status = 'queued'")),
        Index(
            "ix_jobs_turn",
            "lane",
            "organization_id",
            "run_at",
            "id",
            postgresql_where=text("status = 'queued'"),
        ),
        Index(
            "ix_jobs_order",
            "organization_id",
            "order_key",
            "id",
            postgresql_where=text("status IN ('queued', 'running') AND order_key IS NOT NULL"),
        ),
        Index(
            "ix_jobs_failed",
            "organization_id",
            "finished_at",
            postgresql_where=text("status = 'failed'"),
        ),
        Index("ix_jobs_lease", "lease_until", postgresql_where=text("status = 'running'")),
        Index("ix_jobs_age", "finished_at"),
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
    run_at: Mapped[datetime] = mapped_column(info={UNLESS_GIVEN: "now()"})
    """By the clock of PostgreSQL, as is every decision about it (ADR-0007)."""
    lane: Mapped[str] = mapped_column(KeyText, default="default", server_default=text("'default'"))
    order_key: Mapped[str | None] = mapped_column(KeyText)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    max_attempts: Mapped[int] = mapped_column(SmallInteger, default=5)
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    hinted_at: Mapped[datetime | None]
    dedupe_key: Mapped[str | None] = mapped_column(KeyText)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    progress_done: Mapped[int] = mapped_column(BigInteger, default=0)
    progress_total: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    actor: Mapped[dict[str, Any]]
    trace: Mapped[str | None] = mapped_column(KeyText)
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Schedule(Base):
    """What the installation does from time to time, whichever worker does it."""

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(KeyText, primary_key=True)
    every_s: Mapped[int]
    next_at: Mapped[datetime]
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


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
        Index(
            "uq_record_keys_custom",
            "organization_id",
            "entity",
            "kind",
            "value",
            unique=True,
            postgresql_where=text("starts_with(kind, 'custom.')"),
        ),
        # These belong to one record of whatever kind.
        *(
            Index(
                f"uq_record_keys_organization_id_{kind}",
                "organization_id",
                "value",
                unique=True,
                postgresql_where=text(f"kind = '{kind}'"),
            )
            for kind in ("sku", "barcode")
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
        Index("ix_search_documents_kinds", "organization_id", "entity"),
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


class RecordAccess(Base):
    """With whom a record is shared, whatever the reason; what lists look at (ADR-0024)."""

    __tablename__ = "record_access"
    __table_args__ = (
        Index("ix_record_access_record", "organization_id", "record_id", "principal_id"),
        Index("ix_record_access_source", "organization_id", "source_id"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    principal_id: Mapped[UUID] = mapped_column(primary_key=True)
    """A user, a team or a role."""
    entity: Mapped[str] = mapped_column(KeyText, primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The share or the rule that says so."""
    writes: Mapped[bool]
    expires_at: Mapped[datetime | None]
    record_created_at: Mapped[datetime]
    """The record's own, by which lists are sorted unless they are asked otherwise."""


class RecordRedirect(Base):
    """Where a record lives on that was merged into another one; its old id leads there."""

    __tablename__ = "record_redirects"
    __table_args__ = (Index("ix_record_redirects_target", "organization_id", "target_id"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(KeyText)
    target_id: Mapped[UUID]
    merged_at: Mapped[datetime]


class OrganizationState(Base):
    """What an organization has made of the product, as all who use it know it: one look-up to ask.

    Its custom fields, and the modules that it has switched off.
    """

    __tablename__ = "organization_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    snapshot: Mapped[dict[str, Any]]


class CustomValue(Base):
    """The values of indexed custom fields and of relations, in leakproof types (ADR-0005)."""

    __tablename__ = "custom_values"
    __table_args__ = (
        Index(
            "ix_custom_values_text",
            "organization_id",
            "field_id",
            "text",
            "record_id",
            postgresql_where=text("text IS NOT NULL"),
        ),
        Index(
            "ix_custom_values_number",
            "organization_id",
            "field_id",
            "number",
            "record_id",
            postgresql_where=text("number IS NOT NULL"),
        ),
        Index(
            "ix_custom_values_reference",
            "organization_id",
            "field_id",
            "reference",
            "record_id",
            postgresql_where=text("reference IS NOT NULL"),
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    field_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    """Which of several values of the field it is."""
    text: Mapped[str | None] = mapped_column(KeyText)
    number: Mapped[int | None] = mapped_column(BigInteger)
    reference: Mapped[UUID | None]


class KeptAnswer(Base):
    """The answer to a request with an `Idempotency-Key`, for whoever sends it again (ADR-0016)."""

    __tablename__ = "kept_answers"
    __table_args__ = (Index("ix_kept_answers_created", "created_at"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(KeyText, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(KeyText)
    status: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[dict[str, Any]]
    body: Mapped[str | None]
    created_at: Mapped[datetime]


class HashKey(Base):
    """What the hashes of an organization are keyed by, sealed; it outlives the keys of the service."""

    __tablename__ = "hash_keys"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    secret: Mapped[str] = mapped_column(KeyText)


class ErasedKey(Base):
    """The keyed hash of what somebody was known by who was erased; their values are gone."""

    __tablename__ = "erased_keys"
    __table_args__ = (Index("ix_erased_keys_record", "organization_id", "record_id"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(KeyText, primary_key=True)
    hash: Mapped[str] = mapped_column(KeyText, primary_key=True)
    record_id: Mapped[UUID]
    erased_at: Mapped[datetime]
