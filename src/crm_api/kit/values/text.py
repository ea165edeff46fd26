"""Unicode hygiene for every text that enters the system."""

import re
import unicodedata

from crm_api.kit.values.errors import BadValue

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# No document in XML can hold them (XML 1.0, section 2.2): no workbook, no drawing, no web page.
_NO_CHARACTER = re.compile(r"[\ufffe\uffff]")
_BLANKS = (
    " \t\n\r\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200C)))
    + ("\u2028\u2029\u202f\u205f\u2060\u3000\ufeff")
)

_MARK = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code)))
_PILE = re.compile(f"([{_MARK}]{{30}})(?=[{_MARK}])")


def composed(text: str) -> str:
    """The text in NFC.

    Piles of marks are parted as the Stream-Safe Text Format has it (UAX 15, section 13): no language
    has more of them on a letter, and putting them in order takes the square of their number.
    """
    return unicodedata.normalize("NFC", _PILE.sub("\\1\u034f", text))


def clean(raw: str) -> str:
    """The text in NFC with LF line ends, without blanks and invisible characters around it."""
    if raw.isascii() and raw.isprintable():
        return raw.strip()
    control = _CONTROL.search(raw)
    if control:
        raise BadValue(
            "control_character",
            f"The text holds the control character U+{ord(control[0]):04X}.",
        )
    if _SURROGATE.search(raw):
        raise BadValue("invalid_unicode", "The text holds half of a surrogate pair.")
    if none := _NO_CHARACTER.search(raw):
        message = f"The text holds U+{ord(none[0]):04X}, which is no character."
        raise BadValue("invalid_unicode", message)
    # A lone CR becomes LF too: otherwise CR CR LF would need two rounds to settle.
    lines = raw.replace("\r\n", "\n").replace("\r", "\n")
    return composed(lines).strip(_BLANKS)
