"""Going on with a run, node by node: each in one transaction with its effect and its log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from crm_api.domains.journeys.definitions import ENTITY, Definition, wait_step
from crm_api.domains.journeys.keeping import Steps
from crm_api.domains.journeys.models import Journey, JourneyRun
from crm_api.domains.journeys.nodes import (
    ActionNode,
    ConditionNode,
    ExitNode,
    GoalNode,
    Node,
    SplitNode,
    WaitNode,
)
from crm_api.domains.journeys.service import RunService
from crm_api.domains.sequences.turns import Turn
from crm_api.kit.automation import Outcome, Run, Situation, condition_of
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.page import passing
from crm_api.platform.automations.definitions import read_step
from crm_api.platform.automations.timing import later

MOST_ROUNDS = 10_000


class JourneyTurn(Turn):
    """A step of a rule, taken with a contact by the clocks of theirs."""

    roots: ClassVar[frozenset[str]] = Turn.roots | Situation.roots

    def __init__(self, tx: Tx, run: JourneyRun) -> None:
        about = Run(run.id, run.journey_id, ENTITY, run.contact_id, results=run.results)
        super().__init__(tx, about, None, deal_id=None, sender_id=None)

        async def turn() -> int:
            # Spread by chance, without a counter at which all runs would meet.
            return run.id.int & 0xFFFFFFFF

        self.turn = turn


class Walker:
    """Goes on with one run, which is locked: whoever else wants to waits or passes it by."""

    def __init__(
        self,
        tx: Tx,
        run: JourneyRun,
        journey: Journey,
        definition: Definition | None,
        now: datetime,
    ) -> None:
        self.tx, self.run, self.journey, self.definition = tx, run, journey, definition
        self.now = now
        """By the clock of the database, as is what is due."""
        self.service = RunService(tx)
        self.steps = Steps(tx)
        self.turn = JourneyTurn(tx, run)

    @property
    def node(self) -> Node:
        """Where they stand; raises `Invalid` where the graph does not fit any more."""
        assert self.definition is not None
        node = self.definition.graph.nodes.get(self.run.node or "")
        if node is None:
            raise Invalid.at("/node", "unknown_node", "There is no such node.")
        return node

    async def go(self) -> None:
        """Have them leave who are to; else end the wait that is over, or take the next node."""
        if await self._leaves():
            return
        if self.journey.status != "active":
            waits = self.run.waiting_for or "journey"
            self.tx.change(self.run, {"next_at": None, "waiting_for": waits})
        elif self.run.waiting_for in {"time", "event"}:
            await self._waited()
        elif self.run.round >= MOST_ROUNDS:
            await self.service.end(self.run, "failed", "endless")
        else:
            with self.tx.caused_by(self.run.id):
                await self._take()

    # Leaving

    async def _leaves(self) -> bool:
        run, journey = self.run, self.journey
        if journey.status == "stopped" or journey.deleted_at is not None:
            await self.service.end(run, "exited", "stopped")
        elif not await self.service.records.is_there(run.contact_id):
            await self.service.end(run, "exited", "removed")
        elif await self.service.records.held_out(journey.campaign_id, [run.contact_id]):
            await self.service.end(run, "exited", "held_out")
        elif (definition := self.definition) is None:
            return False
        elif definition.goal and await self._passes(definition.goal):
            await self.service.end(run, "succeeded")
        else:
            for reason, _, source in definition.leaving():
                if await self._passes(source):
                    await self.service.end(run, "exited", reason)
                    return True
            return False
        return True

    async def _passes(self, source: Mapping[str, Any]) -> bool:
        try:
            filter = condition_of(self.tx, ENTITY, source)
        except Invalid:
            # It names what is no longer there: nobody passes it.
            return False
        records, ids = service_of(self.tx, ENTITY).records, [self.run.contact_id]
        return bool(await passing(self.tx, records.listing, records.sight, ids, filter))

    # Waiting

    async def _waited(self) -> None:
        """Go on where the wait is over; whoever was only looked at waits on."""
        run, node = self.run, self.node
        is_over = run.wakes_at is None or run.wakes_at <= self.now
        arm: str | None = "next" if is_over else None
        if isinstance(node, WaitNode) and node.event is not None:
            since = run.node_since or run.created_at
            has = await self.service.records.has_done(run.contact_id, node.event, since)
            arm = "next" if has else "on_timeout" if is_over else None
        if arm is None:
            self.tx.change(run, {"next_at": run.wakes_at})
            return
        await self.steps.leave(run, "done", arm, {})
        await self._move(node, arm)

    async def _wait(self, what: str, until: datetime, node: Node, result: Any) -> None:
        self.steps.note(self.run, node.type, "waiting", result=result)
        values = {"waiting_for": what, "wakes_at": until, "next_at": until}
        await self.service.change(self.run, values, verb="waiting")

    # Nodes

    async def _take(self) -> None:
        run, node = self.run, self.node
        if isinstance(node, WaitNode):
            await self._begin_wait(node)
        elif isinstance(node, ActionNode):
            await self._act(node)
        elif isinstance(node, ExitNode):
            self.steps.note(run, node.type, "done", result={"reason": node.reason})
            await self.service.end(run, "finished")
        elif isinstance(node, GoalNode):
            arrived = await self._passes(node.filter)
            self.steps.note(run, node.type, "done", arm=None if arrived else "next")
            if arrived:
                await self.service.end(run, "succeeded")
            else:
                await self._move(node, "next")
        else:
            arm = await self._arm(node)
            self.steps.note(run, node.type, "done", arm=arm)
            await self._move(node, arm)

    async def _arm(self, node: Node) -> str:
        if isinstance(node, SplitNode):
            return str(node.part_of(self.run.journey_id, self.run.contact_id))
        assert isinstance(node, ConditionNode)
        return "then" if await self.turn.passes(node.condition) else "else"

    async def _begin_wait(self, node: WaitNode) -> None:
        until = await wait_until(self.turn, node, self.now)
        if node.event is None and until <= self.now:
            self.steps.note(self.run, node.type, "done", arm="next", result=_said(until))
            await self._move(node, "next")
            return
        await self._wait("time" if node.event is None else "event", until, node, _said(until))

    async def _act(self, node: ActionNode) -> None:
        step = read_step(node.step)
        outcome: Outcome = await step.act(self.turn)
        result = decode(encode(dict(outcome.result)))
        if step.name is not None:
            self.tx.change(self.run, {"results": {**self.run.results, step.name: result}})
        if outcome.until is not None and outcome.until > self.now:
            await self._wait("time", outcome.until, node, result)
            return
        how = "skipped" if outcome.skipped else "done"
        self.steps.note(self.run, node.type, how, arm="next", result=result)
        if outcome.ends:
            await self.service.end(self.run, "finished")
        else:
            await self._move(node, "next")

    async def _move(self, node: Node, arm: str) -> None:
        to = next(to for _, name, to in node.ways() if name == arm)
        values = {
            "node": to,
            "node_since": self.tx.now,
            "round": self.run.round + 1,
            "next_at": self.now,
            "wakes_at": None,
            "waiting_for": None,
        }
        told = {"journey_id": self.run.journey_id, "done": node.id, "arm": arm}
        await self.service.change(self.run, values, verb="moved", told=told)


async def wait_until(turn: Turn, node: WaitNode, now: datetime) -> datetime:
    """When a wait that begins now is over at the latest."""
    if node.event is not None:
        return later(now, node.timeout or "0m", await turn.zone())
    if node.duration is not None:
        return await turn.after(node.duration, is_working=node.is_working, now=now)
    return (await wait_step(node).act(turn)).result["until"]


def _said(until: datetime) -> dict[str, Any]:
    return {"until": until.isoformat()}
