"""What journeys are made of: nodes that name what comes after them. Needs no database."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, SkipValidation, StringConstraints

from crm_api.domains.segments.schemas import EventName
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.schema import Line, Schema
from crm_api.platform.automations.definitions import read_part
from crm_api.platform.automations.timing import Span, span_of

MOST_NODES = 100
SHARES = 100
NodeId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Reference = dict[Literal["$ref"], str]


class Node(Schema):
    """A place in a journey."""

    id: NodeId
    type: Any
    arms: ClassVar[tuple[str, ...]] = ("next",)
    """The fields that name nodes."""

    def ways(self) -> Iterator[tuple[str, str, str]]:
        """Each way out: its pointer in the node, its name, and the node to which it leads."""
        for arm in self.arms:
            if (to := getattr(self, _FIELDS.get(arm, arm))) is not None:
                yield f"/{arm}", arm, to

    @property
    def lasts(self) -> bool:
        """Whether time is sure to pass in it."""
        return False


class WaitNode(Node):
    """Wait: so long, until a time of the contact, or until they do something."""

    type: Literal["wait"]
    duration: Span | None = Field(None, description="So long, such as `90m`, `4h` or `2d`.")
    is_working: bool = Field(False, description="Whether the duration is one of working time.")
    until: SkipValidation[str | Reference | None] = Field(
        None, description='A time, or `{"$ref": "record.custom.renewal"}`.'
    )
    event: EventName | None = Field(None, description="What they do, as it is tracked.")
    timeout: Span | None = Field(None, description="How long an event is waited for.")
    next: NodeId
    on_timeout: NodeId | None = Field(None, description="Where they go who have not done it.")
    arms = ("next", "on_timeout")

    @property
    def lasts(self) -> bool:
        """A date may have passed; a span has not."""
        return self.until is None

    def faults(self) -> Iterator[Fault]:
        """What is wrong with it."""
        said = [name for name in ("duration", "until", "event") if getattr(self, name) is not None]
        if len(said) != 1:
            yield Fault("one_of", "Say one of duration, until and event.", "")
            return
        for name in ("timeout", "on_timeout"):
            if (getattr(self, name) is not None) != (self.event is not None):
                code = "required" if self.event is not None else "not_expected"
                yield Fault(code, "It goes with an event, and an event with it.", f"/{name}")
        for name in ("duration", "timeout"):
            span = getattr(self, name)
            if span is not None and span_of(span).total_seconds() <= 0:
                yield Fault("not_positive", "Nobody waits for the past.", f"/{name}")
        if self.is_working and self.duration is None:
            yield Fault("not_expected", "Only a duration is one of working time.", "/is_working")


class ConditionNode(Node):
    """Go one way where the contact passes a filter, another way where they do not."""

    type: Literal["condition"]
    condition: dict[str, Any] = Field(alias="if", description="The filter language.")
    then: NodeId
    otherwise: NodeId = Field(alias="else")
    arms = ("then", "else")


class SplitArm(Schema):
    """A part of those who come."""

    share: Annotated[int, Field(ge=1, le=SHARES)] = Field(description="Of a hundred.")
    next: NodeId


class SplitNode(Node):
    """Part people at random: the same person of a journey always goes the same way."""

    type: Literal["split"]
    parts: Annotated[list[SplitArm], Field(min_length=2, max_length=10)]

    def ways(self) -> Iterator[tuple[str, str, str]]:
        """One for each part, by its place."""
        for place, part in enumerate(self.parts):
            yield f"/parts/{place}/next", str(place), part.next

    def faults(self) -> Iterator[Fault]:
        """Shares are whole only together."""
        if sum(part.share for part in self.parts) != SHARES:
            yield Fault("shares", f"The shares make {SHARES} together.", "/parts")

    def part_of(self, journey_id: UUID, contact_id: UUID) -> int:
        """Which part somebody belongs to, by a hash of both and of the node."""
        said = f"{journey_id}:{self.id}:{contact_id}".encode()
        point = int.from_bytes(hashlib.sha256(said).digest()[:8]) * SHARES >> 64
        for place, part in enumerate(self.parts):
            point -= part.share
            if point < 0:
                return place
        return len(self.parts) - 1


class ActionNode(Node):
    """Take a step of the kinds of which rules are made."""

    type: Literal["action"]
    step: dict[str, Any] = Field(
        description="By its `action`; `GET /v1/journeys/vocabulary` describes each."
    )
    next: NodeId


class GoalNode(Node):
    """Whoever passes the filter has arrived; the others go on."""

    type: Literal["goal"]
    filter: dict[str, Any]
    next: NodeId


class ExitNode(Node):
    """The journey is over."""

    type: Literal["exit"]
    reason: Line | None = None
    arms = ()


_FIELDS = {"else": "otherwise"}
NODES: Mapping[str, type[Node]] = {
    "wait": WaitNode,
    "condition": ConditionNode,
    "split": SplitNode,
    "action": ActionNode,
    "goal": GoalNode,
    "exit": ExitNode,
}


@dataclass(frozen=True)
class Graph:
    """The nodes of a version that is whole; the first one is where people enter."""

    nodes: Mapping[str, Node]
    first: str

    @classmethod
    def of(cls, sources: Sequence[Mapping[str, Any]]) -> "Graph":
        """A graph as it is kept; raises `Invalid` with every mistake of its shape."""
        nodes = read_nodes(sources)
        if faults := mistakes(nodes):
            raise Invalid("The journey is not fit to run.", faults=faults[:100])
        return cls({node.id: node for node in nodes}, nodes[0].id)


def read_nodes(sources: Sequence[Any]) -> list[Node]:
    """Nodes each by their shape; raises `Invalid` with pointers below `/nodes`."""
    nodes, faults = list[Node](), list[Fault]()
    for place, source in enumerate(sources):
        try:
            nodes.append(read_part(NODES, "type", source, f"/nodes/{place}"))
        except Invalid as error:
            faults += error.faults
    if not sources:
        faults.append(Fault("required", "A journey has nodes.", "/nodes"))
    if len(sources) > MOST_NODES:
        faults.append(Fault("too_many", f"At most {MOST_NODES} nodes.", "/nodes"))
    if faults:
        raise Invalid("The journey is not fit to run.", faults=faults[:100])
    return nodes


def mistakes(nodes: Sequence[Node]) -> list[Fault]:
    """What is wrong with a graph: names, ways that lead nowhere, and rings in which nobody waits."""
    places: dict[str, int] = {}
    faults = list[Fault]()
    for place, node in enumerate(nodes):
        at = f"/nodes/{place}"
        if node.id in places:
            faults.append(Fault("repeated_id", "Another node has this id.", f"{at}/id"))
        places.setdefault(node.id, place)
        if isinstance(node, WaitNode | SplitNode):
            faults += [Fault(f.code, f.message, at + (f.pointer or "")) for f in node.faults()]
    for place, node in enumerate(nodes):
        for pointer, _, to in node.ways():
            if to not in places:
                at = f"/nodes/{place}{pointer}"
                faults.append(Fault("unknown_node", f"There is no node {to!r}.", at))
    if faults:
        return faults
    leads = {node.id: [to for _, _, to in node.ways()] for node in nodes}
    reached = _reached(leads, nodes[0].id)
    faults += [
        Fault("unreachable", "Nothing leads here.", f"/nodes/{places[id]}")
        for id in leads
        if id not in reached
    ]
    at_once = {n.id: [] if n.lasts else leads[n.id] for n in nodes}
    faults += [
        Fault("endless", "A ring of nodes needs a wait that lasts.", f"/nodes/{places[id]}")
        for id in leads
        if any(id in _reached(at_once, to) for to in at_once[id])
    ]
    return faults


def _reached(leads: Mapping[str, Sequence[str]], start: str) -> set[str]:
    found, open_ = {start}, [start]
    while open_:
        for to in leads[open_.pop()]:
            if to not in found:
                found.add(to)
                open_.append(to)
    return found
