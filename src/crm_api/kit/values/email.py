"""E-mail addresses: the form to show and the key to look up."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from crm_api.kit.values.errors import BadValue, shown
from crm_api.kit.values.text import clean

_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([A-Za-z0-9.\-]+)")
_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z]{{2,63}}")
_ROLES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)
_RESERVED = frozenset(SPECIAL_USE_DOMAIN_NAMES)
_GMAIL = "gmail.com"
_SAME_DOMAIN = {"googlemail.com": _GMAIL, "me.com": "icloud.com", "mac.com": "icloud.com"}
# Providers that deliver `name+anything` to `name`; elsewhere a plus is a letter like any other.
_TAGGING = frozenset(
    {
        _GMAIL, "outlook.com", "hotmail.com", "live.com", "fastmail.com", "proton.me",
        "protonmail.com", "pm.me", "icloud.com",
    }
)  # fmt: skip
# RFC 2142, and what offices call themselves.
_OFFICES = _ROLES | {
    "admin", "billing", "booking", "buchhaltung", "contact", "einkauf", "hello", "hr", "info",
    "jobs", "kontakt", "mail", "marketing", "office", "orders", "rechnung", "sales", "service",
    "support", "team", "vertrieb", "zakaz",
}  # fmt: skip
# RFC 5321 §4.5.3.1.3, less the angle brackets of the path.
_LONGEST = 254
_LONGEST_HOST = 200
# A display name may stand before the address.
_LONGEST_INPUT = 1000


class Email(NamedTuple):
    """`value` is the address as shown; equal `key`s (lower case, punycode) are one mailbox."""

    value: str
    key: str


# A record's own address is asked for again: for its look-up key, and when it is matched.
@lru_cache(maxsize=4096)
def normalise(raw: str) -> Email:
    """The address in `jo@x.org`, `<jo@x.org>`, `Jo <jo@x.org>` or `mailto:jo@x.org`."""
    plain = _PLAIN.fullmatch(raw.strip(" \t\r\n")) if len(raw) <= _LONGEST else None
    if plain:
        local, domain = plain[1], plain[2].lower()
        if _is_plain_domain(domain):
            lowered = local.lower()
            key = f"{lowered}@{domain}"
            return Email(key if lowered in _ROLES else f"{local}@{domain}", key)
    if len(raw) > _LONGEST_INPUT:
        raise BadValue("invalid_email", "The e-mail address is too long.")
    return _checked(_bare(clean(raw)))


def mailbox(key: str) -> str:
    """The mailbox behind an address's key, of which a provider takes several spellings.

    For comparing only: mail goes to the address as it is written.
    """
    local, _, domain = key.partition("@")
    domain = _SAME_DOMAIN.get(domain, domain)
    if domain in _TAGGING:
        local = local.partition("+")[0] or local
    if domain == _GMAIL:
        local = local.replace(".", "") or local
    return f"{local}@{domain}"


def is_role(key: str) -> bool:
    """Whether an address is an office's and not a person's: `info@`, `sales@`."""
    return key.partition("@")[0] in _OFFICES


def ascii_domain(host: str) -> str:
    """The host name in lower-case ASCII (punycode); a name without a dot is refused."""
    if len(host) > _LONGEST:
        raise BadValue("invalid_email", "The domain name is too long.")
    domain = host.lower()
    if _is_plain_domain(domain):
        return domain
    return _checked(f"a@{host}").key.partition("@")[2]


@lru_cache(maxsize=16_384)
def _is_plain_domain(domain: str) -> bool:
    """Whether a name is its own Unicode form: then the key and the value share it."""
    # Most names are plainly such; the library takes a hundred times as long to agree.
    is_short = len(domain) <= _LONGEST_HOST
    if is_short and _HOST.fullmatch(domain) and domain.rpartition(".")[2] not in _RESERVED:
        return True
    try:
        found = _checked(f"a@{domain}")
    except BadValue:
        return False
    return found.value == found.key == f"a@{domain}"


def _bare(text: str) -> str:
    if text.endswith(">"):
        text = text[:-1].rpartition("<")[2].strip()
    if text[:7].lower() == "mailto:":
        text = clean(unquote(text[7:].partition("?")[0], errors="replace"))
    return text


def _checked(address: str) -> Email:
    # A CRM meets `.local` and `.test` in mail systems behind a firewall. The library offers only
    # its process-wide list to allow them, so a neutral name of equal length stands in.
    head, dot, top = address.rpartition(".")
    top = top.lower()
    reserved = bool(dot) and top in _RESERVED
    try:
        found = validate_email(
            f"{head}.{'x' * len(top)}" if reserved else address,
            allow_smtputf8=True,
            check_deliverability=False,
        )
    except EmailNotValidError as mistake:
        raise BadValue("invalid_email", _plain_words(mistake, address)) from mistake
    domain, ascii_form = found.domain, found.ascii_domain
    if reserved:
        domain, ascii_form = domain[: -len(top)] + top, ascii_form[: -len(top)] + top
    lowered = unicodedata.normalize("NFC", found.local_part.lower())
    return Email(f"{found.local_part}@{domain}", f"{lowered}@{ascii_form}")


def _plain_words(mistake: EmailNotValidError, address: str) -> str:
    # The library lists every bad character, which may be most of the value.
    words = str(mistake)
    return words if len(words) <= 160 else f"{shown(address)} is not an e-mail address."
