"""The textbook: a session per request, ORM objects, `response_model`, pre-ping; no credential."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

import crm_api.registry
from crm_api.domains.contacts.models import Contact
from crm_api.domains.contacts.schemas import ContactOut
from crm_api.kit.db.database import async_url
from crm_api.kit.db.tables import EventRow, RecordKey, SearchDocument
from crm_api.kit.ids import new_id
from crm_api.kit.query.documents import scope_of

# Foreign keys need the tables that they point to.
assert crm_api.registry.MODULES
OWN = UUID(os.environ["BENCH_ORGANIZATION"])
SCOPE = scope_of(OWN, "contact")


class ContactPage(BaseModel):
    """A page."""

    data: list[ContactOut]
    next_cursor: str | None = None


class ContactIn(BaseModel):
    """A new contact."""

    first_name: str
    last_name: str
    email: str
    phone: str
    tags: list[str] = []


async def session_of(request: Request) -> AsyncIterator[AsyncSession]:
    """A session that ends with the request."""
    async with request.app.state.sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(session_of)]


async def list_contacts(session: Session, limit: int = 50) -> Any:
    """The newest."""
    query = (
        select(Contact)
        .where(Contact.organization_id == OWN, Contact.deleted_at.is_(None))
        .order_by(Contact.created_at.desc(), Contact.id.desc())
        .limit(limit)
    )
    return {"data": (await session.scalars(query)).all()}


async def get_contact(id: UUID, session: Session) -> Any:
    """One by its id."""
    return await session.get_one(Contact, (OWN, id))


async def create_contact(given: ContactIn, session: Session) -> Any:
    """A contact, its event, keys and search words."""
    now, id = datetime.now(UTC), new_id()
    values = given.model_dump()
    contact = Contact(
        organization_id=OWN,
        id=id,
        name=f"{given.first_name} {given.last_name}",
        sort_name=f"{given.last_name} {given.first_name}".lower(),
        lifecycle="lead",
        emails=[_point(given.email)],
        phones=[_point(given.phone)],
        addresses=[],
        created_at=now,
        updated_at=now,
        **values,
    )
    event = EventRow(
        organization_id=OWN,
        type="contact.created",
        entity="contact",
        record_id=id,
        version=1,
        data=values,
        actor_kind="system",
        occurred_at=now,
    )
    keys = [
        RecordKey(organization_id=OWN, entity="contact", kind=kind, value=value, record_id=id)
        for kind, value in (("email", given.email), ("phone", given.phone))
    ]
    names = f"'{SCOPE}a{given.first_name.lower()}' '{SCOPE}a{given.last_name.lower()}'"
    words = f"{names} '{SCOPE}d{given.email}' '{SCOPE}d{given.phone}'"
    document = SearchDocument(organization_id=OWN, record_id=id, entity="contact", words=words)
    session.add_all([contact, event, *keys, document])
    await session.commit()
    await session.refresh(contact)
    return contact


def _point(value: str) -> dict[str, Any]:
    return {"value": value, "kind": "work", "primary": True, "status": "ok"}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    engine = create_async_engine(
        async_url(os.environ["CRM_DATABASE_URL"]),
        pool_size=10,
        pool_pre_ping=True,
        # The models parse JSONB themselves.
        json_deserializer=lambda value: value,
    )
    app.state.sessions = async_sessionmaker(engine)
    yield
    await engine.dispose()


def create() -> FastAPI:
    """The application."""
    app = FastAPI(lifespan=_lifespan)
    add = app.add_api_route
    add("/v1/contacts", list_contacts, methods=["GET"], response_model=ContactPage)
    add("/v1/contacts/{id}", get_contact, methods=["GET"], response_model=ContactOut)
    path, created = "/v1/contacts", 201
    add(path, create_contact, methods=["POST"], status_code=created, response_model=ContactOut)
    return app
