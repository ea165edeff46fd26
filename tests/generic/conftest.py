"""Every test here runs once per registered collection."""

import asyncpg
import pytest

from support.clients import Org
from support.factories import KINDS, Kind


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
async def org(request: pytest.FixtureRequest, org: Org, owner: asyncpg.Pool) -> Org:
    """The organization of this test, which begins without records of the collection it is about."""
    if "kind" in request.fixturenames and request.getfixturevalue("kind").entity == "role":
        await owner.execute("DELETE FROM roles WHERE organization_id = $1", org.id)
    return org
