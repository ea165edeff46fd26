"""The trace that something belongs to, as W3C Trace Context writes it: `traceparent`."""

import re
from contextvars import ContextVar
from hashlib import sha256

HEADER = "traceparent"
CURRENT: ContextVar[str | None] = ContextVar("trace", default=None)
"""That of the request or job that is being carried out, if it belongs to one."""
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_NO_PARENT = "0" * 16


def read(header: str) -> str | None:
    """A `traceparent` that somebody sent, as version 00 has it; None where it is none."""
    found = _FORM.fullmatch(header)
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    if _TRACE_ID.fullmatch(trace) is None or parent == _NO_PARENT:
        return None
    return f"00-{trace}-{parent}-{flags}"


def begun(by: object) -> str:
    """The trace that begins with what belongs to none, always the same; nobody records it.

    What names itself by 32 hexadecimal digits, such as a request, is found by them in both worlds.
    """
    name = str(by).replace("-", "")
    digest = sha256(name.encode()).hexdigest()
    trace = name if _TRACE_ID.fullmatch(name) else digest[:32]
    return f"00-{trace}-{digest[32:48]}-00"
