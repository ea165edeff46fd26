"""People for the tests of accounts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from support.clients import Api
from support.people import Person, joined, logged_in


@pytest.fixture(autouse=True)
async def no_attempts(owner) -> AsyncIterator[None]:
    """Every test begins without failures, and leaves none to others: all have the same address."""
    await owner.execute("DELETE FROM login_attempts")
    yield
    await owner.execute("DELETE FROM login_attempts")


@pytest.fixture
async def person(client: Api) -> Person:
    """A member of `org` who can log in."""
    return await joined(client)


@pytest.fixture
async def as_person(app: Any) -> AsyncIterator[Callable[..., Awaitable[Api]]]:
    """`await as_person(person)`: a client with the access token of a new session."""
    async with AsyncExitStack() as stack:

        async def make(person: Person, **more: Any) -> Api:
            tokens = await logged_in(app, person, **more)
            api = await stack.enter_async_context(Api(app, tokens["access_token"]))
            api.tokens = tokens
            return api

        yield make
