"""A rule as it is written: read by its triggers and steps, and checked as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from crm_api.kit.automation import Checking, Step, Trigger
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.faults import faults_of
from crm_api.platform.automations.walking import Body, Walk, mistakes

LONGEST = 65_536
TRIGGERS: dict[str, type[Trigger]] = {}
STEPS: dict[str, type[Step]] = {}
"""What rules may be made of; the registry fills both."""


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
    return read_part(TRIGGERS, "type", source, "/trigger")


def read_step(source: Body, at: str = "") -> Step:
    """A step; raises `Invalid` with pointers below `at`."""
    return read_part(STEPS, "action", source, at)


def read_part(known: Mapping[str, type[Any]], key: str, source: Body, at: str) -> Any:
    """A part by the shape of its kind; raises `Invalid` with pointers below `at`."""
    given: Any = source
    if not isinstance(given, Mapping):
        # What stands in a branch nobody has looked at before.
        raise Invalid.at(at, "invalid", "It is an object.")
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
    faults += await mistakes(trigger, about, "/trigger")
    # What is about nothing known cannot be looked at any further.
    if not faults:
        if definition.condition:
            about = Checking(tx, trigger.about)
            about.condition(definition.condition, "/condition")
            faults += about.faults
        walk = Walk(read_step, lambda names: Checking(tx, trigger.about, names))
        faults += await walk.whole(definition.steps)
        if not definition.steps:
            faults.append(Fault("required", "A rule does something.", pointer="/steps"))
    if faults:
        raise Invalid("The rule is not fit to run.", faults=faults[:100])
    return trigger


def described() -> dict[str, Any]:
    """Everything that rules may be made of, with the JSON Schema of each."""
    return {
        "triggers": [told_part("type", kind, shape) for kind, shape in sorted(TRIGGERS.items())],
        "actions": [told_part("action", kind, shape) for kind, shape in sorted(STEPS.items())],
    }


def told_part(key: str, kind: str, shape: type[Any]) -> dict[str, Any]:
    """A kind of part with its JSON Schema."""
    return {
        key: kind,
        "description": (shape.__doc__ or "").strip(),
        "schema": shape.model_json_schema(),
    }
