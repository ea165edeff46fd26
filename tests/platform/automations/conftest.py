"""Rules of the test's own organization."""

import pytest

from support.rules import Rules


@pytest.fixture
def rules(client):
    return Rules(client)
