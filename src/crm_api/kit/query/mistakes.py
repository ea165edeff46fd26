"""What is wrong with a filter, told in one way."""

from collections.abc import Sequence

from crm_api.kit.errors import Fault, Invalid


def allowed(operators: Sequence[str]) -> str:
    """What may stand somewhere."""
    return f"Allowed here: {', '.join(operators)}."


def escape(key: str) -> str:
    """A key as a part of a pointer."""
    return short(key).replace("~", "~0").replace("/", "~1")


def short(key: str) -> str:
    """A key as a message quotes it."""
    return key if len(key) <= 60 else key[:60] + "…"


def fault(pointer: str, code: str, message: str) -> Invalid:
    """One mistake in a filter."""
    return Invalid(message, code="invalid_filter", faults=[Fault(code, message, pointer=pointer)])
