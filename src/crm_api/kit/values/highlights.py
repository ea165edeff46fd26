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


class Highlighter:
    """Marks what was asked for in any number of texts.

    `meant` are the words that stand for mistyped ones.
    """

    def __init__(self, asked: Sequence[Asked], meant: Collection[str] = ()) -> None:
        words = {w for one in asked for alternative in one.alternatives for w in alternative}
        # A domain is marked name by name.
        self._begin = tuple(label for word in words for label in word.split(".") if label)
        self._digits = [w for w in words if w.isdecimal() and len(w) >= _LEAST_DIGITS]
        self._ends = tuple(w[:0:-1] for w in words if w.startswith(BACKWARDS))
        self._meant = meant
        self._known: dict[str, bool] = {}
        """Of words that were looked at, whether they are asked for: results have many in common."""

    def snippet(self, text: str) -> str | None:
        """The text around the first asked word, escaped, every asked word marked; None without."""
        number = _NUMBER.match(text) if text.startswith("+") else None
        if number is not None:
            spans = [number.span()] if self._is_within(number[1]) else []
        else:
            spans = [match.span() for match in _WORD.finditer(text) if self._marks(match[0])]
        return _marked(text, spans) if spans else None

    def _is_within(self, number: str) -> bool:
        return number.endswith(self._ends) or any(part in number for part in self._digits)

    def _marks(self, word: str) -> bool:
        known = self._known.get(word)
        if known is None:
            known = self._known[word] = self._is_asked(word)
        return known

    def _is_asked(self, word: str) -> bool:
        for part in words_of(word):
            for form in indexed_forms(part):
                if form.startswith(self._begin) or form in self._meant:
                    return True
        return False


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
