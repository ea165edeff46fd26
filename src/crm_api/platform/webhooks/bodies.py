"""What is sent of an event: its exact bytes."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from crm_api.kit.db.json import decode, encode

LONGEST = 65_536


def body_of(
    event: Mapping[str, Any],
    *,
    thin: bool = False,
    fields: Collection[str] = (),
    test: bool = False,
) -> bytes:
    """The body of a request: the event as the feed has it, and `timestamp` as the standard says.

    What is longer than `LONGEST` goes without its values.
    """
    said: dict[str, Any] = {
        "type": event["type"],
        "timestamp": event["occurred_at"],
        **({"test": True} if test else {}),
        **event,
    }
    data, previous = said.pop("data"), said.pop("previous")
    if thin:
        return encode(said)
    body = encode({**said, "data": _only(data, fields), "previous": _only(previous, fields)})
    return body if len(body) <= LONGEST else encode({**said, "truncated": True})


def _only(values: Any, fields: Collection[str]) -> Any:
    if not fields or values is None:
        return values
    known: dict[str, Any] = decode(values) if isinstance(values, msgspec.Raw) else values
    return {name: value for name, value in known.items() if name in fields}
