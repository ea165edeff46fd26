"""Graphs of journeys: what is refused, and that parts are shared out as they are said."""

import random
from collections import Counter
from uuid import UUID

import pytest

from crm_api.domains.journeys.nodes import Graph, SplitNode, mistakes, read_nodes
from crm_api.kit.errors import Invalid
from support.journeys import END, node


def codes(*nodes):
    return {(f.pointer, f.code) for f in mistakes(read_nodes(nodes))}


def test_ways_that_lead_nowhere_and_nodes_that_nothing_leads_to():
    first = node("a", "condition", **{"if": {}, "then": "end", "else": "gone"})
    assert codes(first, END) == {("/nodes/0/else", "unknown_node")}
    assert codes(END, node("b", "wait", duration="1d", next="end")) == {("/nodes/1", "unreachable")}
    assert codes(END, END) == {("/nodes/1/id", "repeated_id")}


def test_a_missing_branch_is_told_where_it_is_missing():
    with pytest.raises(Invalid) as error:
        read_nodes([node("a", "condition", **{"if": {}, "then": "end"}), END])
    assert [(f.pointer, f.code) for f in error.value.faults] == [("/nodes/0/else", "required")]


def test_rings_need_a_wait_that_lasts():
    back = node("b", "condition", **{"if": {}, "then": "a", "else": "end"})
    act = node("a", "action", step={"action": "stop"}, next="b")
    assert codes(act, back, END) == {("/nodes/0", "endless"), ("/nodes/1", "endless")}
    assert not codes(node("a", "wait", duration="1h", next="b"), back, END)
    until = node("a", "wait", until="2020-01-01", next="b")
    assert ("/nodes/0", "endless") in codes(until, back, END)


@pytest.mark.parametrize(
    ("said", "pointer", "code"),
    [
        ({}, "/nodes/0", "one_of"),
        ({"duration": "0m"}, "/nodes/0/duration", "not_positive"),
        ({"event": "paid"}, "/nodes/0/timeout", "required"),
        ({"duration": "1d", "on_timeout": "end"}, "/nodes/0/on_timeout", "not_expected"),
    ],
)
def test_waits_say_one_thing(said, pointer, code):
    assert (pointer, code) in codes(node("a", "wait", next="end", **said), END)


def test_shares_are_whole_and_kept():
    parts = [{"share": 70, "next": "end"}, {"share": 20, "next": "end"}]
    assert codes(node("a", "split", parts=parts), END) == {("/nodes/0/parts", "shares")}
    parts.append({"share": 10, "next": "end"})
    split = read_nodes([node("a", "split", parts=parts), END])[0]
    assert isinstance(split, SplitNode)
    chance = random.Random(7)
    journey = UUID(int=chance.getrandbits(128))
    people = [UUID(int=chance.getrandbits(128)) for _ in range(20_000)]
    got = Counter(split.part_of(journey, one) for one in people)
    for place, share in enumerate((0.7, 0.2, 0.1)):
        # Six standard deviations of a binomial share.
        assert abs(got[place] / 20_000 - share) < 6 * (share * (1 - share) / 20_000) ** 0.5
    assert all(split.part_of(journey, p) == split.part_of(journey, p) for p in people[:50])


def random_nodes(chance):
    """A graph at random, most of which are wrong in some way."""
    ids = [f"n{i}" for i in range(chance.randint(1, 7))]
    nodes = []
    for id in ids:
        to = [chance.choice(ids) for _ in range(2)]
        nodes.append(
            chance.choice(
                [
                    node(id, "wait", duration="1d", next=to[0]),
                    node(id, "goal", filter={}, next=to[0]),
                    node(id, "condition", **{"if": {}, "then": to[0], "else": to[1]}),
                    node(id, "exit"),
                ]
            )
        )
    return nodes


def test_what_is_let_through_never_goes_on_for_ever_at_once():
    chance, whole = random.Random(3), 0
    for _ in range(3_000):
        nodes = random_nodes(chance)
        faults = mistakes(read_nodes(nodes))
        assert bool(faults) == plainly_wrong(nodes), (nodes, faults)
        if not faults:
            whole += 1
            assert Graph.of(nodes).first == nodes[0]["id"]
    assert whole > 100


def plainly_wrong(nodes):
    """Whether some node is never come to, or some walk comes back without having waited."""
    leads = {n["id"]: [n[arm] for arm in ("next", "then", "else") if arm in n] for n in nodes}
    waits = {n["id"] for n in nodes if n["type"] == "wait"}
    seen = set()

    def visit(id, at_once):
        if id in at_once:
            return True
        known = (id, frozenset(at_once))
        if known in seen:
            return False
        seen.add(known)
        after = frozenset() if id in waits else at_once | {id}
        return any(visit(to, after) for to in leads[id])

    rings = any(visit(n["id"], frozenset()) for n in nodes)
    return rings or unreached(nodes, leads)


def unreached(nodes, leads):
    open_, found = [nodes[0]["id"]], {nodes[0]["id"]}
    while open_:
        for to in leads[open_.pop()]:
            if to not in found:
                found.add(to)
                open_.append(to)
    return found != set(leads)
