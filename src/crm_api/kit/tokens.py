"""Opaque tokens that say where their row is: `crm_<kind>_<ids>_<secret>`."""

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple
from uuid import UUID

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SECRET_LENGTH = 43
_TOKEN = re.compile(r"crm_([a-z]+)_([A-Za-z0-9\-_]{22,})_([A-Za-z0-9]{43})")


class Opaque(NamedTuple):
    """The parts of a token; the ids are public, the secret opens."""

    kind: str
    ids: tuple[UUID, ...]
    secret: str

    def __str__(self) -> str:
        ids = b"".join(id.bytes for id in self.ids)
        return f"crm_{self.kind}_{urlsafe_b64encode(ids).rstrip(b'=').decode()}_{self.secret}"


def new_secret() -> str:
    """256 random bits as letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))


def parse(text: str, kind: str, count: int) -> Opaque | None:
    """The parts of a well-formed token of a kind with so many ids."""
    found = _TOKEN.fullmatch(text)
    if found is None or found[1] != kind:
        return None
    try:
        raw = urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4))
    except ValueError:
        return None
    if len(raw) != 16 * count:
        return None
    ids = tuple(UUID(bytes=raw[place : place + 16]) for place in range(0, len(raw), 16))
    return Opaque(kind, ids, found[3])


def keyed_hash(key: bytes, purpose: str, secret: str) -> str:
    """What is stored of a secret that is random and long: a fast hash does."""
    return hmac.digest(key, purpose.encode() + b"\0" + secret.encode(), "sha256").hex()


def derived_secret(key: bytes, purpose: str, seed: str) -> str:
    """A secret that follows from a seed and the key; neither alone gives it away."""
    number = int.from_bytes(hmac.digest(key, purpose.encode() + b"\0" + seed.encode(), "sha256"))
    digits: list[str] = []
    for _ in range(SECRET_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[rest])
    return "".join(digits)


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
