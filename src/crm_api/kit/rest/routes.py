"""Many routers as one, and which of them a path may belong to."""

from collections.abc import Iterable, Iterator

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

_Beginning = tuple[str, str]


def joined(routers: Iterable[APIRouter]) -> APIRouter:
    """The routes of many routers, in their order.

    Not by including them: the framework asks each included router on its own for every request.
    """
    return APIRouter(routes=[route for router in routers for route in router.routes])


class Shelf(APIRouter):
    """Routes whose paths begin alike, such as `/v1/contacts`; other paths are not looked for here.

    The framework looks through all routes there are, which takes tens of milliseconds with as
    many as these.
    """

    def __init__(self, beginning: _Beginning, routes: list[BaseRoute]) -> None:
        super().__init__(routes=routes)
        self._beginning = beginning

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As the framework has it, for paths that begin as these do."""
        # A part that a proxy takes away stands in front of what routes know.
        path: str = scope["path"]
        rest = path.removeprefix(scope.get("root_path", ""))
        if beginning_of(rest if rest.startswith("/") else path) != self._beginning:
            return Match.NONE, {}
        return super().matches(scope)


def shelved(routes: Iterable[BaseRoute]) -> Iterator[APIRouter]:
    """Routes by their beginnings; what begins by a parameter comes last."""
    shelves: dict[_Beginning, list[BaseRoute]] = {}
    others: list[BaseRoute] = []
    for route in routes:
        path = route.path if isinstance(route, Route) else "{"
        beginning = beginning_of(path)
        kept = others if "{" in "".join(beginning) else shelves.setdefault(beginning, [])
        kept.append(route)
    yield from (Shelf(beginning, routes) for beginning, routes in shelves.items())
    yield APIRouter(routes=others)


def beginning_of(path: str) -> _Beginning:
    """The first two parts of a path."""
    _, first, second, *_ = *path.split("/"), "", ""
    return first, second
