"""Opaque tokens: there and back, and nothing else."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit.tokens import (
    SECRET_LENGTH,
    Opaque,
    derived_secret,
    keyed_hash,
    new_secret,
    parse,
    same,
)


@given(st.lists(st.uuids(), min_size=1, max_size=4))
def test_there_and_back(ids):
    token = Opaque("refresh", tuple(ids), new_secret())
    assert parse(str(token), "refresh", len(ids)) == token
    assert parse(str(token), "refresh", len(ids) + 1) is None
    assert parse(str(token), "invite", len(ids)) is None


@given(st.text(max_size=200))
def test_what_is_no_token(text):
    assert parse(text, "refresh", 1) is None
    if len(text) != 22:
        assert parse(f"crm_refresh_{text}_{'a' * 43}", "refresh", 1) is None


@pytest.mark.parametrize("length", [21, 23, 25, 26])
def test_ids_of_the_wrong_length(length):
    assert parse(f"crm_refresh_{'A' * length}_{'a' * 43}", "refresh", 1) is None


def test_derived_secrets_differ_by_each_part():
    made = {
        derived_secret(key, purpose, seed)
        for key in (b"k", b"l")
        for purpose in ("a", "b")
        for seed in ("s.0", "s.1", "t.0")
    }
    assert len(made) == 12
    assert {len(secret) for secret in made} == {SECRET_LENGTH}
    assert derived_secret(b"k", "a", "s") == derived_secret(b"k", "a", "s")


def test_hashes_have_a_purpose():
    assert keyed_hash(b"k", "a", "bc") != keyed_hash(b"k", "ab", "c")
    assert same(keyed_hash(b"k", "a", "x"), keyed_hash(b"k", "a", "x"))
    assert not same("a", "é")


def test_secrets_are_new():
    assert len({new_secret() for _ in range(100)}) == 100
    assert str(Opaque("a", (uuid4(),), new_secret())).count("_") >= 3
