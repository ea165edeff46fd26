"""Cells that list several things."""

import pytest

from crm_api.platform.transfer.reading.lists import points_in, tags_in


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("a@example.com", ["a@example.com"]),
        ("a@example.com;b@example.com ; ", ["a@example.com", "b@example.com"]),
        ("+49 30 1\n+49 30 2 | +49 30 3", ["+49 30 1", "+49 30 2", "+49 30 3"]),
        ("+49-30-1;ext=7; +49 30 2", ["+49-30-1;ext=7", "+49 30 2"]),
        ('["a@example.com", " "]', ["a@example.com"]),
        ('[{"kind": "work", "value": "a@example.com"}]', ["a@example.com"]),
        ("[]", []),
        (";", []),
        ("[030] 1", ["[030] 1"]),
        ("[1, 2]", ["[1, 2]"]),
        ("[" * 100_000, ["[" * 100_000]),
    ],
)
def test_addresses_and_numbers(cell, found):
    assert points_in(cell) == found


@pytest.mark.parametrize(
    ("cell", "found"),
    [("a, b;c", ["a", "b", "c"]), ('["a, b", "c"]', ["a, b", "c"]), ("[]", []), ("[a]", ["[a]"])],
)
def test_tags(cell, found):
    assert tags_in(cell) == found
