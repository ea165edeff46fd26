"""Taking one step of a run, in earnest or for a test."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_api.kit.automation import Outcome, Run, Situation, Step
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.platform.automations.definitions import Definition, read_step
from crm_api.platform.automations.flow import Way, after, into, pointer_of, step_at


@dataclass(frozen=True)
class Taken:
    """A step that was taken, and where the run stands after it."""

    step: Step
    place: str
    outcome: Outcome
    then: Way | None

    @property
    def status(self) -> str:
        """How the log calls it."""
        if self.outcome.until is not None:
            return "waiting"
        return "skipped" if self.outcome.skipped else "done"

    @property
    def result(self) -> dict[str, Any]:
        """What the log keeps of it, as plain values."""
        return decode(encode(dict(self.outcome.result)))

    @property
    def results(self) -> Mapping[str, Any]:
        """What later steps may refer to."""
        return {} if self.step.name is None else {self.step.name: self.result}


async def take(
    tx: Tx, run: Run, definition: Definition, way: Way, turn: Callable[[], Awaitable[int]]
) -> Taken:
    """Take the step to which a way leads; raises `CrmError`."""
    steps = definition.steps
    step = read_step(step_at(steps, way))
    with tx.caused_by(run.id):
        outcome = await step.act(Situation(tx, run, turn))
    then = None
    if not outcome.ends:
        then = after(steps, way) if outcome.arm is None else into(steps, way, outcome.arm)
    return Taken(step, pointer_of(way), outcome, then)
