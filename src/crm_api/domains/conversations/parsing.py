"""A mail of RFC 5322 as what is kept of it: read by the standard library, whatever is wrong with it.

Nothing that was sent raises: what cannot be read is noted, and stands in the raw mail.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_binary_file, message_from_bytes
from email.errors import HeaderDefect
from email.header import decode_header
from email.message import EmailMessage, Message
from email.policy import default
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import sha256
from typing import IO, Any, TypeVar

from crm_api.domains.conversations.texts import LONGEST_SUBJECT, one_line, storable, text_of
from crm_api.kit.schema import EARLIEST, LATEST

LONGEST_TEXT = 200_000
MOST_ATTACHMENTS = 50
MOST_RECIPIENTS = 100
MOST_REFERENCES = 50
MOST_PARTS = 500
LOOP_HEADER = "X-CRM-Loop"
_ID = re.compile(r"<([^<>\s\x00-\x1f]{1,900})>")
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]]{1,64}@[^\s<>,;:\"()\[\]@]{1,255}")
_LONGEST_HEADER = 20_000
_DELIVERED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
T = TypeVar("T")


@dataclass(frozen=True)
class Note:
    """What was wrong or strange with a message, and what became of it."""

    code: str
    message: str

    def stored(self) -> dict[str, str]:
        """As it is kept."""
        return {"code": self.code, "message": self.message}


@dataclass
class Piece:
    """A file of a mail."""

    filename: str | None
    content_type: str
    content: bytes


@dataclass
class Bounce:
    """What a report says of a mail that was not delivered."""

    recipient: str | None = None
    status: str | None = None
    """As RFC 3463 has it, such as `5.1.1`."""
    diagnostic: str | None = None
    original_id: str | None = None

    @property
    def is_permanent(self) -> bool:
        """Whether another try would come to nothing."""
        return (self.status or "").startswith("5")


@dataclass
class Mail:
    """What is kept of a mail."""

    subject: str = ""
    body: str = ""
    from_address: str | None = None
    from_name: str | None = None
    to: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    cc: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    delivered_to: list[str] = field(default_factory=list[str])
    message_id: str | None = None
    in_reply_to: str | None = None
    references: list[str] = field(default_factory=list[str])
    dated_at: datetime | None = None
    kind: str = "message"
    loop: str | None = None
    bounce: Bounce | None = None
    pieces: list[Piece] = field(default_factory=list[Piece])
    notes: list[Note] = field(default_factory=list[Note])
    digest: str = ""
    """The SHA-256 of all its bytes."""

    def note(self, code: str, message: str) -> None:
        """Write down what was strange, once for each code."""
        if all(one.code != code for one in self.notes):
            self.notes.append(Note(code, message))


def read_file(file: IO[bytes], digest: str) -> Mail:
    """A mail from a file; never raises for what is in it."""
    return _read(lambda: message_from_binary_file(file, policy=default), digest)


def read_bytes(raw: bytes) -> Mail:
    """A mail from its bytes; never raises for what is in it."""
    return _read(lambda: message_from_bytes(raw, policy=default), sha256(raw).hexdigest())


def _read(parse: Callable[[], Any], digest: str) -> Mail:
    mail = Mail(digest=digest)
    # The library raises all sorts of errors for what is broken enough: none of them is ours.
    message = _or(parse, None)
    if message is None:
        mail.note("unreadable", "It cannot be read as a mail; it is kept as it came.")
        return mail
    for step in (_envelope, _threads, _content, _kinds):
        try:
            step(mail, message)
        except Exception as error:  # noqa: BLE001 - see above
            mail.note("unreadable_part", f"A part of it cannot be read ({type(error).__name__}).")
    return mail


def _or(ask: Callable[[], T], fallback: T) -> T:
    try:
        return ask()
    except Exception:  # noqa: BLE001 - whatever the library makes of broken mail
        return fallback


# Headers


def _raw(message: Message, name: str) -> list[str]:
    """The values of a header as they stand, unfolded; RFC 2047 words are not read yet."""
    found = [str(value) for key, value in message.raw_items() if key.lower() == name]
    return [value[:_LONGEST_HEADER].replace("\r", " ").replace("\n", " ") for value in found]


def _decoded(value: str) -> str:
    """A header with its encoded words read, as far as they can be."""
    plain = _unescaped(value)
    parts: list[str] = []
    for piece, charset in _or(lambda: decode_header(plain), [(plain, None)]):
        raw: Any = piece
        if isinstance(raw, bytes) and charset is None:
            # So the library hands over what stands between encoded words.
            parts.append(_or(lambda raw=raw: raw.decode("raw-unicode-escape"), ""))
        else:
            parts.append(_text(raw, charset) if isinstance(raw, bytes) else str(raw))
    return "".join(parts)


def _unescaped(value: str) -> str:
    """Bytes that stand in a header without being declared, read as UTF-8 or else as Latin-1."""
    if value.isascii():
        return value
    raw = _or(lambda: value.encode("ascii", "surrogateescape"), None)
    return value if raw is None else _text(raw, None)


def _text(raw: bytes, charset: str | None) -> str:
    for name in (charset, "utf-8"):
        if name and name.lower() != "unknown-8bit":
            found = _or(lambda name=name: raw.decode(name), None)
            if found is not None:
                return found
    return raw.decode("cp1252", "replace")


def _header(mail: Mail, message: Message, name: str) -> str:
    found = _raw(message, name)
    if len(found) > 1:
        mail.note("header_twice", f"The header {name} stands several times; the first counts.")
    return found[0] if found else ""


def _addresses(message: Message, name: str) -> list[tuple[str, str]]:
    """Pairs of a name and an address."""
    given = _raw(message, name)
    found = [pair for pair in _or(lambda: getaddresses(given), []) if "@" in pair[1]]
    if not found:
        # What the library finds ambiguous still has addresses in it.
        found = [("", one) for value in given for one in _ADDRESS.findall(value)]
    return [
        (one_line(_decoded(shown), 200), one_line(_unescaped(address), 320))
        for shown, address in found[:MOST_RECIPIENTS]
    ]


def _envelope(mail: Mail, message: Message) -> None:
    mail.to, mail.cc = _addresses(message, "to"), _addresses(message, "cc")
    mail.delivered_to = [a for name in _DELIVERED for _, a in _addresses(message, name)]
    senders = _addresses(message, "from") or _addresses(message, "sender")
    if len(senders) > 1:
        mail.note("several_senders", "It names several senders; the first counts.")
    if senders:
        name, mail.from_address = senders[0]
        mail.from_name = name or None
    else:
        mail.note("no_sender", "It names no sender.")
    mail.subject = one_line(_decoded(_header(mail, message, "subject")), LONGEST_SUBJECT)
    mail.dated_at = _date(_header(mail, message, "date"))
    if mail.dated_at is None:
        mail.note("no_date", "It has no date that can be read; it counts from when it came.")
    defects = [type(one).__name__ for one in message.defects if not isinstance(one, HeaderDefect)]
    if defects:
        mail.note("broken_mime", f"It is not built as it should be ({', '.join(defects[:5])}).")


def _date(value: str) -> datetime | None:
    found = _or(lambda: parsedate_to_datetime(value), None)
    if found is None:
        return None
    zoned = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    at = _or(lambda: zoned.astimezone(UTC), None)
    return at if at is not None and EARLIEST <= at < LATEST else None


def _threads(mail: Mail, message: Message) -> None:
    ids = [ids_in(_header(mail, message, n)) for n in ("message-id", "in-reply-to", "references")]
    mail.message_id = ids[0][0] if ids[0] else None
    if mail.message_id is None:
        mail.note("no_message_id", "It has no Message-ID; it is told from others by its bytes.")
    mail.in_reply_to = ids[1][0] if ids[1] else None
    known = dict.fromkeys(ids[2])
    # The first one is of the thread, the last ones are near.
    found = list(known)
    mail.references = (
        found if len(found) <= MOST_REFERENCES else [found[0], *found[1 - MOST_REFERENCES :]]
    )


def ids_in(value: str) -> list[str]:
    """The ids of messages that a header names, without their brackets."""
    return [storable(one) for one in _ID.findall(value)]


# Content


def _content(mail: Mail, message: Message) -> None:
    plain: list[str] = []
    html: list[str] = []
    for count, (part, is_nested) in enumerate(_leaves(message, mail)):
        if count >= MOST_PARTS:
            mail.note("too_many_parts", f"It has more than {MOST_PARTS} parts; see the raw mail.")
            break
        kind = part.get_content_type()
        if kind.startswith("multipart/"):
            # It says that it has parts and has none.
            kind = "text/plain"
        named = _or(part.get_filename, None) is not None
        is_file = named or part.get_content_disposition() == "attachment" or is_nested
        if kind in {"text/plain", "text/html"} and not is_file:
            (plain if kind == "text/plain" else html).append(_text_of(mail, part))
        else:
            _attach(mail, part, is_nested=is_nested)
    if any(one.strip() for one in plain):
        body = "\n\n".join(one.strip("\n") for one in plain)
    else:
        body = text_of("\n".join(html))
        if html:
            mail.note("html_only", "Its text was in HTML alone; what stands here is read from it.")
    body = storable(body)
    if len(body) > LONGEST_TEXT:
        body = body[:LONGEST_TEXT]
        mail.note("text_cut", f"Here stand its first {LONGEST_TEXT} characters; see the raw mail.")
    mail.body = body


def _leaves(message: Message, mail: Mail) -> Iterator[tuple[EmailMessage, bool]]:
    """What has content: parts, and whole mails in it, which are files."""
    waiting: list[Any] = [message]
    while waiting:
        part = waiting.pop()
        if part.get_content_type() == "message/rfc822":
            yield part, True
        elif part.is_multipart() and part.get_content_maintype() == "multipart":
            inner: Any = part.get_payload()
            waiting += reversed(inner)
        else:
            yield part, False
        if part.defects:
            mail.note("broken_mime", "It is not built as it should be; see the raw mail.")


def _bytes(part: Message) -> bytes:
    found: Any = _or(lambda: part.get_payload(decode=True), None)
    if isinstance(found, bytes):
        return found
    return _or(part.as_bytes, b"")


def _text_of(mail: Mail, part: Message) -> str:
    raw = _bytes(part)
    said = _or(part.get_content_charset, None) or "utf-8"
    found = _or(lambda: raw.decode(said), None)
    if found is not None:
        return found
    mail.note("wrong_charset", f"Its text is not in the character set it names: {said[:40]}.")
    return _text(raw, None)


def _attach(mail: Mail, part: Message, *, is_nested: bool) -> None:
    if is_nested:
        inner: Any = _or(part.get_payload, None)
        content = _or(inner[0].as_bytes, b"")
        subject = one_line(_or(lambda: _decoded(_raw(inner[0], "subject")[0]), ""), 100)
        mail.pieces.append(Piece(f"{subject or 'message'}.eml", "message/rfc822", content))
        return
    name = _or(part.get_filename, None)
    shown = one_line(_decoded(name), 300) if isinstance(name, str) else None
    mail.pieces.append(Piece(shown, part.get_content_type(), _bytes(part)))


# What it is


def _kinds(mail: Mail, message: Message) -> None:
    loops = _raw(message, LOOP_HEADER.lower())
    mail.loop = one_line(loops[0], 200) if loops else None
    is_empty_path = any(value.strip() == "<>" for value in _raw(message, "return-path"))
    if _is_report(message):
        mail.kind, mail.bounce = "bounce", _bounce(message)
    elif _says(message, "auto-submitted", lambda v: v.partition(";")[0].strip() != "no"):
        mail.kind = "auto_reply"
        mail.note("auto_submitted", "A program has sent it (RFC 3834); it is not answered.")
    elif is_empty_path or mail.from_address is None:
        mail.kind = "auto_reply"
        mail.note("no_return_path", "It is not to be answered: it has no address to go back to.")
    elif _says(message, "list-id", bool) or _says(message, "precedence", _is_list):
        mail.kind = "list"
        mail.note("mailing_list", "It was sent to many by a list; it is not answered.")
    elif (
        _says(message, "precedence", lambda v: v in {"auto_reply", "auto-reply"})
        or _says(message, "x-autoreply", bool)
        or _says(message, "x-autorespond", bool)
        or _says(message, "x-auto-response-suppress", _suppresses)
    ):
        mail.kind = "auto_reply"
        mail.note("auto_reply", "Its headers say that a program has sent it; it is not answered.")


def _is_list(value: str) -> bool:
    return value in {"bulk", "junk", "list"}


def _suppresses(value: str) -> bool:
    wanted = {one.strip() for one in value.split(",")}
    return not wanted.isdisjoint({"all", "autoreply", "oof"})


def _says(message: Message, name: str, test: Callable[[str], bool]) -> bool:
    return any(test(value.strip().lower()) for value in _raw(message, name))


def _is_report(message: Message) -> bool:
    if message.get_content_type() != "multipart/report":
        return False
    kinds = {part.get_content_type() for part in message.walk()}
    return "message/delivery-status" in kinds


def _bounce(message: Message) -> Bounce:
    found = Bounce()
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            for group in part.walk():
                _learn(found, group)
        elif kind in {"message/rfc822", "text/rfc822-headers"} and found.original_id is None:
            found.original_id = _original(part)
    return found


def _learn(found: Bounce, group: Message) -> None:
    for name, value in ((n, v) for n in _REPORTED for v in _raw(group, n)):
        said = one_line(value.partition(";")[2] or value, 500)
        match name:
            case "final-recipient" | "original-recipient":
                found.recipient = found.recipient or said
            case "status":
                code = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})", value)
                found.status = found.status or (code[1] if code else None)
            case _:
                found.diagnostic = found.diagnostic or said


_REPORTED = ("final-recipient", "original-recipient", "status", "diagnostic-code")


def _original(part: Message) -> str | None:
    if part.get_content_type() == "message/rfc822":
        inner: Any = _or(part.get_payload, None)
        ids = _or(lambda: ids_in(" ".join(_raw(inner[0], "message-id"))), [])
    else:
        text = _text(_bytes(part), None)
        found = re.search(r"^message-id:\s*(<[^<>\s]+>)", text, re.IGNORECASE | re.MULTILINE)
        ids = ids_in(found[1]) if found else []
    return ids[0] if ids else None
