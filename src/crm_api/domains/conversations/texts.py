"""Subjects without their marks of replies, HTML as plain text, and addresses as they are compared."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser

from crm_api.kit.points import email_key, phone_key
from crm_api.kit.values.errors import BadValue
from crm_api.kit.values.text import composed

LONGEST_SUBJECT = 500
_LONGEST_KEY = 200
_LONGEST_REST = 2_000
# What programs of several languages put before a subject, also with a count: `Re[2]:`, `AW:`.
_REPLY = r"re|aw|antw|antwort|sv|vs|ref|rif|r|odp|ynt|отв|回复|回覆"
_FORWARD = r"fwd?|wg|tr|rv|enc|vl|doorst|пересл|转发|轉寄"
_MARK = re.compile(
    rf"\s*(?:\[[^\]]{{1,40}}\]\s*)?(?:{_REPLY}|{_FORWARD})(?:\[\d+\])?\s*[:：]\s*", re.IGNORECASE
)
_IS_REPLY = re.compile(
    rf"\s*(?:\[[^\]]{{1,40}}\]\s*)?(?:{_REPLY})(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "div",
        "dl",
        "dt",
        "dd",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_SILENT = frozenset({"head", "script", "style", "template", "title", "noscript", "svg", "object"})
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE
)
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)


def storable(raw: str) -> str:
    """The text in NFC with LF line ends, whatever cannot be stored replaced and blanks cut off."""
    lines = raw.replace("\r\n", "\n").replace("\r", "\n")
    return composed(_UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", lines)).strip()


def one_line(raw: str, longest: int) -> str:
    """The text on one line, cut to a length."""
    return " ".join(storable(raw).split())[:longest].strip()


def thread_subject(subject: str) -> str | None:
    """A subject as it is compared; None where it says too little to tell a thread by."""
    bare = subject
    while (found := _MARK.match(bare)) is not None:
        bare = bare[found.end() :]
    folded = " ".join(unicodedata.normalize("NFKC", bare).casefold().split())
    return folded[:_LONGEST_KEY] if sum(map(str.isalnum, folded)) >= 3 else None


def is_reply(subject: str) -> bool:
    """Whether a subject says that something is answered."""
    return _IS_REPLY.match(subject) is not None


def address_key(channel: str, address: str, country: str | None) -> str | None:
    """An address as it is looked up; None where it is none."""
    key: Callable[[str, str | None], str] = email_key if channel == "email" else phone_key
    try:
        return key(address, country)
    except BadValue:
        return None


def folded_address(channel: str, address: str, country: str | None) -> str:
    """The same, of an address that may be but a name at its channel."""
    return address_key(channel, address, country) or one_line(address, 320).casefold()


def short(value: str) -> str:
    """A look-up value that an index takes: long ones by their hash."""
    return value if len(value) <= _LONGEST_KEY else f"sha256:{sha256(value.encode()).hexdigest()}"


def text_of(html: str) -> str:
    """What a reader sees of HTML, as plain text; nothing of it is ever shown as HTML."""
    reader = _Reader()
    try:
        reader.feed(html.replace("\x00", ""))
        reader.end()
    except (AssertionError, RecursionError):
        # The parser gives up on a few broken declarations; what it read till then counts.
        pass
    lines = [" ".join(line.split()) for line in "".join(reader.found).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    """Gathers text, and the addresses of links whose text does not tell them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._silent: list[str] = []
        self._open: Counter[str] = Counter()
        """How many of each tag are open where it is silent."""
        self._link: tuple[str, int] | None = None

    def end(self) -> None:
        """Read what is left, which nothing ends.

        The library tries at each of its marks to read it to the end: it gets the beginning of it.
        """
        rest, self.rawdata = self.rawdata[_LONGEST_REST:], self.rawdata[:_LONGEST_REST]
        self.close()
        self.handle_data(rest)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line at a block; what is hidden is passed over."""
        if self._silent:
            if tag not in _VOID:
                self._hide(tag)
            return
        said = dict(attrs)
        hides = tag in _SILENT or "hidden" in said or _HIDDEN.search(said.get("style") or "")
        if hides and tag not in _VOID:
            self._hide(tag)
        elif tag == "a":
            # One within another ends it, as browsers have it.
            self._link = (said.get("href") or "", len(self.found))
        elif tag == "img" and said.get("alt"):
            self.found.append(str(said["alt"]))
        elif tag in {"td", "th"}:
            self.found.append(" ")
        elif tag in _BLOCKS:
            self.found.append("\n- " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        """End a line at a block, and what is passed over."""
        if self._silent:
            while self._open[tag]:
                ended = self._silent.pop()
                self._open[ended] -= 1
                if ended == tag:
                    break
        elif tag == "a" and self._link is not None:
            (href, start), self._link = self._link, None
            shown = "".join(self.found[start:])
            if href.startswith(("http://", "https://")) and href not in shown:
                self.found.append(f" <{href[:2_000]}>")
        elif tag in _BLOCKS:
            self.found.append("\n")

    def _hide(self, tag: str) -> None:
        self._silent.append(tag)
        self._open[tag] += 1

    def handle_data(self, data: str) -> None:
        """Text as it stands, but for line ends, which mean nothing."""
        if not self._silent:
            self.found.append(" ".join(data.split("\n")))
