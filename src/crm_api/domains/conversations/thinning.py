"""A mail as the library reads it, without what is large in it: of that is told where it stands.

The parser of the standard library holds all that it is fed as text, several times over. So it gets
headers and texts, as much as is kept of these, and no files: each part has its span in the file,
from which it is decoded block by block.
"""

import re
from binascii import Error, a2b_base64, a2b_qp, a2b_uu
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.feedparser import BytesFeedParser
from email.message import Message
from email.policy import default
from secrets import token_hex
from typing import IO, Any

KEPT = 1_500_000
"""Bytes that the parser gets of the body of one part."""
MOST_KEPT = 8_000_000
"""And of all headers and bodies of a mail."""
MOST_PARTS = 500
BLOCK = 262_144
_LONGEST_LINE = 65_536
_LONGEST_HEADERS = 262_144
_LONGEST_OF_PART = 4_096
"""Of what says what a part is: to read it takes the library the square of its length."""
_HEADER = re.compile(rb"[\x21-\x39\x3b-\x7e]*:|[\t ]|From ")
_TYPE = re.compile(rb"^content-type:\s*([^\s;]+)", re.IGNORECASE | re.MULTILINE)
_EDGE = re.compile(rb"\bboundary\s*=\s*(?:\"([^\"]*)\"|([^\s;\"]+))", re.IGNORECASE)
_BARE_CR = re.compile(rb"\r(?!\n)")
_FOLD = re.compile(rb"\r?\n[\t ]")
_READ = (b"text/", b"multipart/", b"message/delivery-status", b"message/disposition-notification")
"""The types of parts of which the parser gets the bodies."""
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NO_BASE64 = bytes(set(range(256)) - set(_ALPHABET))


@dataclass
class Span:
    """Where the body of a part stands in the file."""

    start: int
    end: int | None = None
    is_cut: bool = False
    """Whether the parser has but a part of it."""

    def blocks(self, file: IO[bytes], encoding: str) -> Iterator[bytes]:
        """Its content, decoded as far as it can be; `encoding` as Content-Transfer-Encoding says."""
        match encoding.strip().lower():
            case "base64":
                return _base64(self._raw(file))
            case "quoted-printable":
                return map(a2b_qp, self._lines(file))
            case "x-uuencode" | "uuencode" | "uue" | "x-uue":
                return _uu(self._lines(file))
            case _:
                return self._raw(file)

    def _raw(self, file: IO[bytes]) -> Iterator[bytes]:
        file.seek(self.start)
        left = (self.end or self.start) - self.start
        while left > 0 and (block := file.read(min(BLOCK, left))):
            left -= len(block)
            yield block

    def _lines(self, file: IO[bytes]) -> Iterator[bytes]:
        """Lines, and of endless ones pieces, none of which ends within a mark."""
        rest = b""
        for block in self._raw(file):
            lines = (rest + block).splitlines(keepends=True)
            # The last one may go on in the next block.
            rest = lines.pop() if lines else b""
            yield from lines
            if len(rest) > _LONGEST_LINE:
                mark = rest.find(b"=", len(rest) - 3)
                end = len(rest) if mark < 0 else mark
                yield rest[:end]
                rest = rest[end:]
        yield rest


def _base64(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        known = rest + block.translate(None, _NO_BASE64)
        if b"=" in known:
            # There it ends, whatever follows.
            rest = known[: known.index(b"=")]
            break
        whole = len(known) - len(known) % 4
        yield a2b_base64(known[:whole])
        rest = known[whole:]
    whole = len(rest) - (len(rest) % 4 == 1)
    yield a2b_base64(rest[:whole] + b"=" * (-whole % 4))


def _uu(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line.startswith(b"begin "):
            break
    for line in lines:
        if line.strip() in {b"", b"end"}:
            break
        try:
            yield a2b_uu(line)
        except Error:
            # Some encoders pad: the length says how much counts.
            with suppress(Error):
                yield a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])


@dataclass
class Thin:
    """A mail without what is large in it."""

    message: Message
    spans: list[Span]
    header: str
    """The name, nobody else's, of the header that numbers the parts."""
    is_cut: bool
    """Whether it has more headers or parts than are read."""

    def span_of(self, part: Message) -> Span | None:
        """Where the body of a part stands; None for one that the parser alone has found."""
        number: Any = part.get(self.header)
        return None if number is None else self.spans[int(str(number))]


def thinned(file: IO[bytes]) -> Thin:
    """Read a mail in one pass; may raise whatever the library does."""
    reader = _Reader()
    for line in iter(lambda: file.readline(_LONGEST_LINE), b""):
        reader.take(line)
    return reader.ended()


