"""Secrets at rest: AES-256-GCM, bound to the place where they are stored (ADR-0021)."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_VERSION = "v1"


class Unreadable(Exception):
    """An envelope that no key opens, or that was moved or changed."""


@dataclass(frozen=True, slots=True)
class Place:
    """The column and row that a secret belongs to; nowhere else does it open."""

    organization_id: UUID | None
    """None where the row belongs to the whole installation."""
    table: str
    column: str
    row: UUID | str

    @property
    def bound(self) -> bytes:
        """What is authenticated beside the ciphertext."""
        organization = "" if self.organization_id is None else self.organization_id
        return f"{organization}|{self.table}|{self.column}|{self.row}".encode()


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column whose values are envelopes, and how the place of each is told."""

    table: str
    column: str
    key: str = "id"
    tenant: bool = False
    """Whether its rows belong to organizations."""

    def place(self, organization_id: UUID | None, row: str) -> Place:
        """Where the envelope of a row belongs."""
        return Place(organization_id, self.table, self.column, row)


class Keyring:
    """The keys of an installation: the first one seals, each of them opens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Each key has 32 bytes."""
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}
        self._first = next(iter(self._ciphers), None)

    def seal(self, secret: str, place: Place) -> str:
        """The envelope `v1.<key>.<nonce>.<ciphertext>`; another one each time."""
        if self._first is None:
            raise Unreadable("There is no key to seal with.")
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, secret.encode(), place.bound)
        return ".".join((_VERSION, self._first, _text(nonce), _text(sealed)))

    def open(self, envelope: str, place: Place) -> str:
        """The secret back; raises `Unreadable`."""
        version, _, rest = envelope.partition(".")
        parts = rest.split(".")
        if version != _VERSION or len(parts) != 3:
            raise Unreadable("Not an envelope.")
        cipher = self._ciphers.get(parts[0])
        if cipher is None:
            raise Unreadable(f"There is no key {parts[0][:16]} any more.")
        try:
            return cipher.decrypt(_bytes(parts[1]), _bytes(parts[2]), place.bound).decode()
        except (InvalidTag, ValueError):
            raise Unreadable("The envelope was changed, or is not of this place.") from None

    @property
    def current(self) -> str:
        """How every envelope begins that the first key sealed."""
        return f"{_VERSION}.{self._first}."

    def is_current(self, envelope: str) -> bool:
        """Whether the first key sealed it; what is not current waits to be sealed anew."""
        return envelope.startswith(self.current)


def key_id(key: bytes) -> str:
    """The public name of a key, made from the key itself."""
    return sha256(b"key id" + key).hexdigest()[:8]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _text(raw) != text:
        # Base64 that ignores stray bits would let one envelope have several spellings.
        raise ValueError(text)
    return raw
