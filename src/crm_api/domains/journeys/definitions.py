"""A journey as it is published: read, and checked as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crm_api.domains.journeys.models import Journey
from crm_api.domains.journeys.nodes import (
    NODES,
    ActionNode,
    ConditionNode,
    GoalNode,
    Graph,
    Node,
    WaitNode,
)
from crm_api.domains.segments.graph import mentions
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.automation import Checking, condition_of, moved
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Forbidden, Invalid
from crm_api.kit.query.selection import Selection
from crm_api.platform.automations.definitions import STEPS, read_step, told_part
from crm_api.platform.automations.walking import mistakes

ENTITY = "contact"
LONGEST = 131_072
FLOW = frozenset({"wait", "branch", "stop"})
"""Steps that say where a rule goes; in a journey nodes do."""
_PARTS = ("entry", "re_entry", "goal", "exits", "nodes")
_NODES_DO = "Waits, conditions and exits are nodes."
_ENTRY = "/entry/segment_id"
_LEFT = "left_segment"
_WITHDRAWN = ("withdrawn", "denied")


@dataclass(frozen=True)
class Definition:
    """A draft, or a version that was published."""

    source: Mapping[str, Any]

    @classmethod
    def of(cls, journey: Journey) -> "Definition":
        """The draft of a journey."""
        return cls({part: getattr(journey, part) for part in _PARTS})

    @cached_property
    def graph(self) -> Graph:
        """Its nodes; raises `Invalid`."""
        return Graph.of(self.source["nodes"])

    @property
    def entry(self) -> Mapping[str, Any]:
        """Who enters by themselves."""
        return self.source["entry"]

    @property
    def re_entry(self) -> Mapping[str, Any]:
        """Whether somebody enters again."""
        return self.source["re_entry"]

    @property
    def goal(self) -> Mapping[str, Any]:
        """Who is a success, wherever they are."""
        return self.source["goal"]

    def leaving(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Who leaves: the reason, where it is said, and a filter."""
        exits, found = self.source["exits"], list[tuple[str, str, dict[str, Any]]]()
        if exits.get("unsubscribed_from"):
            said = {"channel": "email", "purpose": exits["unsubscribed_from"]}
            consent = {"consent": {**said, "state": list(_WITHDRAWN)}}
            found.append(("unsubscribed", "/exits/unsubscribed_from", consent))
        if exits.get(_LEFT) and self.entry.get("segment_id"):
            gone = {"segment": {"nin": [str(self.entry["segment_id"])]}}
            found.append((_LEFT, f"/exits/{_LEFT}", gone))
        if exits.get("filter"):
            found.append(("exit_rule", "/exits/filter", exits["filter"]))
        return found


async def check(tx: Tx, definition: Definition) -> Graph:
    """That a journey is fit to be published, as a whole; raises `Invalid` with every mistake.

    Raises `Forbidden` where whoever publishes may not do what it would do for them.
    """
    if len(encode(definition.source)) > LONGEST:
        raise Invalid.at("/nodes", "too_long", f"A journey has {LONGEST:,} bytes at most.")
    graph = definition.graph
    faults = list[Fault]()
    filters = _filters(definition)
    if definition.source["exits"].get(_LEFT) and definition.entry["type"] != "segment":
        message = "Only an entry by segment has one to leave."
        faults.append(Fault("not_expected", message, f"/exits/{_LEFT}"))
    for at, source in filters:
        faults += _filter(tx, source, at)
    names = frozenset(
        step["name"]
        for node in graph.nodes.values()
        if isinstance(node, ActionNode) and "name" in (step := node.step)
    )
    for place, node in enumerate(graph.nodes.values()):
        faults += await _node(tx, node, names, f"/nodes/{place}")
    if not faults:
        faults += await _segments(tx, filters)
    if faults:
        raise Invalid("The journey is not fit to run.", faults=faults[:100])
    return graph


async def _node(tx: Tx, node: Node, names: frozenset[str], at: str) -> list[Fault]:
    if isinstance(node, WaitNode) and node.event is None:
        return await mistakes(wait_step(node), Checking(tx, ENTITY, names), at)
    if not isinstance(node, ActionNode):
        return []
    if node.step.get("action") in FLOW:
        return [Fault("not_a_choice", _NODES_DO, f"{at}/step/action")]
    try:
        step = read_step(node.step, f"{at}/step")
    except Invalid as error:
        return list(error.faults)
    if step.arms:
        return [Fault("not_a_choice", _NODES_DO, f"{at}/step/action")]
    # Which steps came before depends on the way: any of them may be referred to.
    return await mistakes(step, Checking(tx, ENTITY, names), f"{at}/step")


def _filters(definition: Definition) -> list[tuple[str, dict[str, Any]]]:
    """Every filter of a journey, behind where it stands."""
    found = [(at, source) for _, at, source in definition.leaving()]
    if definition.goal:
        found.append(("/goal", dict(definition.goal)))
    if definition.entry.get("filter"):
        found.append(("/entry/filter", definition.entry["filter"]))
    if (id := definition.entry.get("segment_id")) is not None:
        found.append((_ENTRY, {"segment": str(id)}))
    for place, node in enumerate(definition.graph.nodes.values()):
        if isinstance(node, ConditionNode):
            found.append((f"/nodes/{place}/if", node.condition))
        elif isinstance(node, GoalNode):
            found.append((f"/nodes/{place}/filter", node.filter))
    return found


async def _segments(tx: Tx, filters: Sequence[tuple[str, dict[str, Any]]]) -> list[Fault]:
    """Segments that are not there: nobody would ever be in them, and nobody would say so."""
    named = [(at, whole, id) for at, source in filters for whole, id in mentions(source, at)]
    wanted = {id for _, _, id in named}
    service = SegmentService(tx)
    found = await service.many(wanted, Selection(("id", "target"))) if wanted else {}
    faults = list[Fault]()
    for at, whole, id in named:
        where = _ENTRY if at == _ENTRY else whole
        if id not in found:
            faults.append(Fault("unknown_segment", "There is no such segment.", where))
        elif at == _ENTRY and found[id].target != ENTITY:
            faults.append(Fault("wrong_target", "It is a segment of companies.", where))
    return faults


def _filter(tx: Tx, source: Any, at: str) -> list[Fault]:
    try:
        condition_of(tx, ENTITY, source)
    except Invalid as error:
        return moved(error, "/filter", at)
    except Forbidden as error:
        raise error.elsewhere(pointer=at) from None
    return []


def wait_step(node: WaitNode) -> Any:
    """The step of rules that waits as a node does."""
    said = {"duration": node.duration, "until": node.until}
    return read_step({"action": "wait", **{k: v for k, v in said.items() if v is not None}})


def described() -> dict[str, Any]:
    """Everything that journeys may be made of, with the JSON Schema of each."""
    actions = sorted(
        (kind, shape) for kind, shape in STEPS.items() if kind not in FLOW and not shape.arms
    )
    return {
        "nodes": [told_part("type", kind, shape) for kind, shape in sorted(NODES.items())],
        "actions": [told_part("action", kind, shape) for kind, shape in actions],
    }
