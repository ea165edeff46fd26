"""What journeys and their runs look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.journeys.models import (
    BegunBy,
    JourneyStatus,
    LeaveReason,
    NodeOutcome,
    RunStatus,
    WaitingFor,
)
from crm_api.domains.journeys.nodes import MOST_NODES, NodeId
from crm_api.domains.segments.schemas import EventName
from crm_api.kit.schema import (
    Create,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Storable,
    Tags,
    patch_of,
)
from crm_api.platform.outreach.schemas import Purpose

MOST_AT_ONCE = 1_000
LARGEST_SAMPLE = 1_000
JourneyVerb = Literal["publish", "pause", "resume", "stop"]
RunVerb = Literal["pause", "resume", "remove", "migrate"]
EntryType = Literal["manual", "segment", "event", "filter", "feed"]
ReEntryMode = Literal["never", "after", "always"]
_NEEDS = {"segment": "segment_id", "event": "event", "filter": "filter", "feed": "topics"}
_FILTER = "The filter language over contacts."
_Filter = Annotated[dict[str, Any], Storable]
_Topic = Annotated[str, Field(pattern=r"^[a-z_]+\.([a-z_]+|\*)$", max_length=100)]


class JourneyEntry(Schema):
    """Who enters by themselves; by hand and by the API anybody can."""

    type: EntryType = Field(
        "manual",
        description="`segment`: who enters it; `event`: who does what is tracked; `filter`: who "
        "passes it once they are made or changed; `feed`: whom an event of the feed is about.",
    )
    segment_id: UUID | None = None
    event: EventName | None = None
    filter: _Filter | None = Field(
        None, description=_FILTER + " Beside any other type it says who of them enters."
    )
    topics: Annotated[list[_Topic], Field(min_length=1, max_length=20)] | None = Field(
        None,
        description="Kinds of events whose record is a contact, or has a `contact_id`.",
        examples=[["lead.converted"]],
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for type_, name in _NEEDS.items():
            if self.type == type_ and not getattr(self, name):
                raise ValueError(f"an entry by {type_} has {name}")
            if self.type != type_ and name != "filter" and getattr(self, name) is not None:
                raise ValueError(f"{name} goes with the type {type_}")
        return self


class ReEntry(Schema):
    """Whether somebody enters again; never while they are in it."""

    mode: ReEntryMode = "never"
    days: Annotated[int, Field(ge=1, le=3_650)] | None = Field(
        None, description="Of `after`: so long after they were through."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.mode == "after") != (self.days is not None):
            raise ValueError("days go with the mode after")
        return self


class JourneyExits(Schema):
    """Who leaves, wherever they are; looked at before each node and when they change."""

    filter: _Filter | None = Field(None, description=_FILTER)
    left_segment: bool = Field(False, description="Whoever is in the segment of the entry no more.")
    unsubscribed_from: Purpose | None = Field(
        None, description="Whoever has withdrawn or denied consent to mail for this purpose."
    )


class JourneyEntryOut(Shape):
    """Who enters by themselves."""

    type: EntryType
    segment_id: UUID | None
    event: str | None
    filter: dict[str, Any] | None
    topics: list[str] | None


class ReEntryOut(Shape):
    """Whether somebody enters again."""

    mode: ReEntryMode
    days: int | None


class JourneyExitsOut(Shape):
    """Who leaves, wherever they are."""

    filter: dict[str, Any] | None
    left_segment: bool
    unsubscribed_from: str | None


class _JourneyFields(Create):
    name: Name = Field(examples=["Welcome"])
    description: Prose | None = None
    campaign_id: UUID | None = Field(
        None,
        description="The campaign that it is a part of: whoever is held out by that, or by one above "
        "it, does not enter, and leaves (`held_out`) where they are in it.",
    )
    entry: JourneyEntry = Field(default_factory=lambda: JourneyEntry.model_validate({}))
    re_entry: ReEntry = Field(default_factory=lambda: ReEntry.model_validate({}))
    goal: _Filter = Field(
        default_factory=dict,
        description="A filter over contacts: whoever passes it leaves as a success.",
        examples=[{"lifecycle": {"eq": "customer"}}],
    )
    exits: JourneyExits = Field(default_factory=lambda: JourneyExits.model_validate({}))
    nodes: Annotated[list[dict[str, Any]], Field(max_length=MOST_NODES), Storable] = Field(
        default_factory=list,
        description="Each with an `id` and by its `type`: `wait`, `condition`, `split`, `action`, "
        "`goal`, `exit`; the first one is where people enter. `GET /v1/journeys/vocabulary` "
        "describes each. They are checked as a whole when they are published.",
        examples=[[{"id": "end", "type": "exit"}]],
    )
    tags: Tags = Field(default_factory=list)


class JourneyCreate(_JourneyFields):
    """A new journey, which is a draft until it is published."""


JourneyUpdate = patch_of(
    "JourneyUpdate", _JourneyFields, required=("entry", "re_entry", "goal", "exits")
)


class JourneyOut(Out):
    """A graph that people go through: its draft, and how the published version stands."""

    name: str
    description: str | None
    campaign_id: UUID | None
    status: JourneyStatus
    entry: JourneyEntryOut
    re_entry: ReEntryOut
    goal: dict[str, Any]
    exits: JourneyExitsOut
    nodes: list[dict[str, Any]]
    published_version: int | None
    tags: list[str]


class JourneyVersionOut(Shape):
    """What was published; never changed."""

    number: int
    definition: dict[str, Any] = Field(description="Entry, re-entry, goal, exits and nodes.")
    published_at: datetime
    published_by: UUID | None


class JourneyVersions(Shape):
    """Every version, the newest first."""

    data: list[JourneyVersionOut]


class JourneyVocabulary(Shape):
    """What journeys are made of."""

    nodes: list[dict[str, Any]] = Field(description="Each with its JSON Schema.")
    actions: list[dict[str, Any]] = Field(description="The steps of action nodes.")


class JourneyRunCreate(Create):
    """Somebody who is to go through a journey."""

    journey_id: UUID
    contact_id: UUID
    note: Prose | None = Field(None, description="Why they enter.")


class _RunKept(Create):
    note: Prose | None = None


JourneyRunUpdate = patch_of("JourneyRunUpdate", _RunKept)


class JourneyRunOut(Out):
    """Somebody who goes through a journey, and where they stand in it."""

    journey_id: UUID
    contact_id: UUID
    note: str | None
    begun_by: BegunBy = Field(description="What had them enter.")
    status: RunStatus
    leave_reason: LeaveReason | None
    leave_detail: str | None
    journey_version: int | None = Field(
        description="The version that they go through; null till the journey is published."
    )
    node: str | None = Field(description="The one that is next, or at which they wait.")
    node_since: datetime | None
    round: int = Field(description="How many nodes they went through.")
    next_at: datetime | None
    wakes_at: datetime | None = Field(description="When their wait is over at the latest.")
    waiting_for: WaitingFor | None
    ended_at: datetime | None


class RunReasonInput(Schema):
    """Why somebody goes."""

    reason: Line | None = None


class RunMigration(Schema):
    """With which version somebody goes on, and where."""

    number: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="The version; the newest one without it."
    )
    node: NodeId | None = Field(
        None, description="Where they go on; without it the node of the same id."
    )


class JourneyStepOut(Shape):
    """A node that somebody went through."""

    id: UUID
    version: int
    round: int
    node: str
    type: str
    outcome: NodeOutcome
    arm: str | None = Field(description="The way that they took out of it.")
    result: dict[str, Any]
    entered_at: datetime
    left_at: datetime | None


class JourneySteps(Shape):
    """What somebody went through, in order."""

    data: list[JourneyStepOut]


class Entering(Schema):
    """Those who are to enter: some, or all that pass a filter."""

    contact_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = None
    filter: _Filter | None = Field(
        None,
        description=_FILTER
        + " The next thousand that pass it, never were in the journey and are not held "
        "out by its campaign, or by one above that.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.contact_ids is None) == (self.filter is None):
            raise ValueError("say contacts or a filter")
        return self


class Entered(Shape):
    """How many entered."""

    entered: int
    refused: int = Field(
        description="Who are in it, may not enter again, are held out by its campaign or by one above "
        "that, or are not there."
    )
    more: bool = Field(description="Of a filter: whether there are more, for another call.")


class JourneySimulation(Schema):
    """Whose path is looked at: one contact's, or those of a sample of who passes a filter."""

    contact_id: UUID | None = None
    filter: _Filter | None = Field(None, description=_FILTER, examples=[{"segment": "…"}])
    sample: Annotated[int, Field(ge=1, le=LARGEST_SAMPLE)] = 100
    number: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="A version; the draft without it."
    )
    events: Literal["happen", "fail"] = Field(
        "fail", description="Whether events that are waited for come at once, or never."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.contact_id is None) == (self.filter is None):
            raise ValueError("say a contact or a filter")
        return self


