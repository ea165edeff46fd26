"""Cursors: opaque, signed, bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit.errors import Invalid
from crm_api.kit.query.cursor import context_of, seal, unseal

KEY = b"k" * 32
CONTEXT = context_of("organization", "contact", [("name", True)], ("and", ()), [])
values = st.lists(st.none() | st.text() | st.integers(-(2**53), 2**53) | st.booleans(), max_size=5)


@given(given_values=values)
def test_values_come_back(given_values):
    cursor = seal(KEY, CONTEXT, given_values)
    assert unseal(KEY, CONTEXT, cursor) == given_values
    assert cursor.isascii()
    assert "=" not in cursor


@given(given_values=values, place=st.integers(0), bit=st.integers(0, 5))
def test_changed_cursors_are_refused(given_values, place, bit):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    cursor = seal(KEY, CONTEXT, given_values)
    at = place % len(cursor)
    other = alphabet[alphabet.index(cursor[at]) ^ (1 << bit)]
    with pytest.raises(Invalid):
        unseal(KEY, CONTEXT, cursor[:at] + other + cursor[at + 1 :])


@pytest.mark.parametrize("more", ["=", "==", "\n", " ", "*", "."])
def test_what_is_passed_over_in_base64_is_refused(more):
    cursor = seal(KEY, CONTEXT, ["x"])
    for changed in (cursor + more, more + cursor, cursor[:9] + more + cursor[9:]):
        with pytest.raises(Invalid):
            unseal(KEY, CONTEXT, changed)


@given(text=st.text(max_size=80))
def test_other_texts_are_refused(text):
    with pytest.raises(Invalid) as caught:
        unseal(KEY, CONTEXT, text)
    assert caught.value.own_code == "invalid_cursor"


def test_another_key_or_list_is_refused():
    cursor = seal(KEY, CONTEXT, [1])
    with pytest.raises(Invalid) as caught:
        unseal(b"x" * 32, CONTEXT, cursor)
    assert caught.value.own_code == "invalid_cursor"
    other = context_of("organization", "contact", [("name", False)], ("and", ()), [])
    with pytest.raises(Invalid) as caught:
        unseal(KEY, other, cursor)
    assert caught.value.own_code == "cursor_mismatch"
