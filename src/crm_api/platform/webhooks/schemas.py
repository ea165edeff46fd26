"""What webhooks look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.kit.outbound.urls import web_address
from crm_api.kit.schema import Create, Instant, Out, Prose, Schema, Shape, Unique, patch_of
from crm_api.platform.webhooks.models import DeliveryStatus, Payload, Status
from crm_api.platform.webhooks.signing import is_reserved

Topic = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]{0,63}\.([a-z_]{1,40}|\*))$")]
FieldPath = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
DisabledReason = Literal["switched_off", "gone", "failing", "filter_outdated", "rights_lost"]
ErrorCode = Literal[
    "dns_failed",
    "blocked_address",
    "connect_failed",
    "connect_timeout",
    "tls_failed",
    "timeout",
    "protocol_error",
    "http_status",
    "redirect",
    "aborted",
    "disabled",
    "unreadable_secret",
    "interrupted",
    "event_gone",
    "not_made",
    "module_disabled",
]


def _headers(headers: dict[str, str]) -> dict[str, str]:
    found = {name.lower(): value for name, value in headers.items()}
    for name in found:
        if is_reserved(name):
            raise ValueError(f"the header {name} is not yours to set")
    return found


Address = Annotated[
    str, StringConstraints(min_length=8, max_length=2000), AfterValidator(web_address)
]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
HeaderValue = Annotated[
    str, StringConstraints(pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,4094}[\x21-\x7e])?$")
]


class WebhookCreate(Create):
    """A new endpoint; the answer holds its secret this once."""

    url: Address = Field(examples=["https://example.com/hooks/crm"])
    topics: Annotated[list[Topic], Field(min_length=1, max_length=100), Unique] = Field(
        description="`contact.created`, `contact.*` or `*`; `GET /v1/event-types` lists them.",
        examples=[["contact.*", "company.updated"]],
    )
    description: Prose | None = None
    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="The filter language, over the records of the events as they are when the "
        "event is taken up; the topics are then of one kind of record.",
        examples=[{"lifecycle": {"eq": "customer"}}],
    )
    fields: Annotated[list[FieldPath], Field(max_length=100), Unique] = Field(
        default_factory=list,
        description="Only these of `data` and `previous`; all of them, when it is empty.",
    )
    payload: Payload = Field(
        "full", description="`thin` leaves `data` and `previous` out: the receiver asks for them."
    )
    status: Status = Field(
        "enabled",
        description="Nothing is sent while it is disabled, and what waited is cancelled; enabled "
        "again, it begins with what happens from then on. A replay sends what it has missed.",
    )
    in_order: bool = Field(
        False,
        description="Whether the events of a record wait for one another. Without it, `version` "
        "tells what is newer.",
    )
    concurrency: Annotated[int, Field(ge=1, le=50)] = Field(
        5, description="Most requests at a time."
    )
    rate: Annotated[int, Field(ge=1, le=100)] = Field(20, description="Most requests per second.")
    headers: Annotated[
        dict[HeaderName, HeaderValue], Field(max_length=20), AfterValidator(_headers)
    ] = Field(
        default_factory=dict,
        description="Sent with each request, such as `Authorization`. Never shown again; in a "
        "patch they take the place of all former ones.",
    )


WebhookUpdate = patch_of(
    "WebhookUpdate",
    WebhookCreate,
    required=("filter", "payload", "status", "in_order", "concurrency", "rate", "headers"),
)


class WebhookOut(Out):
    """Where events are sent, and which."""

    url: str
    description: str | None
    topics: list[str]
    filter: dict[str, Any]
    fields: list[str]
    payload: Payload
    status: Status
    disabled_reason: DisabledReason | None = Field(
        description="`gone`: it answered 410. `failing`: nothing has reached it for five days. "
        "`rights_lost`: whoever set it up last may not read the feed any more."
    )
    in_order: bool
    concurrency: int
    rate: int
    header_names: list[str] = Field(description="The names of its headers.")


class WebhookMade(WebhookOut):
    """A new endpoint with its secret."""

    secret: str = Field(description="What its signatures are checked with; shown this once.")


class SecretRotation(Schema):
    """How long the former secret goes on signing beside the new one."""

    grace_period_seconds: Annotated[int, Field(ge=0, le=604_800)] = 86_400


class WebhookSecret(Shape):
    """A new secret."""

    secret: str = Field(description="Shown this once.")


class WebhookTest(Schema):
    """What to send for a test."""

    type: Topic = Field("contact.created", description="The event whose example is sent.")


class Replay(Schema):
    """Which of the events that have happened are sent again, or at last."""

    since: Instant
    until: Instant | None = Field(None, description="Until now, if it is left out.")
    types: Annotated[list[Topic], Field(max_length=100), Unique] = Field(
        default_factory=list, description="Of the endpoint's topics only these."
    )
    only: Literal["all", "failed"] = Field(
        "all",
        description="`failed`: what was given up or cancelled, and nothing that was received.",
    )


class ReplayStarted(Shape):
    """The job that sends again."""

    job_id: UUID


class WebhookAttemptOut(Shape):
    """One try to deliver."""

    number: int
    started_at: datetime
    latency_ms: int
    status: int | None = Field(description="The HTTP status; null where there was no answer.")
    error: ErrorCode | None
    answer: str = Field(description="The first kilobyte of the answer.")


class WebhookDeliveryOut(Shape):
    """One event for one endpoint."""

    id: UUID
    webhook_id: UUID
    event_id: UUID = Field(description="The `webhook-id` of every request for it.")
    type: str
    record_id: UUID
    is_test: bool
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None = Field(description="Set while it waits.")
    last_status: int | None
    last_error: ErrorCode | None
    created_at: datetime
    finished_at: datetime | None


class WebhookDeliveryDetail(WebhookDeliveryOut):
    """One event for one endpoint, with every attempt."""

    log: list[WebhookAttemptOut] = Field(description="Every attempt, the first one first.")


class WebhookDeliveryPage(Shape):
    """A page of deliveries, newest first."""

    data: list[WebhookDeliveryOut]
    next_cursor: str | None


class WebhookHealth(Shape):
    """How an endpoint fares."""

    waiting: int = Field(description="Deliveries that wait for an attempt.")
    oldest_waiting_at: datetime | None
    sending: int
    succeeded_24h: int
    failed_24h: int
    latency_p50_ms: int | None = Field(description="Of the attempts of the last 24 hours.")
    latency_p95_ms: int | None
    failing_since: datetime | None
    last_success_at: datetime | None


class SentOut(Shape):
    """What came of attempts in a time, to five minutes."""

    attempts: int
    succeeded: int
    failed: int
    success_share: float | None = Field(description="Null where there was no attempt.")
    latency_p50_ms: int | None = Field(description="To about a fifth.")
    latency_p95_ms: int | None


class EndpointStanding(Shape):
    """How an endpoint fares."""

    webhook_id: UUID
    status: Status
    waiting: int = Field(description="Deliveries that wait for an attempt; counted up to 10,000.")
    sending: int
    oldest_due_at: datetime | None
    lag_s: float = Field(description="How long the oldest that is due waits.")
    failing_since: datetime | None
    last_success_at: datetime | None
    last_hour: SentOut
    last_day: SentOut


class WebhooksStanding(Shape):
    """How far the webhooks are behind the feed, and how often they are reached."""

    oldest_event_at: datetime | None = Field(
        description="The oldest event that an enabled endpoint has not taken up."
    )
    lag_s: float = Field(description="How long that waits.")
    endpoints: list[EndpointStanding]


class EventType(Shape):
    """A kind of event."""

    type: str = Field(examples=["contact.updated"])
    entity: str
    description: str
    schema_: dict[str, Any] = Field(alias="schema", description="JSON Schema 2020-12 of the body.")


class EventTypeList(Shape):
    """Every kind of event."""

    data: list[EventType]
