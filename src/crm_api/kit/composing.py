"""Letters as bytes, for those of which there are many: a tenth of what the library takes for one."""

import re
from binascii import b2a_qp
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr

from crm_api.kit import clock
from crm_api.kit.mail import Letter

_BREAKS = re.compile(r"\r\n?|\n")
_LONGEST_LINE = 900
"""Below what RFC 5321 lets lines be."""


def composed(letter: Letter, sender: str) -> bytes:
    """A letter without a calendar in the form of RFC 5322, as it is sent.

    Raises ValueError for what would make a header of its own.
    """
    own_id = letter.message_id or f"{letter.id}@{sender.rpartition('@')[2].rstrip('>')}"
    headers = {
        "From": _address(letter.sender or sender),
        "To": _address(letter.to),
        "Subject": _words(" ".join(letter.subject.split())),
        "Date": format_datetime(clock.now()),
        "Message-ID": f"<{own_id}>",
        **({"Auto-Submitted": "auto-generated"} if letter.is_automatic else {}),
        **{name: _plain(value) for name, value in letter.headers.items()},
        "MIME-Version": "1.0",
    }
    text = _part("plain", letter.text)
    if letter.html is None:
        return _head(headers) + text
    edge = f"=_{letter.id}"
    headers["Content-Type"] = f'multipart/alternative; boundary="{edge}"'
    between, end = f"\r\n--{edge}\r\n".encode(), f"\r\n--{edge}--\r\n".encode()
    html = _part("html", letter.html)
    return b"".join((_head(headers), b"\r\n", between[2:], text, between, html, end))


def _head(headers: dict[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")


def _part(kind: str, text: str) -> bytes:
    lines = _BREAKS.sub("\n", text)
    if lines.isascii() and max(map(len, lines.split("\n"))) <= _LONGEST_LINE:
        encoding, body = b"7bit", lines.encode()
    else:
        encoding, body = b"quoted-printable", b2a_qp(lines.encode(), istext=True)
    head = b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n"
    return head % (kind.encode(), encoding) + body.replace(b"\n", b"\r\n")


def _words(text: str) -> str:
    if text.isascii() and len(text) <= 70:
        return _plain(text)
    return Header(_plain(text), "utf-8" if not text.isascii() else "us-ascii").encode(
        linesep="\r\n", maxlinelen=75
    )


def _address(given: str) -> str:
    name, address = parseaddr(_plain(given))
    if not address.isascii():
        local, _, domain = address.rpartition("@")
        address = f"{local}@{domain.encode('idna').decode()}"
    return formataddr((name, address))


def _plain(value: str) -> str:
    if "\r" in value or "\n" in value or "\0" in value:
        raise ValueError("A header has one line.")
    return value
