"""What kind of mail it is: of a person, of a program, of a list, or a report that one bounced."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any

from crm_api.domains.conversations.headers import bytes_of, ids_in, or_else, raw_of, text_in
from crm_api.domains.conversations.texts import one_line


@dataclass
class Bounce:
    """What a report says of a mail that was not delivered."""

    recipient: str | None = None
    status: str | None = None
    """As RFC 3463 has it, such as `5.1.1`."""
    diagnostic: str | None = None
    original_id: str | None = None
    complaint: str | None = None
    """Of a complaint (RFC 5965) what is complained about, such as `abuse`."""

    @property
    def code(self) -> str:
        """What it tells: `complaint`, `delivered` or `bounced`."""
        if self.complaint is not None:
            return "complaint"
        return "delivered" if (self.status or "").startswith("2") else "bounced"

    @property
    def is_permanent(self) -> bool:
        """Whether another try would come to nothing."""
        return (self.status or "").startswith("5")


# What each kind goes by, with the code and the words of its note.
Kind = tuple[str, str, str]


def kind_of(message: Message, *, has_sender: bool) -> Kind | None:
    """What is not of a person, by RFC 3834 and by what is usual; None for all else."""
    if _says(message, "auto-submitted", lambda v: v.partition(";")[0].strip() != "no"):
        return "auto_reply", "auto_submitted", "A program has sent it (RFC 3834)."
    if not has_sender or any(value.strip() == "<>" for value in raw_of(message, "return-path")):
        return "auto_reply", "no_return_path", "It has no address to go back to."
    if _says(message, "list-id", bool) or _says(message, "precedence", _is_list):
        return "list", "mailing_list", "It was sent to many by a list."
    for name, test in _AUTOMATIC.items():
        if _says(message, name, test):
            return "auto_reply", "auto_reply", f"Its header {name} says that a program has sent it."
    return None


def _is_list(value: str) -> bool:
    return value in {"bulk", "junk", "list"}


def _suppresses(value: str) -> bool:
    wanted = {one.strip() for one in value.split(",")}
    return not wanted.isdisjoint({"all", "autoreply", "oof"})


_AUTOMATIC: dict[str, Callable[[str], bool]] = {
    "precedence": lambda value: value in {"auto_reply", "auto-reply"},
    "x-autoreply": bool,
    "x-autorespond": bool,
    "x-auto-response-suppress": _suppresses,
}


def _says(message: Message, name: str, test: Callable[[str], bool]) -> bool:
    return any(test(value.strip().lower()) for value in raw_of(message, name))


def is_report(message: Message) -> bool:
    """Whether it tells that a mail was not delivered (RFC 3464)."""
    if message.get_content_type() != "multipart/report":
        return False
    kinds = {part.get_content_type() for part in message.walk()}
    return "message/delivery-status" in kinds


def is_complaint(message: Message) -> bool:
    """Whether somebody complains about a mail by their mailbox provider (RFC 5965)."""
    if message.get_content_type() != "multipart/report":
        return False
    return any(part.get_content_type() == _FEEDBACK for part in message.walk())


_FEEDBACK = "message/feedback-report"


def bounce_of(message: Message) -> Bounce:
    """What such a report says."""
    found = Bounce()
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            for group in part.walk():
                _learn(found, group)
        elif kind == _FEEDBACK:
            _learn_complaint(found, part)
        elif kind in {"message/rfc822", "text/rfc822-headers"} and found.original_id is None:
            found.original_id = _original(part)
    return found


def _learn(found: Bounce, group: Message) -> None:
    for name, value in ((n, v) for n in _REPORTED for v in raw_of(group, n)):
        said = one_line(value.partition(";")[2] or value, 500)
        match name:
            case "final-recipient" | "original-recipient":
                found.recipient = found.recipient or said
            case "status":
                code = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})", value)
                found.status = found.status or (code[1] if code else None)
            case _:
                found.diagnostic = found.diagnostic or said


def _learn_complaint(found: Bounce, part: Message) -> None:
    """Its fields: a message in it to the library, or text, as it was declared."""
    inner: Any = or_else(part.get_payload, None)
    is_message = part.is_multipart() and bool(inner)
    text = str(inner[0]) if is_message else text_in(bytes_of(part), None)
    said = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(\S.*?)\s*$", text, re.MULTILINE))
    told = {name.lower(): one_line(value, 500) for name, value in said.items()}
    found.complaint = told.get("feedback-type", "abuse").lower()
    found.recipient = found.recipient or told.get("original-rcpt-to", "").strip("<>") or None


_REPORTED = ("final-recipient", "original-recipient", "status", "diagnostic-code")


def _original(part: Message) -> str | None:
    if part.get_content_type() == "message/rfc822":
        inner: Any = or_else(part.get_payload, None)
        ids = or_else(lambda: ids_in(" ".join(raw_of(inner[0], "message-id"))), [])
    else:
        text = text_in(bytes_of(part), None)
        found = re.search(r"^message-id:\s*(<[^<>\s]+>)", text, re.IGNORECASE | re.MULTILINE)
        ids = ids_in(found[1]) if found else []
    return ids[0] if ids else None
