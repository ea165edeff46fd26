"""Cells that a spreadsheet would take for formulas, and how they are kept from it.

OWASP, CSV injection: a cell that begins with one of these characters may be run.
"""

import re

SUSPICIOUS = frozenset("=+-@\t\r'")
"""What texts begin with that may need a quote."""
_HARMED = re.compile(r"'*[=+\-@\t\r]")
_SHIELDED = re.compile(r"'+[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-][\d .]*\d")


def harmless(text: str) -> str:
    """The text as a cell that is not run; phone numbers and negative amounts are numbers only.

    A quote before what has one already, so that `original` gives every text back.
    """
    if text[:1] not in SUSPICIOUS:
        return text
    if _NUMBER.fullmatch(text) or not _HARMED.match(text):
        return text
    return "'" + text


def original(cell: str) -> str:
    """The text that `harmless` made a cell of."""
    return cell[1:] if cell[:1] == "'" and _SHIELDED.match(cell) else cell
