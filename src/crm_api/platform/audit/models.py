"""The tables of seals."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base


class AuditChain(Base):
    """How far the events of an organization are sealed; whoever adds to the chain locks it."""

    __tablename__ = "audit_chains"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    tx: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """The last event, by the order of the commits."""
    seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    anchors: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    sealed_at: Mapped[datetime | None]


class EventSeal(Base):
    """The place of an event in its chain, and what its values were, as a commitment."""

    __tablename__ = "event_seals"
    __table_args__ = (Index("uq_event_seals_event", "organization_id", "event_id", unique=True),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[UUID]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """The digest of the values and the salt."""
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Gone with the values, so that nobody finds them again by guessing."""
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditAnchor(Base):
    """The head of the chain after a batch, signed by a key that the database does not have."""

    __tablename__ = "audit_anchors"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime]
