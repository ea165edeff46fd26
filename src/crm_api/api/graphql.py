"""The GraphQL endpoint: one schema from every module."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NoReturn, cast

import strawberry
import structlog
from fastapi import APIRouter, Query, Request, Response
from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationType,
    VariableValues,
    specified_rules,
)
from starlette.types import Scope
from strawberry.extensions import SchemaExtension
from strawberry.http.ides import get_graphql_ide_html
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import validate_document
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext

from crm_api.api.errors import MethodNotAllowed
from crm_api.api.graphql_guards import guard
from crm_api.api.graphql_requests import JSON, Asked, form_of, posted, queried
from crm_api.api.persisted import Persisted
from crm_api.kit.db.failures import translate
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Fault, Invalid, Malformed
from crm_api.kit.graphql.context import Context
from crm_api.kit.graphql.documents import Document, Documents, NoOperation, Operation, Refused
from crm_api.kit.graphql.filters import make_filters
from crm_api.kit.graphql.limits import size_limit
from crm_api.kit.graphql.mutations import answer_apart
from crm_api.kit.graphql.nodes import node_query
from crm_api.kit.graphql.planning import plan_of
from crm_api.kit.graphql.plans import NotPlanned, Plan
from crm_api.kit.graphql.types import SCALARS, resolve
from crm_api.kit.module import Module
from crm_api.kit.problems import problem_of
from crm_api.kit.rest.bulk import ITEMS_PER_POINT
from crm_api.kit.rest.repeats import RequestTx
from crm_api.kit.rest.requests import StrictRoute, Writing, begin
from crm_api.settings import Settings

log = structlog.get_logger("crm_api.graphql")

MAX_DEPTH, MAX_ALIASES, MAX_TOKENS = 10, 15, 1_000
COST_PER_POINT = 100
_NO_OPERATION = "The document has no such operation, or several and `operationName` names none."
Text = Annotated[str | None, Query()]


class Schema(strawberry.Schema):
    """Logs nothing itself: the endpoint does, which knows the request."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Leave the errors to the endpoint."""


class _Ready(SchemaExtension):
    """The document of the request was parsed and found valid before."""

    def on_parse(self) -> Iterator[None]:
        """Hand it over."""
        self.execution_context.graphql_document = self.execution_context.context.document
        yield

    def on_validate(self) -> Iterator[None]:
        """Say that nothing is wrong with it."""
        self.execution_context.pre_execution_errors = []
        yield


def build_schema(modules: Iterable[Module]) -> Schema:
    """The schema of these modules."""
    modules = list(modules)
    services = [service for module in modules for service in module.services]
    queries = [
        node_query(services),
        *(query for module in modules for query in module.shown.queries),
    ]
    mutations = [mutation for module in modules for mutation in module.shown.mutations]
    subscriptions = [found for module in modules for found in module.shown.subscriptions]
    make_filters()
    schema = Schema(
        query=merge_types("Query", tuple(queries)),
        mutation=merge_types("Mutation", tuple(mutations)),
        subscription=merge_types("Subscription", tuple(subscriptions)) if subscriptions else None,
        config=StrawberryConfig(default_resolver=resolve),
        scalar_overrides=SCALARS,
        extensions=[_Ready],
    )
    answer_apart(schema._schema)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    guard(schema, modules)
    return schema


@dataclass(frozen=True)
class Answer:
    """What became of a document."""

    data: Any
    errors: list[GraphQLError] | None = None
    extensions: dict[str, Any] | None = None
    changes: bool = False
    """Whether it was a mutation, and none that was refused as a whole."""


