"""A rule as it is written: read by its triggers and steps, and checked as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from crm_api.kit.automation import Checking, Step, Trigger, moved
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Forbidden, Invalid
from crm_api.kit.faults import faults_of

MOST_STEPS = 50
MOST_LEVELS = 5
LONGEST = 65_536
TRIGGERS: dict[str, type[Trigger]] = {}
STEPS: dict[str, type[Step]] = {}
"""What rules may be made of; the registry fills both."""
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Definition:
    """A draft, or a version that was published."""

    trigger: Body
    condition: Body
    steps: Sequence[Body]

    @classmethod
    def of(cls, row: Any) -> "Definition":
        """That of a rule or of a version."""
        return cls(row.trigger, row.condition, row.steps)

    def begins(self) -> Trigger:
        """What begins its runs; raises `Invalid`."""
        return read_trigger(self.trigger)


def read_trigger(source: Body) -> Trigger:
    """A trigger; raises `Invalid` with pointers below `/trigger`."""
    return _read(TRIGGERS, "type", source, "/trigger")


def read_step(source: Body, at: str = "") -> Step:
    """A step; raises `Invalid` with pointers below `at`."""
    return _read(STEPS, "action", source, at)


def _read(known: Mapping[str, type[Any]], key: str, source: Body, at: str) -> Any:
    kind = source.get(key)
    shape = known.get(kind) if isinstance(kind, str) else None
    if shape is None:
        message = f"There are: {', '.join(sorted(known))}."
        code = "required" if kind is None else "not_a_choice"
        raise Invalid.at(f"{at}/{key}", code, message)
    try:
        return shape.model_validate(dict(source))
    except ValidationError as error:
        faults = faults_of(error.errors(include_url=False))
        raise Invalid("It is not well formed.", faults=faults).under(at) from None


async def check(tx: Tx, definition: Definition) -> Trigger:
    """That a rule is fit to be published, as a whole; raises `Invalid` with every mistake.

    Raises `Forbidden` where whoever publishes may not do what it would do for them.
    """
    faults: list[Fault] = []
    if len(encode([definition.trigger, definition.condition, definition.steps])) > LONGEST:
        raise Invalid.at("/steps", "too_long", f"A rule has {LONGEST:,} bytes at most.")
    try:
        trigger = definition.begins()
    except Invalid as error:
        raise Invalid("The rule is not fit to run.", faults=error.faults) from None
    about = Checking(tx, trigger.about)
    faults += await _found(trigger, about, "/trigger")
    # What is about nothing known cannot be looked at any further.
    if not faults:
        if definition.condition:
            about = Checking(tx, trigger.about)
            about.condition(definition.condition, "/condition")
            faults += about.faults
        walk = _Walk(tx, trigger.about)
        await walk.all(definition.steps, "/steps", 1)
        faults += walk.faults
        if not definition.steps:
            faults.append(Fault("required", "A rule does something.", pointer="/steps"))
        if walk.number > MOST_STEPS:
            text = f"At most {MOST_STEPS} steps."
            faults.append(Fault("too_many", text, pointer="/steps"))
    if faults:
        raise Invalid("The rule is not fit to run.", faults=faults[:100])
    return trigger


async def _found(part: Trigger | Step, about: Checking, at: str) -> list[Fault]:
    """What is wrong with a part, with pointers into the rule."""
    try:
        await part.check(about)
    except Invalid as error:
        about.faults += moved(error, "", "")
    except Forbidden as error:
        raise error.under(at) from None
    return [replace(fault, pointer=at + (fault.pointer or "")) for fault in about.faults]


class _Walk:
    """Through every step, in the order in which they stand."""

    def __init__(self, tx: Tx, entity: str | None) -> None:
        self.tx, self.entity = tx, entity
        self.faults: list[Fault] = []
        self.names: set[str] = set()
        self.number = 0

    async def all(self, steps: Sequence[Any], at: str, level: int) -> bool:
        """Whether nothing comes after these steps."""
        if level > MOST_LEVELS:
            self._fault(at, "too_deep", f"At most {MOST_LEVELS} branches in each other.")
            return False
        ended = False
        for place, source in enumerate(steps):
            here = f"{at}/{place}"
            if ended:
                self._fault(here, "unreachable", "Nothing leads here.")
                return True
            ended = await self._one(source, here, level)
        return ended

    async def _one(self, source: Any, at: str, level: int) -> bool:
        self.number += 1
        try:
            step = read_step(source, at)
        except Invalid as error:
            self.faults += error.faults
            return False
        self.faults += await _found(step, Checking(self.tx, self.entity, frozenset(self.names)), at)
        if step.name is not None:
            if step.name in self.names:
                self._fault(f"{at}/name", "repeated_name", "Another step has this name.")
            self.names.add(step.name)
        ends = [
            await self.all(source.get(arm) or [], f"{at}/{arm}", level + 1) for arm in step.arms
        ]
        return step.action == "stop" or (bool(ends) and all(ends))

    def _fault(self, at: str, code: str, message: str) -> None:
        self.faults.append(Fault(code, message, pointer=at))


def described() -> dict[str, Any]:
    """Everything that rules may be made of, with the JSON Schema of each."""
    return {
        "triggers": [_told("type", kind, shape) for kind, shape in sorted(TRIGGERS.items())],
        "actions": [_told("action", kind, shape) for kind, shape in sorted(STEPS.items())],
    }


def _told(key: str, kind: str, shape: type[Any]) -> dict[str, Any]:
    return {
        key: kind,
        "description": (shape.__doc__ or "").strip(),
        "schema": shape.model_json_schema(),
    }
