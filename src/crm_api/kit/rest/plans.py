"""How the arguments of a handler are found in a request, worked out once per route."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import iscoroutinefunction, signature
from json import JSONDecodeError
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response, params
from fastapi.dependencies.models import Dependant
from starlette.routing import BaseRoute

from crm_api.kit.rest.requests import (
    TRANSACTIONS,
    StrictRoute,
    begin,
    loads,
    named_object,
    reading,
)

_UNSHARED = (str, int, bool, type(None))


class NotPlain(Exception):
    """Something that only the framework reads: a mistake, or a rarer kind of parameter."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a handler."""

    name: str
    alias: str
    validate: Callable[..., tuple[Any, Any]]

    def read(self, given: Any) -> Any:
        """The checked value; raises `NotPlain`."""
        value, errors = self.validate(given, {}, loc=())
        if errors:
            raise NotPlain
        return value


class Plan:
    """Gets the arguments of one route's handler, and its answer."""

    def __init__(self, route: StrictRoute) -> None:
        dependant = route.dependant
        self._handler: Any = dependant.call
        if not iscoroutinefunction(self._handler) or _returned(self._handler) is not Response:
            raise NotPlain
        if dependant.cookie_params or dependant.response_param_name:
            raise NotPlain
        self._request = dependant.request_param_name
        self._tx, self._writes, asked = _transaction(dependant.dependencies)
        self._defaults: dict[str, Any] = {}
        self._path = self._parameters(dependant.path_params)
        query = [*dependant.query_params, *asked.query_params]
        headers = [*dependant.header_params, *asked.header_params]
        self._query = {p.alias: p for p in self._parameters(query)}
        self._headers = {p.alias.lower().encode(): p for p in self._parameters(headers)}
        self._options = [field.name for field in (*asked.query_params, *asked.header_params)]
        self._filters = bool((route.openapi_extra or {}).get("x-filter"))
        self.body = _body(dependant, self._parameters(dependant.body_params))
        listed = [*self._path, *self._query.values(), *self._headers.values()]
        self._count = len(listed) + (self.body is not None)

    def _parameters(self, fields: Iterable[Any]) -> list[Parameter]:
        found: list[Parameter] = []
        for field in fields:
            if not field.field_info.is_required():
                self._defaults[field.name] = field.get_default()
                if not isinstance(self._defaults[field.name], _UNSHARED):
                    raise NotPlain
            found.append(Parameter(field.name, field.alias, field.validate))
        return found

    async def answer(self, request: Request, body: bytes) -> Response:
        """The handler's response, committed; raises `NotPlain` before anything is done."""
        values = self._arguments(request.scope, body)
        if self._request is not None:
            values[self._request] = request
        if self._tx is None:
            return await self._handler(**values)
        if not self._writes:
            values[self._tx] = await reading(request)
            return await self._handler(**values)
        options = {name: values.pop(name) for name in self._options}
        async with await begin(request, **options) as tx:
            values[self._tx] = tx
            return await self._handler(**values)

    def _arguments(self, scope: Any, body: bytes) -> dict[str, Any]:
        values = self._defaults.copy()
        for parameter in self._path:
            values[parameter.name] = parameter.read(scope["path_params"][parameter.alias])
        if scope["query_string"]:
            self._read_query(scope["query_string"], values)
        if self._headers:
            for name, value in scope["headers"]:
                header = self._headers.get(name)
                if header is not None:
                    values[header.name] = header.read(value.decode("latin-1"))
        if self.body is not None:
            values[self.body.name] = self.body.read(_value(body))
        if len(values) < self._count:
            raise NotPlain
        return values

    def _read_query(self, query: bytes, values: dict[str, Any]) -> None:
        seen: set[str] = set()
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            parameter = self._query.get(name)
            if parameter is None and self._filters and name.startswith("filter["):
                continue
            if parameter is None or name in seen:
                raise NotPlain
            seen.add(name)
            values[parameter.name] = parameter.read(value)


def plan_of(route: BaseRoute) -> Plan | None:
    """The plan of a route, if nothing about it is out of the ordinary."""
    if not isinstance(route, StrictRoute):
        return None
    try:
        return Plan(route)
    except NotPlain:
        return None


def _returned(handler: Callable[..., Any]) -> Any:
    return signature(handler).return_annotation


def _transaction(dependencies: list[Dependant]) -> tuple[str | None, bool, Dependant]:
    dependencies = [inner for inner in dependencies if inner.call is not named_object]
    if not dependencies:
        return None, False, Dependant()
    first = dependencies[0]
    if len(dependencies) > 1 or first.call not in TRANSACTIONS:
        raise NotPlain
    return first.name, first.call is not reading, first


def _body(dependant: Dependant, found: list[Parameter]) -> Parameter | None:
    if len(found) > 1 or any(isinstance(f.field_info, params.Form) for f in dependant.body_params):
        raise NotPlain
    return found[0] if found else None


def _value(body: bytes) -> Any:
    try:
        return loads(body)
    except JSONDecodeError:
        raise NotPlain from None
