"""How much speaks for that a program has filled a form in; needs no database."""

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

SECONDS = 3
"""Nobody fills a form in faster."""
_DAY = 24 * 3600
_LINK = re.compile(r"(?:https?://|www\.)\S", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-z]+[^>]*>|\[/?(?:url|link|img)\b", re.IGNORECASE)
_NAMES = ("first_name", "last_name", "company_name", "title")
# Addresses there are made for a moment.
_FLEETING = frozenset(
    (
        *("mailinator.com", "guerrillamail.com", "10minutemail.com", "tempmail.com", "yopmail.com"),
        *("trashmail.com", "sharklasers.com", "throwawaymail.com", "getnada.com", "maildrop.cc"),
    )
)
_POINTS = {
    "honeypot": 100,
    "false_stamp": 40,
    "too_fast": 40,
    "link_in_name": 60,
    "markup": 50,
    "one_link": 15,
    "many_links": 50,
    "equal_names": 30,
    "fleeting_address": 40,
}


def stamp_of(key: bytes, form_id: UUID, at: datetime) -> str:
    """When a form was shown, so that nobody else can say it."""
    second = int(at.timestamp())
    return f"{second}-{_seal(key, form_id, second)}"


def judged(
    answers: Mapping[str, str],
    *,
    honeypot: str | None,
    stamp: str | None,
    key: bytes,
    form_id: UUID,
    at: datetime,
) -> tuple[int, list[str]]:
    """A score of 0 to 100, and each reason for it in a word.

    A form on somebody else's page has no stamp, which says nothing.
    """
    reasons = ["honeypot"] if honeypot and honeypot.strip() else []
    if (timing := _timing(stamp, key, form_id, at)) is not None:
        reasons.append(timing)
    names = [answers.get(name, "") for name in _NAMES]
    if any(_LINK.search(name) for name in names):
        reasons.append("link_in_name")
    said = [text for name, text in answers.items() if name not in {*_NAMES, "website", "email"}]
    if any(_MARKUP.search(text) for text in answers.values()):
        reasons.append("markup")
    if links := sum(len(_LINK.findall(text)) for text in said):
        reasons.append("one_link" if links == 1 else "many_links")
    first, last = names[0].casefold(), names[1].casefold()
    if first and first == last:
        reasons.append("equal_names")
    if answers.get("email", "").rpartition("@")[2].strip().casefold() in _FLEETING:
        reasons.append("fleeting_address")
    return min(100, sum(_POINTS[reason] for reason in reasons)), reasons


def _timing(stamp: str | None, key: bytes, form_id: UUID, at: datetime) -> str | None:
    if not stamp:
        return None
    said, _, seal = stamp.partition("-")
    if not (said.isascii() and said.isdecimal() and len(said) < 12):
        return "false_stamp"
    second = int(said)
    if not hmac.compare_digest(_seal(key, form_id, second).encode(), seal.encode()):
        return "false_stamp"
    passed = at.timestamp() - second
    if passed > 30 * _DAY:
        return "false_stamp"
    return "too_fast" if passed < SECONDS else None


def _seal(key: bytes, form_id: UUID, second: int) -> str:
    return hmac.new(key, f"form stamp {form_id} {second}".encode(), sha256).hexdigest()[:32]
