"""What stands in the way of an action on a record, told in one way."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from crm_api.kit.errors import Fault, WrongState


class Blocker(BaseModel):
    """What stands in the way of an action."""

    code: str
    message: str
    pointer: str | None


def told(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """What stands in the way, as blockers."""
    return [{"code": f.code, "message": f.message, "pointer": f.pointer} for f in faults]


def blocked(faults: Sequence[Fault]) -> WrongState:
    """The error for an action that something stands in the way of."""
    message = " ".join(dict.fromkeys(fault.message for fault in faults[:5]))
    return WrongState(message, code="blocked_transition", faults=faults)


def not_for(noun: str, status: str, verb: str, allowed: Sequence[str]) -> WrongState:
    """The error for an action that is not for the state of a record."""
    message = f"A {noun} that is {status} takes no {verb}."
    return WrongState(
        message,
        code="illegal_transition",
        faults=[Fault("illegal_transition", message, "/status")],
        details={f"{noun}_status": status, "allowed": list(allowed)},
    )
