"""A mail of RFC 5322 as what is kept of it: read by the standard library, whatever is wrong with it.

Nothing that was sent raises: what cannot be read is noted, and stands in the raw mail.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderDefect
from email.message import EmailMessage, Message
from typing import IO, Any

from crm_api.domains.conversations.headers import (
    addresses_in,
    bytes_of,
    date_in,
    decoded,
    ids_in,
    in_charset,
    or_else,
    raw_of,
    text_in,
)
from crm_api.domains.conversations.kinds import Bounce, bounce_of, is_complaint, is_report, kind_of
from crm_api.domains.conversations.texts import LONGEST_SUBJECT, one_line, storable, text_of
from crm_api.domains.conversations.thinning import Span, Thin, thinned

LONGEST_TEXT = 200_000
MOST_ATTACHMENTS = 50
MOST_REFERENCES = 50
LOOP_HEADER = "X-CRM-Loop"
LONGEST_CALENDAR = 65_536
_CALENDARS = frozenset({"text/calendar", "application/ics"})
_DELIVERED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to")


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
    """A file of a mail, which stands in the mail."""

    filename: str | None
    content_type: str
    encoding: str
    span: Span

    def blocks(self, file: IO[bytes]) -> Iterator[bytes]:
        """Its content, of the file with the mail."""
        return self.span.blocks(file, self.encoding)


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
    calendar: bytes | None = None
    """What its first calendar file says, as far as it is read."""

    def note(self, code: str, message: str) -> None:
        """Write down what was strange, once for each code."""
        if all(one.code != code for one in self.notes):
            self.notes.append(Note(code, message))


def read(file: IO[bytes], digest: str) -> Mail:
    """A mail from a file; never raises for what is in it."""
    mail = Mail(digest=digest)
    # The library raises all sorts of errors for what is broken enough.
    thin = or_else(lambda: thinned(file), None)
    if thin is None:
        mail.note("unreadable", "It cannot be read as a mail; it is kept as it came.")
        return mail
    if thin.is_cut:
        mail.note("too_many_parts", "It has more headers or parts than are read; see the raw mail.")
    for step in (_envelope, _threads, _content, _kinds):
        try:
            step(mail, thin)
        except Exception as error:  # noqa: BLE001 - see above
            mail.note("unreadable_part", f"A part of it cannot be read ({type(error).__name__}).")
    mail.calendar = or_else(lambda: _calendar(mail, file), None)
    return mail


def _calendar(mail: Mail, file: IO[bytes]) -> bytes | None:
    found = next((one for one in mail.pieces if one.content_type in _CALENDARS), None)
    if found is None:
        return None
    kept = b""
    for block in found.blocks(file):
        kept += block
        if len(kept) > LONGEST_CALENDAR:
            break
    return kept[: LONGEST_CALENDAR + 1]


# Headers


def _header(mail: Mail, message: Message, name: str) -> str:
    found = raw_of(message, name)
    if len(found) > 1:
        mail.note("header_twice", f"The header {name} stands several times; the first counts.")
    return found[0] if found else ""


def _envelope(mail: Mail, thin: Thin) -> None:
    message = thin.message
    mail.to, mail.cc = addresses_in(message, "to"), addresses_in(message, "cc")
    mail.delivered_to = [a for name in _DELIVERED for _, a in addresses_in(message, name)]
    senders = addresses_in(message, "from") or addresses_in(message, "sender")
    if len(senders) > 1:
        mail.note("several_senders", "It names several senders; the first counts.")
    if senders:
        name, mail.from_address = senders[0]
        mail.from_name = name or None
    else:
        mail.note("no_sender", "It names no sender.")
    mail.subject = one_line(decoded(_header(mail, message, "subject")), LONGEST_SUBJECT)
    mail.dated_at = date_in(_header(mail, message, "date"))
    if mail.dated_at is None:
        mail.note("no_date", "It has no date that can be read; it counts from when it came.")
    defects = [type(one).__name__ for one in message.defects if not isinstance(one, HeaderDefect)]
    if defects:
        mail.note("broken_mime", f"It is not built as it should be ({', '.join(defects[:5])}).")


def _threads(mail: Mail, thin: Thin) -> None:
    message = thin.message
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


# Content


def _content(mail: Mail, thin: Thin) -> None:
    plain: list[str] = []
    html: list[str] = []
    is_cut = False
    for part, is_nested in _leaves(thin.message, mail):
        kind = part.get_content_type()
        if kind.startswith("multipart/"):
            # It says that it has parts and has none.
            kind = "text/plain"
        span = thin.span_of(part)
        named = or_else(part.get_filename, None) is not None
        is_file = named or part.get_content_disposition() == "attachment" or is_nested
        if kind in {"text/plain", "text/html"} and not is_file:
            (plain if kind == "text/plain" else html).append(_text_of(mail, part))
            is_cut |= span is not None and span.is_cut
        elif span is not None:
            mail.pieces.append(_piece(part, span, is_nested=is_nested))
        else:
            mail.note("attachment_left_out", "A file of it stands in the raw mail alone.")
        if span is None or not span.is_cut:
            _note_defects(mail, part)
    if any(one.strip() for one in plain):
        body = "\n\n".join(one.strip("\n") for one in plain)
    else:
        body = text_of("\n".join(html))
        if html:
            mail.note("html_only", "Its text was in HTML alone; what stands here is read from it.")
    body = storable(body)
    if is_cut or len(body) > LONGEST_TEXT:
        mail.note("text_cut", f"Here stand {LONGEST_TEXT} characters at most; see the raw mail.")
    mail.body = body[:LONGEST_TEXT]


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
            _note_defects(mail, part)
        else:
            yield part, False


def _note_defects(mail: Mail, part: Message) -> None:
    if part.defects:
        mail.note("broken_mime", "It is not built as it should be; see the raw mail.")


def _text_of(mail: Mail, part: Message) -> str:
    raw = bytes_of(part)
    said = or_else(part.get_content_charset, None) or "utf-8"
    found = in_charset(raw, said)
    if found is not None:
        return found
    mail.note("wrong_charset", f"Its text is not in the character set it names: {said[:40]}.")
    return text_in(raw, None)


def _piece(part: Message, span: Span, *, is_nested: bool) -> Piece:
    encoding = or_else(lambda: raw_of(part, "content-transfer-encoding")[0], "")
    if is_nested:
        inner: Any = or_else(part.get_payload, None)
        subject = one_line(or_else(lambda: decoded(raw_of(inner[0], "subject")[0]), ""), 100)
        return Piece(f"{subject or 'message'}.eml", "message/rfc822", encoding, span)
    name = or_else(part.get_filename, None)
    shown = one_line(decoded(name), 300) if isinstance(name, str) else None
    return Piece(shown, part.get_content_type(), encoding, span)


# What it is


def _kinds(mail: Mail, thin: Thin) -> None:
    message = thin.message
    loops = raw_of(message, LOOP_HEADER.lower())
    mail.loop = one_line(loops[0], 200) if loops else None
    if is_report(message):
        mail.kind, mail.bounce = "bounce", bounce_of(message)
        return
    if is_complaint(message):
        mail.kind, mail.bounce = "auto_reply", bounce_of(message)
        return
    found = kind_of(message, has_sender=mail.from_address is not None)
    if found is not None:
        mail.kind, code, said = found
        mail.note(code, f"{said} It is not answered.")