class SimulatedStep(Shape):
    """A node that would be gone through."""

    node: str
    type: str
    at: datetime
    arm: str | None = Field(description="The way out of it.")


class SimulatedNode(Shape):
    """How many of the sample would come to a node."""

    node: str
    type: str
    reached: int


class SimulatedEnd(Shape):
    """How many of the sample would end so."""

    end: str = Field(
        description="`finished`, `succeeded`, `under_way`, or why they would leave; `held_out` of whom "
        "its campaign, or one above that, does not let enter."
    )
    count: int


class JourneySimulated(Shape):
    """What would happen from now on, as the contacts are now; nothing of it has."""

    people: int
    path: list[SimulatedStep] = Field(description="Of one contact; of a sample it is empty.")
    nodes: list[SimulatedNode]
    ends: list[SimulatedEnd]


class NodeResult(Shape):
    """How a node of a version fares."""

    version: int
    node: str
    type: str
    entered: int
    here: int = Field(description="How many are there now.")
    skipped: int
    failed: int
    succeeded: int = Field(description="How many who came here were a success in the end.")
    conversion: str | None = Field(description="Successes by those who came, to 4 places.")


class JourneyResults(Shape):
    """How a journey fares: all runs, whoever asks."""

    entered: int
    active: int
    paused: int
    succeeded: int
    finished: int
    exited: int
    failed: int
    conversion: str | None = Field(description="Successes by those who are through, to 4 places.")
    nodes: list[NodeResult]
