"""Cursors: opaque, signed, and bound to the list they came from."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from crm_api.kit.db.json import encode
from crm_api.kit.errors import Invalid

_SIGNATURE = 16
_BINDING = 8


def context_of(*parts: Any) -> bytes:
    """What a cursor belongs to: the organization, the collection, its filter and sort."""
    return sha256(encode(parts)).digest()[:_BINDING]


def seal(key: bytes, context: bytes, values: Sequence[Any]) -> str:
    """A cursor that stands after these sort values."""
    payload = context + encode(list(values))
    return _written(_sign(key, payload) + payload)


def unseal(key: bytes, context: bytes, cursor: str, *, parameter: str = "cursor") -> list[Any]:
    """The sort values back, as JSON values; raises `Invalid`, which names the parameter."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError:
        raise _invalid(parameter) from None
    # What is no letter of it is passed over by the library.
    if _written(raw) != cursor:
        raise _invalid(parameter)
    signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(key, payload)):
        raise _invalid(parameter)
    if payload[:_BINDING] != context:
        raise Invalid.parameter(
            parameter, "cursor_mismatch", "The cursor belongs to another filter or sort."
        )
    return msgspec.json.decode(payload[_BINDING:])


def _written(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _invalid(parameter: str) -> Invalid:
    return Invalid.parameter(parameter, "invalid_cursor", "Not a cursor of this service.")


def _sign(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, b"cursor" + payload, "sha256")[:_SIGNATURE]