class Endpoint:
    """Carries out documents: by a plan where there is one, else field by field."""

    def __init__(self, modules: Iterable[Module], settings: Settings) -> None:
        self.schema = build_schema(modules)
        core = self.schema._schema  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        rules = [*specified_rules, size_limit(max_depth=MAX_DEPTH, max_aliases=MAX_ALIASES)]
        if not settings.graphql_introspection:
            rules.append(NoSchemaIntrospectionCustomRule)
        self.documents = Documents(
            core,
            lambda node: validate_document(core, node, tuple(rules)),
            max_tokens=MAX_TOKENS,
        )
        self.max_cost = settings.graphql_max_cost
        self.persisted = Persisted.read(
            settings.graphql_persisted, only=settings.graphql_persisted_only
        )

    def admitted(self, asked: Asked) -> tuple[Document, Operation]:
        """What is asked for, parsed and found valid; raises `Refused` or `Malformed`."""
        document = self.documents.get(self.persisted.text(asked))
        return document, _operation(document, asked.operation_name)

    async def answer(self, asked: Asked, tx: RequestTx, *, change: bool = True) -> Answer:
        """Carry out a request; raises `Refused`, or a `CrmError` for what is no request."""
        document, operation = self.admitted(asked)
        if operation.kind is OperationType.SUBSCRIPTION:
            raise Refused([GraphQLError("Subscriptions take a WebSocket.", operation.node)])
        if operation.kind is not OperationType.QUERY and not change:
            raise MethodNotAllowed("Send changes by POST.", headers={"Allow": "POST"})
        variables = operation.variables(asked.variables or {})
        cost = operation.cost(variables)
        extensions: dict[str, Any] = {"cost": {"requested": cost, "limit": self.max_cost}}
        if cost > self.max_cost:
            _too_costly(cost, self.max_cost, extensions)
        await tx.spend(cost // COST_PER_POINT + _items(operation, variables) // ITEMS_PER_POINT)
        data = await self._planned(operation, variables, tx)
        if data is not None:
            return Answer(data, extensions=extensions)
        context = Context(tx, document.node)
        result = await self.schema.execute(
            # The text of the document stands in the context, parsed.
            "{}",
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            operation_extensions=asked.extensions,
        )
        if tx.links:
            extensions["links"] = [{"rel": rel, "href": path} for rel, path in tx.links]
        changes = operation.kind is OperationType.MUTATION and not context.refused
        return Answer(result.data, result.errors, extensions, changes)

    async def _planned(
        self, operation: Operation, variables: VariableValues, tx: Tx
    ) -> dict[str, Any] | None:
        plan = self.plan(operation, variables)
        if plan is None:
            return None
        try:
            return await plan.read(tx, variables)
        except CrmError as error:
            if error.status >= 500:
                raise
            return None
        except Exception:  # noqa: BLE001 - told at its field, which only the other way knows
            return None

    def plan(self, operation: Operation, variables: VariableValues) -> Plan | None:
        """The plan of an operation, made on first use; None where there can be none."""

        def make() -> Plan | None:
            try:
                return plan_of(self.schema, operation, variables)
            except NotPlanned:
                return None

        return operation.plans.get(operation.variant(variables), make)


def _operation(document: Document, name: str | None) -> Operation:
    try:
        return document.operation(name)
    except NoOperation:
        raise Malformed(_NO_OPERATION, code="graphql_validation") from None


def _items(operation: Operation, variables: VariableValues) -> int:
    """How many things a mutation is given; literals are few, there are not tokens for many."""
    if operation.kind is not OperationType.MUTATION:
        return 0
    given: Iterable[Any] = variables.coerced.values()
    return sum(len(cast("list[Any]", value)) for value in given if isinstance(value, list))


def _too_costly(cost: int, limit: int, extensions: dict[str, Any]) -> NoReturn:
    message = f"The query costs {cost}, more than {limit}: ask for fewer records or fields."
    error = Invalid(message, code="query_too_costly")
    raise Refused([GraphQLError(message, original_error=error)], extensions)


class GraphRoute(StrictRoute):
    """What a URL asks is part of a GraphQL request, and one that cannot be read is 400."""

    @staticmethod
    def unknown(name: str) -> CrmError:
        """The refusal of a parameter that nobody declared."""
        message = f"Unknown parameter {name!r}."
        fault = Fault("unknown_parameter", message, parameter=name)
        return Malformed(message, code="unknown_parameter", faults=[fault])


def graphql_router(endpoint: Endpoint, settings: Settings) -> APIRouter:
    """`/graphql`, and its page in a browser."""
    page = get_graphql_ide_html("graphiql") if settings.docs else None
    router = APIRouter(include_in_schema=False, route_class=GraphRoute)

    @router.get("/graphql")
    async def ask(
        request: Request,
        query: Text = None,
        document_id: Annotated[str | None, Query(alias="documentId")] = None,
        variables: Text = None,
        operation_name: Annotated[str | None, Query(alias="operationName")] = None,
        extensions: Text = None,
    ) -> Response:
        """The answer to a query; in a browser the page, which needs no credential."""
        accept = request.headers.get("accept")
        if page is not None and "text/html" in (accept or ""):
            return Response(page, media_type="text/html")
        given = {
            "query": query,
            "documentId": document_id,
            "variables": variables,
            "operationName": operation_name,
            "extensions": extensions,
        }
        if not any(given.values()):
            raise MethodNotAllowed("Send a document by POST.", headers={"Allow": "GET, POST"})
        async with await begin(request, dry_run=False) as tx:
            form = JSON
            try:
                form = form_of(accept)
                return _answered(
                    await endpoint.answer(queried(given), tx, change=False), request, form
                )
            except CrmError as error:
                return _refused(error, request, form)
            except Refused as error:
                return _invalid(error, request, form)

    @router.post("/graphql")
    async def answer(request: Request, tx: Writing) -> Response:
        """The answer to a document."""
        form, tx.answer_matters = JSON, False
        try:
            form = form_of(request.headers.get("accept"))
            found = await endpoint.answer(await posted(request), tx)
            # A query can be repeated, and so can what failed or was refused as a whole.
            tx.answer_matters = tx.told > 0 or (found.changes and not found.errors)
            # Without the request, which would hold itself.
            request.scope["worded"] = partial(_undone, form, list(found.data or ()))
            return _answered(found, request, form)
        except CrmError as error:
            return _refused(error, request, form)
        except Refused as error:
            return _invalid(error, request, form)

    # The decorators above are their only callers.
    del ask, answer
    return router


def _refused(error: CrmError, request: Request, form: str) -> Response:
    """What is no GraphQL request, in the form of a GraphQL error."""
    body = encode({"errors": [of_known(error, request.scope)]})
    return Response(body, error.status, error.headers, form)


def _invalid(error: Refused, request: Request, form: str) -> Response:
    """A document that is not carried out: there is no data, not even null."""
    answer: dict[str, Any] = {
        "errors": [shown_error(found, request.scope) for found in error.errors]
    }
    if error.extensions:
        answer["extensions"] = error.extensions
    return Response(encode(answer), 200 if form == JSON else 400, None, form)


def _undone(form: str, names: list[str], scope: Scope, error: CrmError) -> Response:
    """What was carried out and not stored: a constraint speaks as late as at the commit."""
    told = of_known(error, scope)
    if error.status >= 500:
        # Nothing was carried out, and nothing is wrong with the request: as for queries.
        return Response(encode({"errors": [told]}), error.status, error.headers, form)
    data = None
    if len(names) == 1:
        data, told["path"] = dict.fromkeys(names), names
    return Response(encode({"data": data, "errors": [told]}), 200, error.headers, form)


def _answered(given: Answer, request: Request, form: str) -> Response:
    answer: dict[str, Any] = {"data": given.data}
    if given.errors:
        answer["errors"] = [shown_error(error, request.scope) for error in given.errors]
    if given.extensions:
        answer["extensions"] = given.extensions
    return Response(encode(answer), 200, None, form)


def shown_error(error: GraphQLError, scope: Scope) -> dict[str, Any]:
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
        return shown | of_known(known, scope)
    request_id = scope.get("request_id")
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


def of_known(error: CrmError, scope: Scope) -> dict[str, Any]:
    """A known error in the form of a GraphQL error."""
    problem = problem_of(error, scope.get("request_id"))
    return {"message": error.detail, "extensions": {"code": error.own_code, "problem": problem}}
