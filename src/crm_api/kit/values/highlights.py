"""The part of a text in which asked words stand, marked in HTML."""

import re
from collections.abc import Collection, Sequence
from html import escape

from crm_api.kit.values.names import indexed_forms, words_of
from crm_api.kit.values.words import BACKWARDS, Asked

BEGIN, END = "<mark>", "</mark>"
_LONGEST = 160
_BEFORE = 40
_LEAST_DIGITS = 3
_WORD = re.compile(r"[^\W_]+(?:['`´‘’‛′ʹʻʼʽ][^\W_]+)*")
_NUMBER = re.compile(r"\+(\d{5,15})")


def highlight(text: str, asked: Sequence[Asked], meant: Collection[str] = ()) -> str | None:
    """The text around the first asked word, escaped, with every asked word marked; None without.

    `meant` are the words that stand for mistyped ones.
    """
    # A domain is marked name by name.
    parts = {
        label
        for one in asked
        for words in one.alternatives
        for word in words
        for label in word.split(".")
        if label
    }
    number = _NUMBER.match(text)
    if number is not None:
        spans = [number.span()] if any(_is_within(part, number[1]) for part in parts) else []
    else:
        words = _WORD.finditer(text)
        spans = [match.span() for match in words if _is_asked(match[0], parts, meant)]
    return _marked(text, spans) if spans else None


def _is_within(part: str, digits: str) -> bool:
    if part.startswith(BACKWARDS):
        return digits.endswith(part[:0:-1])
    return part.isdecimal() and len(part) >= _LEAST_DIGITS and part in digits


def _is_asked(word: str, parts: Collection[str], meant: Collection[str]) -> bool:
    forms = [form for part in words_of(word) for form in indexed_forms(part)]
    return any(form in meant or form.startswith(tuple(parts)) for form in forms)


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    begin, end = _window(text, spans[0][0])
    shown = ["…"] if begin else []
    for left, right in spans:
        if right <= end:
            shown += [escape(text[begin:left]), BEGIN, escape(text[left:right]), END]
            begin = right
    return "".join([*shown, escape(text[begin:end]), "…" if end < len(text) else ""])


def _window(text: str, at: int) -> tuple[int, int]:
    begin = 0 if at < _LONGEST - _BEFORE else at - _BEFORE
    if begin:
        begin = text.find(" ", begin, at) + 1 or begin
    end = min(len(text), begin + _LONGEST)
    if end < len(text):
        end = max(text.rfind(" ", begin, end), at + 1)
    return begin, end
