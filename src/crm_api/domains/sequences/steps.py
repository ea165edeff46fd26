"""What sequences are made of: the steps, and what they may refer to."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from crm_api.domains.activities.models import Priority, TaskKind
from crm_api.kit.automation import Checking, Step
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.schema import Cleaned, Line, Name, Prose, Schema
from crm_api.platform.automations.actions import Branch, Stop
from crm_api.platform.automations.definitions import read_part
from crm_api.platform.automations.timing import Span
from crm_api.platform.automations.walking import Walk

ENTITY = "contact"
ROOTS: Mapping[str, str] = {
    "contact": "contact",
    "company": "company",
    "deal": "deal",
    "sender": "user",
}
"""What placeholders begin with, and the kinds of record that these are."""
PLAIN = frozenset({"now", "today"})
LONGEST = 65_536
_Body = Annotated[str, StringConstraints(min_length=1, max_length=50_000), Cleaned]
_PLACEHOLDERS = 'May hold placeholders: `{{ contact.first_name or "there" }}`.'


class MailVariant(Schema):
    """Another way to say it."""

    subject: Line | None = Field(None, description=_PLACEHOLDERS)
    body: _Body = Field(description=_PLACEHOLDERS)


class Mail(Step):
    """Write to them, by the channel and for the purpose of the sequence.

    It waits for the send window, for limits, and for what the gate of outreach says for now.
    """

    action: Literal["mail"]
    subject: Line | None = Field(None, description=_PLACEHOLDERS)
    body: _Body = Field(description=_PLACEHOLDERS)
    goes_on: bool = Field(
        False, description="Whether it goes on in the conversation of the mail before."
    )
    variants: Annotated[list[MailVariant], Field(max_length=9)] = Field(
        default_factory=list,
        description="Others of which some get one: each alike often, the same for one enrolment.",
    )

    async def check(self, about: Checking) -> None:
        """A subject where it begins a conversation, and placeholders that name something."""
        for at, one in self.ways():
            if one.subject is None and not self.goes_on:
                about.fault(f"{at}/subject", "required", "A mail has a subject.")
            elif one.subject is not None:
                about.text(one.subject, f"{at}/subject")
            about.text(one.body, f"{at}/body")

    def ways(self) -> Sequence[tuple[str, MailVariant]]:
        """All ways to say it, each with where it stands in the step."""
        first = MailVariant(subject=self.subject, body=self.body)
        others = ((f"/variants/{n}", one) for n, one in enumerate(self.variants))
        return [("", first), *others]

    def way_for(self, id: UUID) -> int:
        """Which of them an enrolment gets, by its id."""
        return id.int % (len(self.variants) + 1)


class _Asking(Step):
    """Something for the sender to do."""

    subject: Name = Field(description=_PLACEHOLDERS)
    description: Prose | None = Field(None, description=_PLACEHOLDERS)
    priority: Priority = "normal"
    due_in_days: int = Field(0, ge=0, le=365, description="Of the working calendar.")
    waits: bool = Field(True, description="Whether nothing else is done before it is.")

    async def check(self, about: Checking) -> None:
        """Placeholders that name something."""
        about.text(self.subject, "/subject")
        if self.description is not None:
            about.text(self.description, "/description")


class Call(_Asking):
    """Have the sender call them: a task of the kind `call`."""

    action: Literal["call"]

    @property
    def kind(self) -> TaskKind:
        """What kind of task it makes."""
        return "call"


class Chore(_Asking):
    """Have the sender do something: a task."""

    action: Literal["task"]
    kind: TaskKind = "todo"


class Pause(Step):
    """Go on later."""

    action: Literal["wait"]
    duration: Span = Field(
        description="So long, such as `90m`, `4h` or `2d`, by the clocks of the contact."
    )
    is_working: bool = Field(
        False, description="Whether only days and hours of the working calendar count."
    )

    async def check(self, about: Checking) -> None:
        """Into the future, and of days where these are counted."""
        if self.duration.startswith("-"):
            about.fault("/duration", "negative", "Nobody waits for the past.")
        if self.is_working and self.duration.endswith("w"):
            about.fault("/duration", "not_a_choice", "Working time has minutes, hours and days.")


STEPS: Mapping[str, type[Step]] = {
    "mail": Mail,
    "call": Call,
    "task": Chore,
    "wait": Pause,
    "branch": Branch,
    "stop": Stop,
}


def read_step(source: Mapping[str, Any], at: str = "") -> Step:
    """A step; raises `Invalid` with pointers below `at`."""
    return read_part(STEPS, "action", source, at)


def about_of(tx: Tx, names: frozenset[str] = frozenset()) -> Checking:
    """What a step may refer to."""
    return Checking(tx, ENTITY, names, others=ROOTS, roots=PLAIN)


async def check(
    tx: Tx, steps: Sequence[Mapping[str, Any]], goal: Mapping[str, Any], *, has_channel: bool
) -> None:
    """That a draft is fit to be published, as a whole; raises `Invalid` with every mistake.

    Raises `Forbidden` where it says what whoever publishes may not see.
    """
    if len(encode(list(steps))) > LONGEST:
        raise Invalid.at("/steps", "too_long", f"A sequence has {LONGEST:,} bytes at most.")
    faults = await Walk(read_step, lambda names: about_of(tx, names)).whole(steps)
    if not steps:
        faults.append(Fault("required", "A sequence does something.", pointer="/steps"))
    if goal:
        about = about_of(tx)
        about.condition(goal, "/goal")
        faults += about.faults
    if not has_channel and any(one.get("action") == "mail" for _, one in walked(steps)):
        text = "Mail leaves by a channel."
        faults.append(Fault("required", text, pointer="/channel_id"))
    if faults:
        raise Invalid("The sequence is not fit to run.", faults=faults[:100])


def walked(
    steps: Sequence[Mapping[str, Any]], at: str = "/steps"
) -> list[tuple[str, Mapping[str, Any]]]:
    """Every step with its pointer, in the order in which they stand; what is none is an empty one."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for place, given in enumerate(steps):
        here, one = f"{at}/{place}", _step_in(given)
        found.append((here, one))
        for arm in ("then", "else"):
            if isinstance(one.get(arm), list):
                found += walked(one[arm], f"{here}/{arm}")
    return found


def _step_in(given: Any) -> Mapping[str, Any]:
    known: Any = given
    return known if isinstance(given, Mapping) else {}
