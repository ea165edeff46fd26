"""Identifiers: UUIDv7, so that new rows stand at the end of every index."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A time-ordered UUID (RFC 9562, version 7)."""
    return uuid7()
