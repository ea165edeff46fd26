"""API keys as text: `crm_<prefix>_<secret>`."""

import hmac
import re
import secrets
from typing import NamedTuple

from crm_api.kit.tokens import ALPHABET

_TOKEN = re.compile(r"crm_([a-z0-9]{8})_([A-Za-z0-9]{40})")


class Token(NamedTuple):
    """The two halves of a key."""

    prefix: str
    secret: str

    def __str__(self) -> str:
        return f"crm_{self.prefix}_{self.secret}"


def new_token() -> Token:
    """A key with 238 random bits."""
    prefix = "".join(secrets.choice(ALPHABET[26:]) for _ in range(8))
    secret = "".join(secrets.choice(ALPHABET) for _ in range(40))
    return Token(prefix, secret)


def parse_token(text: str) -> Token | None:
    """The halves of a well-formed key."""
    found = _TOKEN.fullmatch(text)
    return Token(found[1], found[2]) if found else None


def hash_of(signing_key: bytes, secret: str) -> str:
    """What is stored: a keyed hash; a fast one, because the secret is random and long."""
    return hmac.digest(signing_key, b"api-key" + secret.encode(), "sha256").hex()
