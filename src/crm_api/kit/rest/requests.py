"""Requests read strictly, and the transaction that each of them gets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial, wraps
from inspect import signature
from typing import Annotated, Any, ClassVar, Protocol, cast
from uuid import UUID

from fastapi import Depends, Path, Query, Request, Response
from fastapi.params import Form as FormField
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Ring, Tx, unit_of_work
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.files.store import Files
from crm_api.kit.followers import Followers
from crm_api.kit.rates import Account
from crm_api.kit.rest.repeats import IdempotencyKey, Prefer, RequestTx, answered, manner_of

MAX_JSON_DEPTH = 32
DryRun = Annotated[bool, Query(description="Check and answer as if done, but store nothing.")]


class Services(Protocol):
    """What the application keeps for its requests."""

    database: Database
    files: Files
    ring: Ring
    followers: Followers

    async def authenticate(self, authorization: str | None, address: str | None = None) -> Actor:
        """The actor of a credential used at an address; raises `Unauthenticated`."""
        ...

    async def admit(self, actor: Actor, points: int = 1) -> Account:
        """Let in a request that costs so many points; raises `RateLimited`."""
        ...

    def listening(self, organization_id: UUID) -> AbstractContextManager[asyncio.Event]:
        """A bell that rings when something happens in an organization."""
        ...


def services_of(request: Request) -> Services:
    """The application's services."""
    return request.scope["app"].state.services


async def reading(request: Request) -> Tx:
    """A transaction-less read: each statement commits by itself."""
    return await _tx_of(request, read_only=True)


