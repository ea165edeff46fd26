"""Approvals in the test's own organization."""

import pytest

from support.approving import Approving


@pytest.fixture
def approving(client):
    return Approving(client)
