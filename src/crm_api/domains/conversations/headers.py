"""Headers of mail and the bytes of its parts, read whatever is wrong with them."""

import re
from codecs import lookup
from collections.abc import Callable
from datetime import UTC, datetime
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, TypeVar

from crm_api.domains.conversations.texts import one_line, storable
from crm_api.kit.schema import EARLIEST, LATEST

MOST_RECIPIENTS = 100
_ID = re.compile(r"<([^<>\s\x00-\x1f]{1,900})>")
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]]{1,64}@[^\s<>,;:\"()\[\]@]{1,255}")
_LONGEST_HEADER = 20_000
_NO_CHARSETS = frozenset(
    [None, "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"]
)
"""What the library reads text by as well: names of domains, which take the square of their length,
and the language itself."""
T = TypeVar("T")


def or_else(ask: Callable[[], T], fallback: T) -> T:
    """What is asked for, or something else where the library raises."""
    try:
        return ask()
    except Exception:  # noqa: BLE001 - whatever the library makes of broken mail
        return fallback


def raw_of(message: Message, name: str) -> list[str]:
    """The values of a header as they stand, unfolded; RFC 2047 words are not read yet."""
    found = [str(value) for key, value in message.raw_items() if key.lower() == name]
    return [value[:_LONGEST_HEADER].replace("\r", " ").replace("\n", " ") for value in found]


def decoded(value: str) -> str:
    """A header with its encoded words read, as far as they can be."""
    plain = unescaped(value)
    parts: list[str] = []
    for piece, charset in or_else(lambda: decode_header(plain), [(plain, None)]):
        raw: Any = piece
        if isinstance(raw, bytes) and charset is None:
            # So the library hands over what stands between encoded words.
            parts.append(or_else(lambda raw=raw: raw.decode("raw-unicode-escape"), ""))
        else:
            parts.append(text_in(raw, charset) if isinstance(raw, bytes) else str(raw))
    return "".join(parts)


def unescaped(value: str) -> str:
    """Bytes that stand in a header without being declared, read as UTF-8 or else as Latin-1."""
    if value.isascii():
        return value
    raw = or_else(lambda: value.encode("ascii", "surrogateescape"), None)
    return value if raw is None else text_in(raw, None)


def text_in(raw: bytes, charset: str | None) -> str:
    """Bytes as text: by the character set they name, as UTF-8, or at last as what is usual."""
    for name in (charset, "utf-8"):
        if name and (found := in_charset(raw, name)) is not None:
            return found
    return raw.decode("cp1252", "replace")


def in_charset(raw: bytes, charset: str) -> str | None:
    """Bytes by a character set; None where it is none of mail, or they are not in it."""
    known = or_else(lambda: lookup(charset).name, None)
    return None if known in _NO_CHARSETS else or_else(lambda: raw.decode(charset), None)


def addresses_in(message: Message, name: str) -> list[tuple[str, str]]:
    """Pairs of a name and an address."""
    given = raw_of(message, name)
    found = [pair for pair in or_else(lambda: getaddresses(given), []) if "@" in pair[1]]
    if not found:
        # What the library finds ambiguous still has addresses in it.
        found = [("", one) for value in given for one in _ADDRESS.findall(value)]
    return [
        (one_line(decoded(shown), 200), one_line(unescaped(address), 320))
        for shown, address in found[:MOST_RECIPIENTS]
    ]


def date_in(value: str) -> datetime | None:
    """A moment, where a header tells one that can be."""
    found = or_else(lambda: parsedate_to_datetime(value), None)
    if found is None:
        return None
    zoned = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    at = or_else(lambda: zoned.astimezone(UTC), None)
    return at if at is not None and EARLIEST <= at < LATEST else None


def ids_in(value: str) -> list[str]:
    """The ids of messages that a header names, without their brackets."""
    return [storable(one) for one in _ID.findall(value)]


def bytes_of(part: Message) -> bytes:
    """What a part holds, decoded as far as it can be."""
    found: Any = or_else(lambda: part.get_payload(decode=True), None)
    if isinstance(found, bytes):
        return found
    return or_else(part.as_bytes, b"")