async def writing(
    request: Request,
    *,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> AsyncIterator[RequestTx]:
    """A unit of work that commits before the answer leaves (ADR-0002)."""
    begun = begin(request, dry_run=dry_run, idempotency_key=idempotency_key, prefer=prefer)
    async with await begun as tx:
        yield tx


async def insisting(
    request: Request,
    *,
    dry_run: DryRun = False,
    allow_duplicates: Annotated[
        bool, Query(description="Store it even where the policy blocks duplicates.")
    ] = False,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> AsyncIterator[RequestTx]:
    """As `writing`, for records whose duplicates the organization may refuse."""
    begun = begin(
        request,
        dry_run=dry_run,
        allow_duplicates=allow_duplicates,
        idempotency_key=idempotency_key,
        prefer=prefer,
    )
    async with await begun as tx:
        yield tx


async def begin(
    request: Request,
    *,
    dry_run: bool = False,
    allow_duplicates: bool = False,
    idempotency_key: str | None = None,
    prefer: str | None = None,
) -> AbstractAsyncContextManager[RequestTx]:
    """The unit of work of a request, about to begin."""
    tx = await _tx_of(request, dry_run=dry_run, allow_duplicates=allow_duplicates)
    if idempotency_key is not None or prefer is not None:
        tx.manner = await manner_of(request, tx.actor, idempotency_key, prefer)
    return unit_of_work(tx, services_of(request).ring)


async def _tx_of(
    request: Request,
    *,
    read_only: bool = False,
    dry_run: bool = False,
    allow_duplicates: bool = False,
) -> RequestTx:
    scope, services = request.scope, services_of(request)
    actor = await _admitted(request)
    tx = RequestTx(
        services.database,
        actor,
        request_id=scope.get("request_id"),
        read_only=read_only,
        dry_run=dry_run,
        allow_duplicates=allow_duplicates,
        subject=scope["path_params"].get("object"),
    )
    tx.purse, tx.account = partial(services.admit, actor), scope["account"]
    scope["tx"] = tx
    await tx.learned.learn()
    tx.catalogue.switches.need_route(scope["route"].path_format)
    return tx


async def let_in(request: Request, actor: Actor) -> RequestTx:
    """The transaction of whoever a secret address stands for; raises where they find no path."""
    services = services_of(request)
    request.scope["account"] = await services.admit(actor)
    tx = RequestTx(services.database, actor, request_id=request.scope.get("request_id"))
    await tx.learned.learn()
    tx.catalogue.switches.need_route(request.scope["route"].path_format)
    return tx


async def _admitted(request: Request) -> Actor:
    """Who asks, let in once per request."""
    scope, services = request.scope, services_of(request)
    known = scope.get("actor")
    if known is not None:
        return known
    actor = await authenticated(services, scope)
    scope["account"] = await services.admit(actor)
    scope["actor"] = actor
    return actor


async def authenticated(services: Services, scope: Scope) -> Actor:
    """The actor of a request; raises `Unauthenticated`."""
    client = scope.get("client")
    return await services.authenticate(authorization_of(scope), client and client[0])


def authorization_of(scope: Scope) -> str | None:
    """The credential that a request carries."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return value.decode("latin-1")
    return None


def named_object(
    object: Annotated[str, Path(max_length=40, description="The key of a custom object.")],
) -> None:
    """Document the part of the path that names an object; whether there is one is seen later."""
    del object


Reading = Annotated[Tx, Depends(reading)]
# "function": the commit comes before the answer, so that a commit that fails is an error.
Writing = Annotated[RequestTx, Depends(writing, scope="function")]
Insisting = Annotated[RequestTx, Depends(insisting, scope="function")]
TRANSACTIONS = frozenset({reading, writing, insisting})


def _in_its_manner(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of a change, answering once and as short as the request wants it.

    Here, where both ways to a handler pass (ADR-0010).
    """
    parameters = signature(endpoint).parameters.values()
    name = next((p.name for p in parameters if p.annotation in {Writing, Insisting}), None)
    return endpoint if name is None else wraps(endpoint)(answered(endpoint, name))


class StrictRoute(APIRoute):
    """A route that refuses what the framework lets pass: unknown parameters, unclean JSON."""

    words: ClassVar[set[str]] = set()
    """The fixed parts of every path: none of them is an id."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _in_its_manner(endpoint), **options)
        self.words.update(part for part in path.split("/") if "{" not in part)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As declared, but `/contacts/query` never is the contact `query`, by any method."""
        match, found = super().matches(scope)
        if match is Match.NONE or "id" not in self.param_convertors:
            return match, found
        return (Match.NONE, {}) if found["path_params"]["id"] in self.words else (match, found)

    @staticmethod
    def unknown(name: str) -> CrmError:
        """The refusal of a parameter that nobody declared."""
        message = f"Unknown parameter {name!r}."
        return Invalid.parameter(name, "unknown_parameter", message)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the checks."""
        handle = super().get_route_handler()
        known = frozenset(_query_names(self.dependant))
        guarded = any(inner.call in TRANSACTIONS for inner in self.dependant.dependencies)
        reads_json = self.body_field is not None and not isinstance(
            self.body_field.field_info, FormField
        )
        filters = bool((self.openapi_extra or {}).get("x-filter"))

        async def strict(request: Request) -> Response:
            if guarded:
                # Nobody without a credential makes the service read a body, and what is switched
                # off is not there, whatever is sent to it.
                await _tx_of(request)
            for name in request.query_params:
                flat = filters and (name.startswith("filter[") or name in ABOUT)
                if name not in known and not flat:
                    raise self.unknown(name[:60])
            strictly = StrictRequest(request.scope, request.receive)
            if reads_json:
                # Here and not in the framework, which takes any failure for malformed JSON.
                await strictly.body()
            return await handle(strictly)

        return strict


def _query_names(dependant: Any) -> list[str]:
    names = [param.alias for param in dependant.query_params]
    for inner in dependant.dependencies:
        names += _query_names(inner)
    return names


ABOUT = frozenset({"about", "rollup"})
"""Short for a filter, in collections of what may be about anything."""


class StrictRequest(Request):
    """JSON without NaN, repeated keys or abysmal nesting."""

    async def json(self) -> Any:
        """The body's value; raises `JSONDecodeError`, which becomes 400."""
        return loads(await self.body())


def loads(body: bytes) -> Any:
    """Read JSON strictly; raises `JSONDecodeError`."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise json.JSONDecodeError("not UTF-8", "", error.start) from None
    try:
        value = _STRICTLY.decode(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise json.JSONDecodeError(str(error)[:200], "", 0) from None
    if _is_deep(value):
        raise _too_deep()
    return value


def _too_deep() -> json.JSONDecodeError:
    return json.JSONDecodeError(f"nested deeper than {MAX_JSON_DEPTH}", "", 0)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return any(isinstance(inner, dict | list) for inner in level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} stands twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_STRICTLY = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
