"""Routes by how their paths begin."""

from fastapi import APIRouter
from starlette.routing import Match

from crm_api.kit.rest.routes import beginning_of, joined, shelved

PATHS = ["/v1/a", "/v1/a/{id}", "/v1/b/{id}", "/v1/a/{id}/history", "/{any}/b", "/livez"]


def router_of(*paths):
    router = APIRouter()
    for path in paths:
        router.add_api_route(path, lambda: None)
    return router


def asked(path):
    return {"type": "http", "method": "GET", "path": path, "headers": []}


def test_each_route_is_on_one_shelf():
    shelves = list(shelved(joined([router_of(*PATHS[:3]), router_of(*PATHS[3:])]).routes))
    found = [[route.path for route in shelf.routes] for shelf in shelves]
    assert found == [
        ["/v1/a", "/v1/a/{id}", "/v1/a/{id}/history"],
        ["/v1/b/{id}"],
        ["/livez"],
        ["/{any}/b"],
    ]
    assert [route.path for route in joined(shelves).routes] == [p for some in found for p in some]


def test_other_paths_are_not_looked_for():
    shelf = next(shelved(router_of(*PATHS[:2]).routes))
    assert shelf.matches(asked("/v1/b/1")) == (Match.NONE, {})
    including = APIRouter()
    including.include_router(shelf)
    matches = [including.routes[0].matches(asked(path))[0] for path in ("/v1/a/1", "/v1/b/1")]
    assert matches == [Match.FULL, Match.NONE]
    for root, path in (("/crm", "/crm/v1/a/1"), ("/crm", "/v1/a/1"), ("/v", "/v1/a/1")):
        behind = {**asked(path), "root_path": root}
        assert including.routes[0].matches(behind)[0] is Match.FULL


def test_a_socket_makes_no_shelf_of_other_paths_ready():
    """All of them together take the framework seconds, in which no request is answered."""
    including = APIRouter()
    for shelf in shelved(router_of(*PATHS).routes):
        including.include_router(shelf)
    shelves = including.routes[:-1]
    socket = {"type": "websocket", "path": "/graphql", "headers": []}
    assert {shelf.matches(socket)[0] for shelf in shelves} == {Match.NONE}
    assert [shelf._effective_candidates for shelf in shelves] == [[]] * len(shelves)


def test_short_paths_have_beginnings():
    assert [beginning_of(path) for path in ("/", "/livez", "/v1/a/b")] == [
        ("", ""),
        ("livez", ""),
        ("v1", "a"),
    ]
