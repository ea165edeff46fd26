"""The limit of a filtered list: the service's own SQL through the bare driver, and orjson."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import crm_api.registry
from benchmarks.sections.filters import FILTER
from benchmarks.servers.limit import OWN, dump, lifespan
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.kit.actor import Actor
from crm_api.kit.custom.catalogue import Catalogue
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import PageQuery, read_page
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.visibility import ALL

# Relations need the collections that they lead to.
assert crm_api.registry.MODULES


class _Recorder:
    """Takes down what would be asked of the database."""

    organization_id = OWN
    actor = Actor(OWN, "system", scopes=frozenset({"*"}))
    catalogue = Catalogue()
    database = SimpleNamespace(signing_key=b"")
    now = datetime.now(UTC)
    asked: tuple[str, tuple[Any, ...]]

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        self.asked = sql, args
        return []


def _statement() -> tuple[str, tuple[Any, ...]]:
    tx: Any = _Recorder()
    filter = parse(FILTER, CONTACTS, tx)
    asyncio.run(read_page(tx, CONTACTS, PageQuery(Selection(CONTACTS.shown), filter, sight=ALL)))
    return tx.asked


SQL, ARGS = _statement()


async def list_contacts(request: Request) -> Response:
    """The newest fifty that match."""
    rows = await request.app.state.pool.fetch(SQL, *ARGS)
    shown = [dict(zip(CONTACTS.shown, row, strict=False)) for row in rows[:50]]
    return Response(dump({"data": shown}), media_type="application/json")


def create() -> Starlette:
    """The application."""
    route = Route("/v1/contacts", list_contacts, methods=["GET"])
    return Starlette(lifespan=lifespan, routes=[route])
