"""The GraphQL endpoint: one schema from every module."""

from collections.abc import Iterable
from typing import Any

import strawberry
import structlog
from fastapi import APIRouter, Request
from graphql import GraphQLError
from strawberry.extensions import (
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    QueryDepthLimiter,
    ValidationCache,
)
from strawberry.fastapi import GraphQLRouter
from strawberry.http import GraphQLHTTPResponse
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext, ExecutionResult

from crm_api.kit.db.failures import translate
from crm_api.kit.db.json import encode
from crm_api.kit.errors import CrmError
from crm_api.kit.graphql.context import Context
from crm_api.kit.graphql.types import SCALARS, resolve
from crm_api.kit.module import Module
from crm_api.kit.rest.problems import problem_of
from crm_api.kit.rest.requests import Writing

log = structlog.get_logger("crm_api.graphql")


class Schema(strawberry.Schema):
    """Logs nothing itself: domain errors are answers, others are masked and logged once."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log what is not part of the contract."""
        del execution_context
        for error in errors:
            if error.original_error is not None and _known(error) is None:
                log.error("unhandled", exc_info=error.original_error)


def build_schema(modules: Iterable[Module]) -> Schema:
    """The schema of these modules."""
    queries: list[type] = []
    mutations: list[type] = []
    for module in modules:
        queries += module.queries
        mutations += module.mutations
    return Schema(
        query=merge_types("Query", tuple(queries)),
        mutation=merge_types("Mutation", tuple(mutations)),
        config=StrawberryConfig(default_resolver=resolve),
        scalar_overrides=SCALARS,
        extensions=[
            lambda: QueryDepthLimiter(max_depth=10),
            lambda: MaxAliasesLimiter(max_alias_count=15),
            lambda: MaxTokensLimiter(max_token_count=1000),
            lambda: ParserCache(maxsize=200),
            lambda: ValidationCache(maxsize=200),
        ],
    )


def _known(error: GraphQLError) -> CrmError | None:
    found = translate(error.original_error) if error.original_error is not None else None
    return found if isinstance(found, CrmError) else None


class _Router(GraphQLRouter[Context, None]):
    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """Errors as REST has them; whatever is not ours to tell is masked."""
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_shown(error, request) for error in result.errors]
        if result.extensions:
            answer["extensions"] = result.extensions
        return answer  # pyright: ignore[reportReturnType]

    def encode_json(self, data: object) -> bytes:
        """The service's own encoder."""
        return encode(data)


def _shown(error: GraphQLError, request: Request) -> dict[str, Any]:
    shown: dict[str, Any] = dict(error.formatted)
    if error.original_error is None:
        return shown
    known = _known(error)
    if known is None:
        shown["message"] = "Something went wrong here."
        shown["extensions"] = {
            "code": "internal",
            "request_id": request.scope.get("request_id"),
        }
        return shown
    problem = problem_of(known, request.scope.get("request_id"))
    shown["message"] = known.detail
    shown["extensions"] = {"code": known.own_code, "problem": problem}
    return shown


async def _context(tx: Writing) -> Context:
    return Context(tx)


def graphql_router(modules: Iterable[Module], *, graphiql: bool) -> APIRouter:
    """`POST /graphql`, and its page in a browser."""
    return _Router(
        build_schema(modules),
        path="/graphql",
        context_getter=_context,
        graphql_ide="graphiql" if graphiql else None,
        allow_queries_via_get=False,
        include_in_schema=False,
    )
