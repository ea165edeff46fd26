"""Marked snippets."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit.values.highlights import Highlighter
from crm_api.kit.values.words import ask


@pytest.mark.parametrize(
    ("text", "asked", "shown"),
    [
        ("Anna Smith", "smi", "Anna <mark>Smith</mark>"),
        ("Анна Щербакова", "sherbak", "Анна <mark>Щербакова</mark>"),
        ("Müller & Söhne", "mueller", "<mark>Müller</mark> &amp; Söhne"),
        ("<script>Anna</script>", "anna", "&lt;script&gt;<mark>Anna</mark>&lt;/script&gt;"),
        ("Sinead O'Brien", "brien", "Sinead <mark>O&#x27;Brien</mark>"),
        ("jo@mail.acme.com", "acme.co", "jo@mail.<mark>acme</mark>.<mark>com</mark>"),
        ("+4930231125", "030 231", "<mark>+4930231125</mark>"),
        ("+4930231125", "1125", "<mark>+4930231125</mark>"),
        ("+4930231125;ext=7", "231125", "<mark>+4930231125</mark>;ext=7"),
        ("+4930231125", "anna 77", None),
        ("Anna", "berta", None),
        ("", "anna", None),
    ],
)
def test_what_is_marked(text, asked, shown):
    assert Highlighter(ask(asked, "DE")).snippet(text) == shown


def test_what_was_meant_is_marked():
    assert Highlighter(ask("smiht"), {"smith"}).snippet("Anna Smith") == "Anna <mark>Smith</mark>"


@given(st.text(max_size=400), st.text(max_size=20))
def test_a_snippet_is_a_part_of_the_text_and_safe(text, asked):
    snippet = Highlighter(ask(asked)).snippet(text)
    if snippet is not None:
        bare = re.sub(r"</?mark>", "", snippet)
        assert "<" not in bare
        assert ">" not in bare
        plain = html.unescape(bare)
        assert plain.removeprefix("…").removesuffix("…") in text or plain in text