@dataclass
class _Reader:
    parser: "BytesFeedParser[Any]" = field(default_factory=lambda: BytesFeedParser(policy=default))
    spans: list[Span] = field(default_factory=list[Span])
    header: str = field(default_factory=lambda: f"X-Part-{token_hex(8)}")
    edges: set[bytes] = field(default_factory=set[bytes])
    headers: bytearray | None = field(default_factory=bytearray)
    """Those of the part that is begun; None within its body."""
    inner: bytearray | None = None
    """Those of the mail that the part is, which are fed as well."""
    at: int = 0
    fed: int = 0
    left: int = 0
    """How many bytes of the body are fed still."""
    parts: int = 1
    room: int = _LONGEST_HEADERS
    """How many bytes of the header are read still."""
    starts_line: bool = True
    newline: int = 0
    """How many bytes the end of the last line has."""
    ends_line: bool = True
    """Whether what was fed last is a whole line."""
    is_digest: bool = False
    is_full: bool = False
    """Whether no more of these headers is fed."""
    is_cut: bool = False

    def take(self, line: bytes) -> None:
        """The next line, or the next piece of an endless one."""
        is_edge = self.starts_line and line[:2] == b"--" and self._is_edge(line)
        if is_edge or self.headers is not None:
            # The parser takes a bare CR for the end of a line as well.
            end = _BARE_CR.search(line)
            if end is not None and end.end() < len(line):
                self.take(line[: end.end()])
                self.take(line[end.end() :])
                return
        if is_edge:
            self._edge(line)
        elif self.headers is None:
            self._body(line)
        elif not self.starts_line or (line.strip(b"\r\n") and _HEADER.match(line)):
            self._learn(self.headers, line)
        else:
            self._begin(line)
        self.at += len(line)
        self.starts_line = line.endswith((b"\n", b"\r"))
        self.newline = 2 if line.endswith(b"\r\n") else int(self.starts_line)

    def ended(self) -> Thin:
        """The mail, when all has been taken."""
        if self.headers is not None:
            self._begin(b"\r\n", is_there=False)
        self._close(self.at)
        return Thin(self.parser.close(), self.spans, self.header, self.is_cut)

    def _is_edge(self, line: bytes) -> bool:
        bare = line[2:].rstrip()
        return bare in self.edges or (bare.endswith(b"--") and bare[:-2] in self.edges)

    def _edge(self, line: bytes) -> None:
        self._close(max(self.at - self.newline, 0))
        self.parts += 1
        if self.parts > MOST_PARTS:
            self.is_cut = True
            self.edges.clear()
            self.headers, self.left = None, 0
            return
        self._end_line()
        self._feed(line)
        ends = line[2:].rstrip() not in self.edges
        # What follows the last part is no part.
        self.headers, self.left = (None, KEPT) if ends else (bytearray(), 0)

    def _learn(self, headers: bytearray, line: bytes) -> None:
        line = self._shortened(line)
        if not line:
            return
        too_long = len(headers) + len(line) > _LONGEST_HEADERS or self.fed > MOST_KEPT
        self.is_full = self.is_full or too_long
        if self.is_full:
            self.is_cut = True
            return
        headers += line
        self._feed(line)

    def _shortened(self, line: bytes) -> bytes:
        """As much of a header's line as is read of the header."""
        if self.starts_line and line[:1] not in b" \t":
            self.room = _LONGEST_OF_PART if line[:8].lower() == b"content-" else _LONGEST_HEADERS
        self.room -= len(line)
        if self.room >= 0:
            return line
        self.is_cut = True
        kept = line[: self.room].rstrip(b"\r\n")
        return kept + b"\r\n" if kept else b""

    def _begin(self, line: bytes, *, is_there: bool = True) -> None:
        """The headers have ended: at an empty line, or at one that is none of them."""
        headers, self.headers = _FOLD.sub(b" ", bytes(self.headers or b"")), None
        found = _TYPE.search(headers)
        kind = found[1].lower() if found else b"message/rfc822" if self._in_digest() else b""
        if kind.count(b"/") != 1:
            # So the library takes it.
            kind = b"text/plain"
        self.is_digest |= kind == b"multipart/digest"
        if kind.startswith(b"multipart/"):
            self.edges |= {one[1] or one[2] for one in _EDGE.finditer(headers)} - {b""}
        self.left = KEPT if kind.startswith(_READ) else 0
        self.inner = bytearray() if kind.startswith(b"message/") and not self.left else None
        self.is_full = False
        self._end_line()
        self._feed(f"{self.header}: {len(self.spans)}\r\n".encode())
        is_blank = not line.strip(b"\r\n")
        self.spans.append(Span(self.at + (len(line) if is_blank and is_there else 0)))
        if is_blank:
            self._feed(line)
        else:
            self._body(line)

    def _in_digest(self) -> bool:
        return self.is_digest and self.parts > 1

    def _body(self, line: bytes) -> None:
        if self.inner is not None:
            self.inner += line
            self._feed(line)
            if not line.strip(b"\r\n") or len(self.inner) > _LONGEST_HEADERS:
                self.inner = None
        elif self.left > 0 and self.fed < MOST_KEPT:
            self.left -= len(line)
            self._feed(line)
        elif self.spans and self.spans[-1].end is None:
            self.spans[-1].is_cut = True

    def _close(self, end: int) -> None:
        if self.spans and self.spans[-1].end is None:
            self.spans[-1].end = max(end, self.spans[-1].start)

    def _feed(self, line: bytes) -> None:
        self.fed += len(line)
        # The parser takes a bare CR for the end of a line as well.
        self.ends_line = line.endswith((b"\n", b"\r"))
        self.parser.feed(line)

    def _end_line(self) -> None:
        if not self.ends_line:
            self._feed(b"\r\n")
