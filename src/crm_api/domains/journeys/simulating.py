"""What would happen to somebody from now on: the walk of the stepper, without its effects."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from crm_api.domains.contacts.service import ContactService
from crm_api.domains.journeys.definitions import ENTITY, Definition, check
from crm_api.domains.journeys.models import JourneyRun
from crm_api.domains.journeys.nodes import (
    ConditionNode,
    ExitNode,
    GoalNode,
    Node,
    SplitNode,
    WaitNode,
)
from crm_api.domains.journeys.repository import JourneyRuns, Journeys
from crm_api.domains.journeys.schemas import JourneySimulation
from crm_api.domains.journeys.service import JourneyService
from crm_api.domains.journeys.stepping import JourneyTurn, wait_until
from crm_api.kit.automation import condition_of
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.query.page import PageQuery, passing
from crm_api.kit.query.selection import Selection

MOST_STEPS = 200


class Simulation:
    """A version, and some contacts as they are now: who passes which filter is asked once."""

    def __init__(
        self, tx: Tx, journey_id: UUID, definition: Definition, ids: Sequence[UUID]
    ) -> None:
        self.tx, self.journey_id, self.definition, self.ids = tx, journey_id, definition, ids
        self._held_out: set[UUID] = set()
        self._passed: dict[str, set[UUID]] = {}
        self.events = "fail"

    async def learn(self) -> None:
        """Ask who is held out, and who passes the filters."""
        campaign_id = await Journeys(self.tx).campaign_of(self.journey_id)
        self._held_out = await JourneyRuns(self.tx).held_out(campaign_id, self.ids)
        definition = self.definition
        filters = {reason: source for reason, _, source in definition.leaving()}
        if definition.goal:
            filters["goal"] = dict(definition.goal)
        for node in definition.graph.nodes.values():
            if isinstance(node, ConditionNode):
                filters[f"node:{node.id}"] = node.condition
            elif isinstance(node, GoalNode):
                filters[f"node:{node.id}"] = node.filter
        records = service_of(self.tx, ENTITY).records
        for key, source in filters.items():
            filter = condition_of(self.tx, ENTITY, source)
            found = await passing(self.tx, records.listing, records.sight, list(self.ids), filter)
            self._passed[key] = found

    async def walk(self, id: UUID) -> tuple[list[dict[str, Any]], str]:
        """Where somebody would come when, and how it would end."""
        path, at = list[dict[str, Any]](), self.tx.now
        if (end := self._leaves(id)) is not None:
            return path, end
        run = JourneyRun(id=uuid4(), journey_id=self.journey_id, contact_id=id, results={})
        turn = JourneyTurn(self.tx, run)
        nodes = self.definition.graph.nodes
        node = nodes[self.definition.graph.first]
        while len(path) < MOST_STEPS:
            step = {"node": node.id, "type": node.type, "at": at, "arm": None}
            path.append(step)
            arm, at = await self._way(turn, node, id, at)
            if arm is None:
                return path, "finished" if isinstance(node, ExitNode) else "succeeded"
            step["arm"] = arm
            node = nodes[next(to for _, name, to in node.ways() if name == arm)]
        return path, "under_way"

    def _leaves(self, id: UUID) -> str | None:
        if id in self._held_out:
            return "held_out"
        if id in self._passed.get("goal", ()):
            return "succeeded"
        reasons = (reason for reason, _, _ in self.definition.leaving())
        return next((reason for reason in reasons if id in self._passed[reason]), None)

    async def _way(
        self, turn: JourneyTurn, node: Node, id: UUID, at: datetime
    ) -> tuple[str | None, datetime]:
        """The way out of a node, and when; None where it ends."""
        passes = id in self._passed.get(f"node:{node.id}", ())
        if isinstance(node, WaitNode):
            if node.event is not None and self.events == "happen":
                return "next", at
            try:
                until = await wait_until(turn, node, at)
            except Invalid:
                # What it waits for has no value: the run would fail here, and says so there.
                return "next", at
            return "on_timeout" if node.event is not None else "next", max(at, until)
        if isinstance(node, SplitNode):
            return str(node.part_of(self.journey_id, id)), at
        if isinstance(node, ConditionNode):
            return "then" if passes else "else", at
        if isinstance(node, ExitNode) or (isinstance(node, GoalNode) and passes):
            return None, at
        return "next", at


async def simulate(tx: Tx, id: UUID, data: JourneySimulation) -> dict[str, Any]:
    """The path of a contact, or those of a sample."""
    journeys = JourneyService(tx)
    await journeys.get(id)
    if data.number is None:
        definition = Definition(await journeys.records.draft(id))
    else:
        try:
            definition = Definition(await journeys.records.definition(id, data.number))
        except NotFound:
            message = f"There is no version {data.number}."
            raise Invalid.at("/number", "unknown_reference", message) from None
    await check(tx, definition)
    ids = await _people(tx, data)
    simulation = Simulation(tx, id, definition, ids)
    simulation.events = data.events
    await simulation.learn()
    reached, ends = Counter[str](), Counter[str]()
    path: Sequence[Mapping[str, Any]] = ()
    for one in ids:
        path, end = await simulation.walk(one)
        reached.update({step["node"] for step in path})
        ends[end] += 1
    return {
        "people": len(ids),
        "path": path if data.contact_id is not None else [],
        "nodes": [
            {"node": node.id, "type": node.type, "reached": reached[node.id]}
            for node in definition.graph.nodes.values()
        ],
        "ends": [{"end": end, "count": count} for end, count in sorted(ends.items())],
    }


async def _people(tx: Tx, data: JourneySimulation) -> list[UUID]:
    contacts = ContactService(tx)
    if data.contact_id is not None:
        contacts.need("read")
        if data.contact_id not in await contacts.many([data.contact_id]):
            message = "There is no such contact."
            raise Invalid.at("/contact_id", "unknown_reference", message)
        return [data.contact_id]
    filter = condition_of(tx, ENTITY, data.filter)
    query = PageQuery(Selection(("id",)), filter, sort="id", limit=data.sample)
    return [row.id for row in (await contacts.page(query)).data]
