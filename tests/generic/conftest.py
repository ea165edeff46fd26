"""Every test here runs once per registered collection.

With `CRM_TEST_PAIRS=3` every third pair of a test and a collection is run, chosen by their names:
each test with many collections, each collection with many tests; with `CRM_TEST_PAIRS=-3` all the
others. So two runs, on two versions of PostgreSQL, are each pair once: it is the statements that
may differ between versions, and these are the kit's.
"""

import os
import zlib

import asyncpg
import pytest

from support.clients import Org
from support.factories import KINDS, Kind

PAIRS = int(os.environ.get("CRM_TEST_PAIRS", "1"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def is_left_out(item: pytest.Item) -> bool:
        of_pair = "[" in item.name and item.path.parent.name == "generic"
        is_one_of = zlib.crc32(item.nodeid.encode()) % abs(PAIRS) == 0
        return of_pair and is_one_of == (PAIRS < 0)

    left_out = [item for item in items if is_left_out(item)]
    if left_out:
        items[:] = [item for item in items if not is_left_out(item)]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
async def org(request: pytest.FixtureRequest, org: Org, owner: asyncpg.Pool) -> Org:
    """The organization of this test, which begins without records of the collection it is about."""
    if "kind" in request.fixturenames and request.getfixturevalue("kind").entity == "role":
        await owner.execute("DELETE FROM roles WHERE organization_id = $1", org.id)
    return org
