"""Routes that the direct way leaves to the framework."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Cookie, Depends, Form, Query, Response
from pydantic import BaseModel
from starlette.routing import Route

from crm_api.kit.rest.plans import plan_of
from crm_api.kit.rest.requests import Reading, StrictRoute


class Shape(BaseModel):
    name: str


def asked() -> str:
    return "x"


async def plain(tx: Reading, id: str, limit: int = 5) -> Response:
    return Response(f"{tx}{id}{limit}")


async def without_credential(name: str) -> Response:
    return Response(name)


async def answers_a_shape() -> Shape:
    return Shape(name="x")


def in_a_thread() -> Response:
    return Response()


async def reads_a_cookie(session: Annotated[str, Cookie()]) -> Response:
    return Response(session)


async def fills_a_response(response: Response) -> Response:
    return response


async def depends_on_more(found: Annotated[str, Depends(asked)]) -> Response:
    return Response(found)


async def has_a_shared_default(ids: Annotated[list[str], Query()] = []) -> Response:  # noqa: B006
    return Response(str(ids))


async def reads_a_form(name: Annotated[str, Form()]) -> Response:
    return Response(name)


async def reads_two_bodies(one: Shape, two: Shape) -> Response:
    return Response(f"{one}{two}")


def route_of(handler: Any) -> Any:
    router = APIRouter(route_class=StrictRoute)
    router.add_api_route("/v1/things/{id}", handler, methods=["POST"], response_model=None)
    return router.routes[0]


@pytest.mark.parametrize("handler", [plain, without_credential])
def test_plain_handlers_have_a_plan(handler):
    assert plan_of(route_of(handler)) is not None


@pytest.mark.parametrize(
    "handler",
    [
        answers_a_shape,
        in_a_thread,
        reads_a_cookie,
        fills_a_response,
        depends_on_more,
        has_a_shared_default,
        reads_a_form,
        reads_two_bodies,
    ],
)
def test_handlers_out_of_the_ordinary_have_none(handler):
    assert plan_of(route_of(handler)) is None


def test_routes_of_others_have_none():
    assert plan_of(Route("/x", in_a_thread)) is None
