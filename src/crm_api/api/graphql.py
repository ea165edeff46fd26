"""The GraphQL endpoint: one schema from every module."""

from collections.abc import Iterable
from json import JSONDecodeError
from typing import Annotated, Any, cast

import strawberry
import structlog
from fastapi import APIRouter, Depends, Request, Response
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import (
    AddValidationRules,
    MaxTokensLimiter,
    ParserCache,
    ValidationCache,
)
from strawberry.http.ides import get_graphql_ide_html
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext, ExecutionResult

from crm_api.api.errors import MethodNotAllowed
from crm_api.kit.db.failures import translate
from crm_api.kit.db.json import encode
from crm_api.kit.errors import CrmError, Malformed, Unsupported
from crm_api.kit.graphql.context import Context
from crm_api.kit.graphql.limits import size_limit
from crm_api.kit.graphql.nodes import node_query
from crm_api.kit.graphql.types import SCALARS, resolve
from crm_api.kit.module import Module
from crm_api.kit.rest.problems import problem_of
from crm_api.kit.rest.requests import Writing, loads

log = structlog.get_logger("crm_api.graphql")

_LIMITS = [size_limit(max_depth=10, max_aliases=15)]
_MEMBERS: dict[str, tuple[type, str]] = {
    "query": (str, "a string"),
    "variables": (dict, "an object"),
    "operationName": (str, "a string"),
    "extensions": (dict, "an object"),
}
_NO_OPERATION = "The document has no such operation, or several and `operationName` names none."


class Schema(strawberry.Schema):
    """Logs nothing itself: the endpoint does, which knows the request."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Leave the errors to the endpoint."""


def build_schema(modules: Iterable[Module]) -> Schema:
    """The schema of these modules."""
    queries: list[type] = []
    mutations: list[type] = []
    modules = list(modules)
    queries.append(node_query(service for module in modules for service in module.services))
    for module in modules:
        queries += module.queries
        mutations += module.mutations
    return Schema(
        query=merge_types("Query", tuple(queries)),
        mutation=merge_types("Mutation", tuple(mutations)),
        config=StrawberryConfig(default_resolver=resolve),
        scalar_overrides=SCALARS,
        extensions=[
            lambda: AddValidationRules([*_LIMITS]),
            lambda: MaxTokensLimiter(max_token_count=1000),
            lambda: ParserCache(maxsize=200),
            lambda: ValidationCache(maxsize=200),
        ],
    )


async def _context(tx: Writing) -> Context:
    return Context(tx)


def graphql_router(modules: Iterable[Module], *, graphiql: bool) -> APIRouter:
    """`POST /graphql`, and its page in a browser."""
    schema = build_schema(modules)
    page = get_graphql_ide_html("graphiql") if graphiql else None
    router = APIRouter(include_in_schema=False)

    @router.get("/graphql")
    async def show(request: Request) -> Response:
        """The page; it needs no credential, what is asked from it does."""
        shown = "text/html" in request.headers.get("accept", "")
        if page is None or not shown or "query" in request.query_params:
            refusal = MethodNotAllowed("Send a document by POST.", headers={"Allow": "POST"})
            return _refused(refusal, request)
        return Response(page, media_type="text/html")

    @router.post("/graphql")
    async def answer(request: Request, context: Annotated[Context, Depends(_context)]) -> Response:
        """The answer to a document."""
        try:
            result = await _execute(schema, await _asked(request), context)
        except (Malformed, Unsupported) as error:
            return _refused(error, request)
        return _answered(result, request)

    # The decorators above are their only callers.
    del show, answer
    return router


async def _asked(request: Request) -> dict[str, Any]:
    """The members of the body; raises `Unsupported` or `Malformed`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Unsupported(
            "Send the body as application/json.", headers={"Accept-Post": "application/json"}
        )
    try:
        found = loads(await request.body())
    except JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error.msg}.") from None
    if not isinstance(found, dict):
        raise Malformed("The body is not an object.")
    asked = cast("dict[str, Any]", found)
    for name, (wanted, meaning) in _MEMBERS.items():
        if asked.get(name) is not None and not isinstance(asked[name], wanted):
            raise Malformed(f"`{name}` is not {meaning}.")
    return asked


async def _execute(schema: Schema, asked: dict[str, Any], context: Context) -> ExecutionResult:
    try:
        return await schema.execute(
            asked.get("query"),
            variable_values=asked.get("variables"),
            context_value=context,
            operation_name=asked.get("operationName"),
            operation_extensions=asked.get("extensions"),
        )
    except MissingQueryError:
        raise Malformed("The body has no `query`.") from None
    except (CannotGetOperationTypeError, InvalidOperationTypeError):
        raise Malformed(_NO_OPERATION, code="graphql_validation") from None


def _refused(error: CrmError, request: Request) -> Response:
    """What is no GraphQL request, in the form of a GraphQL error."""
    body = encode({"errors": [_of_known(error, request)]})
    return Response(body, error.status, error.headers, "application/json")


def _answered(result: ExecutionResult, request: Request) -> Response:
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [_shown(error, request) for error in result.errors]
    if result.extensions:
        answer["extensions"] = result.extensions
    return Response(encode(answer), media_type="application/json")


def _shown(error: GraphQLError, request: Request) -> dict[str, Any]:
    """An error as REST has it; whatever is not the client's to know is masked and logged once."""
    # What the client sent comes back in messages, lone surrogates too.
    message = error.message.encode(errors="backslashreplace").decode()
    shown: dict[str, Any] = {**error.formatted, "message": message}
    cause = _cause(error)
    if cause is None:
        code = "graphql_syntax" if isinstance(error, GraphQLSyntaxError) else "graphql_validation"
        return shown | {"extensions": {"code": code, **(error.extensions or {})}}
    known = translate(cause)
    if isinstance(known, CrmError):
        return shown | _of_known(known, request)
    request_id = request.scope.get("request_id")
    log.error("unhandled", exc_info=cause, request_id=request_id)
    return shown | {
        "message": "Something went wrong here.",
        "extensions": {"code": "internal", "request_id": request_id},
    }


def _cause(error: GraphQLError) -> Exception | None:
    """What a resolver raised; nothing where the document or its variables are wrong."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, GraphQLError):
        # A value that its type cannot show has no place in the document.
        return None if error.path is None or cause.nodes else cause
    # No path but a place: a literal or a variable that its type refuses.
    return None if error.path is None and error.nodes else cause


def _of_known(error: CrmError, request: Request) -> dict[str, Any]:
    problem = problem_of(error, request.scope.get("request_id"))
    return {"message": error.detail, "extensions": {"code": error.own_code, "problem": problem}}
