"""Every test here runs once per registered collection."""

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from support.clients import Org
from support.factories import KINDS, Body, Kind


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
async def org(request: pytest.FixtureRequest, org: Org, owner: asyncpg.Pool) -> Org:
    """The organization of this test, which begins without records of the collection it is about."""
    if "kind" in request.fixturenames and request.getfixturevalue("kind").entity == "role":
        await owner.execute("DELETE FROM roles WHERE organization_id = $1", org.id)
    return org


@pytest.fixture(scope="session")
def openapi() -> dict[str, Any]:
    """The OpenAPI document as it was written; to make it takes a while."""
    return json.loads(Path("openapi/openapi.json").read_text())


@pytest.fixture(scope="session")
async def their_org(world: Any) -> Org:
    """Another organization, which no test that asks for it may change."""
    return await world.org()


@pytest.fixture(scope="session")
async def theirs(world: Any, their_org: Org) -> dict[str, Body]:
    """A record of every collection, all of that other organization."""
    other = await world.client(their_org)
    return {kind.name: await kind.make(other) for kind in KINDS}
