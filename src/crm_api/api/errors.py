"""Every failure of a request as a problem document."""

from collections.abc import Callable

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import RouteContext, iter_route_contexts
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as RoutingError
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from crm_api.kit.db.failures import translate
from crm_api.kit.db.json import encode
from crm_api.kit.errors import (
    CrmError,
    Invalid,
    Malformed,
    NotFound,
    TooLarge,
    Unsupported,
)
from crm_api.kit.faults import invalid_request
from crm_api.kit.problems import problem_of
from crm_api.kit.rest.problems import PROBLEM_JSON

log = structlog.get_logger("crm_api.api")


class MethodNotAllowed(CrmError):
    """The path exists, the method does not."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class Internal(CrmError):
    """A mistake of ours; the log has the rest, under the request id."""


def install(app: FastAPI) -> None:
    """Map the tree of errors, and what the framework raises, to problem documents."""
    app.add_exception_handler(CrmError, _crm_error)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(RoutingError, _routing)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, _unknown)


def response_of(error: CrmError, request_id: str | None) -> Response:
    """The answer that an error means."""
    body = encode(problem_of(error, request_id))
    return Response(body, error.status, error.headers, PROBLEM_JSON)


def refusal_of(error: CrmError, scope: Scope) -> Response:
    """The answer that an error means, in the words of whom the request was carried out for."""
    worded: Callable[[Scope, CrmError], Response] | None = scope.get("worded")
    return response_of(error, scope.get("request_id")) if worded is None else worded(scope, error)


def _answer(request: Request, error: CrmError) -> Response:
    return refusal_of(error, request.scope)


async def _crm_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, CrmError)
    return _answer(request, error)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if any(found["loc"] == ("body",) for found in errors):
        kind = request.headers.get("content-type", "")
        if not _is_json(kind) and _has_body(request):
            return _answer(
                request, Unsupported("Send the body as application/json.", headers=_ACCEPTED)
            )
    return _answer(request, invalid_request(errors))


_ACCEPTED = {"Accept-Post": "application/json", "Accept-Patch": "application/merge-patch+json"}


def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


async def _routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoutingError)
    if error.status_code == 405:
        headers = {"Allow": ", ".join(sorted(_allowed(request)))}
        refusal = MethodNotAllowed(f"{request.method} is not for this path.", headers=headers)
        return _answer(request, refusal)
    known: dict[int, CrmError] = {
        404: NotFound("There is nothing at this path.", code="no_route"),
        413: TooLarge("The body is too large."),
        415: Unsupported("This content type is not read here."),
        422: Invalid(str(error.detail)),
    }
    return _answer(request, known.get(error.status_code) or Malformed(str(error.detail)[:200]))


def _allowed(request: Request) -> set[str]:
    # The framework names the methods of the first route that matches, not of all.
    found: dict[str, set[str]] = {}
    near = [route for route in request.app.routes if _may_be(route, request)]
    for route in iter_route_contexts(near):
        if route.path and route.methods and _may_be(route, request):
            found.setdefault(route.path, set()).update(route.methods)
    # `/contacts/query` before `/contacts/{id}`.
    fixed = min(found, key=lambda path: [part[:1] == "{" for part in path.split("/")])
    return found[fixed]


def _may_be(route: BaseRoute | RouteContext, request: Request) -> bool:
    return route.matches(request.scope)[0] is not Match.NONE


async def _database(request: Request, error: Exception) -> Response:
    found = translate(error)
    if isinstance(found, CrmError):
        return _answer(request, found)
    return await _unknown(request, error)


async def _unknown(request: Request, error: Exception) -> Response:
    log.error("unhandled", exc_info=error, request_id=request.scope.get("request_id"))
    return _answer(request, Internal("Something went wrong here."))
