"""Texts that are written from right to left, among those that are not."""

import re
from typing import Any

from crm_api.kit.documents.texts import changed

# What is of a right-to-left script: Hebrew to Arabic Extended-A, their old forms, and those of the
# supplementary planes (Unicode, UAX #9, table 4).
_LEFTWARD = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_ISOLATE, _END = "\u2068", "\u2069"


def isolated(node: Any, *, within_leftward: bool = False) -> Any:
    """Some JSON in which each line goes by its own first letter, where it is to stand among others.

    Else its words, or the parts of a number, would stand in the order of the document that the line
    is in. In one that goes to the right only lines with letters of such scripts need that; in one
    that goes to the left all. The marks that say so cannot be seen (UAX #9, first strong isolate).
    """

    def lined(text: str) -> str:
        return "\n".join(_line(one, within_leftward=within_leftward) for one in text.split("\n"))

    return changed(node, lined)


def _line(text: str, *, within_leftward: bool) -> str:
    needs = text.strip() if within_leftward else not text.isascii() and _LEFTWARD.search(text)
    return f"{_ISOLATE}{text}{_END}" if needs else text
