"""What stands in the way of an action on a record, told in one way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from crm_api.kit.errors import Fault, WrongState
from crm_api.kit.schema import Shape

S_co = TypeVar("S_co", bound=str, covariant=True)
V = TypeVar("V", bound=str)


@dataclass(frozen=True)
class Way(Generic[S_co]):
    """From which states an action leads whereto, and how its event is called."""

    before: frozenset[str]
    after: S_co
    event: str


def way(before: str, after: S_co, event: str) -> Way[S_co]:
    """A way from each of the states that `before` names."""
    return Way(frozenset(before.split()), after, event)


def ways_from(ways: Mapping[V, Way[S_co]], status: str) -> Mapping[V, Way[S_co]]:
    """Those that begin in a state."""
    return {verb: one for verb, one in ways.items() if status in one.before}


def need_way(noun: str, ways: Mapping[V, Way[S_co]], status: str, verb: V) -> Way[S_co]:
    """The way that an action leads; raises `WrongState` where it is not for this state."""
    if status not in ways[verb].before:
        raise not_for(noun, status, verb, list(ways_from(ways, status)))
    return ways[verb]


class Blocker(Shape):
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
