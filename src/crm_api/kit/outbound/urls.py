"""Addresses of the web that requests are sent to, as others name them."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, urlsplit

LONGEST = 2_000
_SAFE = "/%:@!$&'()*+,;=~-._?[]"
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# What resolvers read as a number: `127.1`, `0x7f.1`, `2130706433`.
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")


def web_address(raw: str) -> str:
    """An http or https URL whose host has one spelling; raises `ValueError`."""
    text = raw.strip()
    if len(text) > LONGEST or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("not a web address")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("a web address begins with https:// or http:// and a host")
    if "@" in parts.netloc:
        raise ValueError("a web address must not hold a user name")
    if parts.fragment or text.endswith("#"):
        raise ValueError("the address of a receiver has no fragment")
    port = parts.port
    if port == 0:
        raise ValueError("there is no port 0")
    host = _host(parts.hostname)
    place = host if port is None else f"{host}:{port}"
    tail = SplitResult("", "", parts.path or "/", parts.query, "").geturl()
    return f"{parts.scheme}://{place}{quote(tail, safe=_SAFE)}"


def _host(raw: str) -> str:
    try:
        literal = ip_address(raw)
    except ValueError:
        return _name(raw)
    if "%" in raw:
        raise ValueError("an address must not name a zone")
    return f"[{literal}]" if literal.version == 6 else str(literal)


def _name(raw: str) -> str:
    try:
        name = raw.encode("idna").decode().lower()
    except UnicodeError:
        raise ValueError("the host is not a name") from None
    labels = name.removesuffix(".").split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("the host is not a name")
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError("the host is a number, not a name")
    return name
