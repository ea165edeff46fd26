"""Clean text: what is refused, what is mended."""

import pickle
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.values.errors import BadValue, shown
from crm_api.kit.values.text import clean

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("plain", "plain"),
        ("  both ends\t", "both ends"),
        ("\u00a0\u200bhidden\ufeff\u2060 ", "hidden"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("e\u0301", "é"),
        ("a\u200bb", "a\u200bb"),
        ("", ""),
    ],
)
def test_text_is_mended(raw, expected):
    assert clean(raw) == expected


@pytest.mark.parametrize("char", ["\x00", "\x07", "\x1f", "\x7f", "\x85", "\x9f"])
def test_control_characters_are_refused(char):
    with pytest.raises(BadValue) as caught:
        clean(f"a{char}b")
    assert caught.value.code == "control_character"
    assert f"U+{ord(char):04X}" in caught.value.message


@pytest.mark.parametrize("none", ["\ufffe", "\uffff"])
def test_what_no_document_can_hold_is_refused(none):
    with pytest.raises(BadValue, match=f"U\\+{ord(none):04X}"):
        clean(f"Example{none}")
    assert clean("Example\ufffd \U0001fffe") == "Example\ufffd \U0001fffe"


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(BadValue) as caught:
        clean("a\ud800b")
    assert caught.value.code == "invalid_unicode"


@given(ANY_TEXT)
@settings(deadline=None)
def test_clean_settles_at_once_or_raises_bad_value(raw):
    try:
        text = clean(raw)
    except BadValue:
        return
    assert clean(text) == text
    assert unicodedata.is_normalized("NFC", text)
    assert "\r" not in text
    text.encode()


def test_a_bad_value_survives_pickling_and_prints_its_message():
    copy = pickle.loads(pickle.dumps(BadValue("some_code", "What is wrong.")))
    assert (copy.code, copy.message, str(copy)) == ("some_code", "What is wrong.", "What is wrong.")


@given(ANY_TEXT)
@settings(deadline=None)
def test_a_shown_value_is_short_and_printable(raw):
    assert len(shown(raw)) <= 80
    assert shown(raw).isprintable()


def test_a_long_value_is_cut():
    assert shown("x" * 500) == "“" + "x" * 60 + "…”"


def test_piles_of_marks_are_parted():
    pile = "e" + "\u0327\u0300" * 100
    found = clean(pile)
    assert found.replace("\u034f", "").count("\u0300") == 100
    assert max(map(len, re.findall("[\u0300\u0327]+", found))) <= 30
    assert clean(found) == found
    assert clean("e\u0300") == "è"
