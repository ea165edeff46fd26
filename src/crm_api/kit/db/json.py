"""JSON as the database and the wire take it."""

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical")


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON; decimals and UUIDs as strings, instants in UTC with `Z`."""
    return _encoder.encode(value)


def decode(value: msgspec.Raw | bytes | str) -> Any:
    """Plain Python values."""
    return msgspec.json.decode(value)


def parsed(value: Any) -> Any:
    """A column of a row, JSON as plain Python values."""
    return decode(value) if isinstance(value, msgspec.Raw) else value
