"""Every test here runs once per registered collection."""

import pytest

from support.factories import KINDS, Kind


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param
