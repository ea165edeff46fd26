"""The limit: bare routes, the driver, orjson; no credential, no tenant, no check, no log.

A create writes the very rows that the service writes; some value stands for the actor.
"""

import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm_api.domains.contacts.schemas import ContactOut
from crm_api.kit.ids import new_id
from crm_api.kit.query.documents import scope_of

COLUMNS = ", ".join(ContactOut.model_fields)
LIST = (
    f"SELECT {COLUMNS} FROM contacts WHERE organization_id = $1 AND deleted_at IS NULL "
    "ORDER BY created_at DESC, id DESC LIMIT 51"
)
GET = (
    f"SELECT {COLUMNS} FROM contacts WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL"
)
CREATE = """
WITH c AS (
  INSERT INTO contacts (organization_id, id, name, sort_name, first_name, last_name, lifecycle,
    email, phone, emails, phones, addresses, tags, custom, external_ids, version, created_at,
    updated_at, created_by)
  VALUES ($1, $2, $3, $4, $5, $6, 'lead', $7, $8, $9, $10, '[]', $11, '{}', '{}', 1, $12, $12, $1)),
e AS (
  INSERT INTO events (organization_id, id, type, entity, record_id, version, data, actor_kind,
    actor_id, request_id, occurred_at)
  VALUES ($1, $13, 'contact.created', 'contact', $2, 1, $14, 'key', $1, $16, $12)),
k AS (
  INSERT INTO record_keys (organization_id, entity, kind, value, record_id)
  VALUES ($1, 'contact', 'email', $7, $2), ($1, 'contact', 'phone', $8, $2)),
s AS (
  INSERT INTO search_documents (organization_id, record_id, entity, words)
  VALUES ($1, $2, 'contact', $15::text::tsvector))
SELECT 1
"""
EMPTY = dict.fromkeys(ContactOut.model_fields)
OWN = UUID(os.environ["BENCH_ORGANIZATION"])
SCOPE = scope_of(OWN, "contact")


async def list_contacts(request: Request) -> Response:
    """The newest fifty."""
    rows = await request.app.state.pool.fetch(LIST, OWN)
    body = {"data": [dict(row) for row in rows[:50]], "next_cursor": None}
    return Response(dump(body), media_type="application/json")


async def get_contact(request: Request) -> Response:
    """One by its id."""
    row = await request.app.state.pool.fetchrow(GET, OWN, UUID(request.path_params["id"]))
    return Response(dump(dict(row)), media_type="application/json")


async def create_contact(request: Request) -> Response:
    """A contact, its event, keys and search words in one statement."""
    given = orjson.loads(await request.body())
    now, first, last = datetime.now(UTC), given["first_name"], given["last_name"]
    email, phone = given["email"], given["phone"]
    made: dict[str, Any] = {
        **EMPTY,
        **given,
        "id": new_id(),
        "name": f"{first} {last}",
        "version": 1,
        "created_by": OWN,
        "created_at": now,
        "updated_at": now,
        "lifecycle": "lead",
        "custom": {},
        "external_ids": {},
        "emails": [_point(email)],
        "phones": [_point(phone)],
        "addresses": [],
    }
    body = dump(made)
    told = dump({name: value for name, value in made.items() if value is not None})
    local, _, host = email.partition("@")
    others = (local, host, host.partition(".")[0], phone[1:], phone[2:], f"~{phone[:0:-1]}")
    found_by = [f"a{first.lower()}", f"a{last.lower()}"]
    found_by += [f"d{word}" for word in (*others, *given["tags"])]
    words = " ".join([f"'{SCOPE}{word}'" for word in found_by])
    await request.app.state.pool.fetch(
        CREATE,
        OWN,
        made["id"],
        made["name"],
        f"{last} {first}".lower(),
        first,
        last,
        email,
        phone,
        orjson.dumps(made["emails"]),
        orjson.dumps(made["phones"]),
        orjson.dumps(made["tags"]),
        now,
        new_id(),
        told,
        words,
        token_hex(16),
    )
    return Response(body, 201, media_type="application/json")


def _point(value: str) -> dict[str, Any]:
    return {"value": value, "kind": "work", "primary": True, "status": "ok"}


def dump(value: Any) -> bytes:
    """JSON as the service writes it."""
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z)


async def _connect(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + value,
        decoder=lambda value: orjson.Fragment(value[1:]),
        format="binary",
    )


async def _nothing(connection: asyncpg.Connection) -> None:
    """Nothing is left behind in a connection that would have to be reset."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """A pool for the life of the application."""
    dsn = os.environ["CRM_DATABASE_URL"]
    settings = {"jit": "off"}
    async with asyncpg.create_pool(
        dsn, min_size=10, max_size=10, init=_connect, reset=_nothing, server_settings=settings
    ) as pool:
        app.state.pool = pool
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        yield


def create() -> Starlette:
    """The application."""
    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/v1/contacts", list_contacts, methods=["GET"]),
            Route("/v1/contacts", create_contact, methods=["POST"]),
            Route("/v1/contacts/{id}", get_contact, methods=["GET"]),
        ],
    )
