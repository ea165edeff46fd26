"""Requests read strictly, and the transaction that each of them gets."""

import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, ClassVar, Protocol

from fastapi import Depends, Query, Request, Response
from fastapi.params import Form as FormField
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Ring, Tx, unit_of_work
from crm_api.kit.errors import CrmError, Invalid

MAX_JSON_DEPTH = 32


class Services(Protocol):
    """What the application keeps for its requests."""

    database: Database
    ring: Ring

    async def authenticate(self, authorization: str | None) -> Actor:
        """The actor of a credential; raises `Unauthenticated`."""
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
    dry_run: Annotated[
        bool, Query(description="Check and answer as if done, but store nothing.")
    ] = False,
) -> AsyncIterator[Tx]:
    """A unit of work that commits before the answer leaves (ADR-0002)."""
    async with await begin(request, dry_run=dry_run) as tx:
        yield tx


async def begin(request: Request, *, dry_run: bool) -> AbstractAsyncContextManager[Tx]:
    """The unit of work of a request, about to begin."""
    tx = await _tx_of(request, dry_run=dry_run)
    return unit_of_work(tx, services_of(request).ring)


async def _tx_of(request: Request, *, read_only: bool = False, dry_run: bool = False) -> Tx:
    scope, services = request.scope, services_of(request)
    scope["actor"] = actor = await services.authenticate(authorization_of(scope))
    tx = Tx(
        services.database,
        actor,
        request_id=scope.get("request_id"),
        read_only=read_only,
        dry_run=dry_run,
    )
    scope["tx"] = tx
    return tx


def authorization_of(scope: Scope) -> str | None:
    """The credential that a request carries."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return value.decode("latin-1")
    return None


Reading = Annotated[Tx, Depends(reading)]
# "function": the commit comes before the answer, so that a commit that fails is an error.
Writing = Annotated[Tx, Depends(writing, scope="function")]


class StrictRoute(APIRoute):
    """A route that refuses what the framework lets pass: unknown parameters, unclean JSON."""

    words: ClassVar[set[str]] = set()
    """The fixed parts of every path: none of them is an id."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
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
        guarded = any(inner.call in {reading, writing} for inner in self.dependant.dependencies)
        reads_json = self.body_field is not None and not isinstance(
            self.body_field.field_info, FormField
        )
        filters = bool((self.openapi_extra or {}).get("x-filter"))

        async def strict(request: Request) -> Response:
            for name in request.query_params:
                if name not in known and not (filters and name.startswith("filter[")):
                    raise self.unknown(name[:60])
            if guarded:
                # Nobody without a credential makes the service read a body.
                await services_of(request).authenticate(authorization_of(request.scope))
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
    if text.count("[") + text.count("{") > MAX_JSON_DEPTH and _depth(text) > MAX_JSON_DEPTH:
        raise json.JSONDecodeError(f"nested deeper than {MAX_JSON_DEPTH}", "", 0)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        raise json.JSONDecodeError(str(error)[:200], "", 0) from None


def _depth(text: str) -> int:
    deepest = depth = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} stands twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
