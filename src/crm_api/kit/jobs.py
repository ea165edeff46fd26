"""Messages that name work to be done, and the functions that do it."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database


@dataclass(frozen=True, slots=True)
class Message:
    """The base of every job: a frozen dataclass of plain values, in the imperative."""

    kind: ClassVar[str]
    max_attempts: ClassVar[int] = 5

    def args(self) -> dict[str, Any]:
        """The values that are stored with the job."""
        return asdict(self)


class Progress(Protocol):
    """What a running job may say."""

    @property
    def id(self) -> UUID:
        """The job's id, which is also the cause of the events it makes."""
        ...

    @property
    def lease(self) -> UUID:
        """The fencing token: a write under a lost lease must not count."""
        ...

    async def progress(self, done: int, total: int | None) -> None:
        """Store how far it is and keep the lease; raises `JobCancelled` or `LeaseLost`."""
        ...


class JobCancelled(Exception):
    """Somebody asked for the end of it."""


class LeaseLost(Exception):
    """Another worker has taken the job over; whatever this one does must not count."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job function gets beside its message."""

    database: Database
    actor: Actor
    job: Progress
    services: Any


Run = Callable[[JobContext, Any], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class Runner:
    """A message type, the function that carries it out, and its lease."""

    message: type[Message]
    run: Run
    lease_s: int


def runs(message: type[Message], *, lease_s: int = 60) -> Callable[[Run], Runner]:
    """Declare the function that carries a message out.

    It must be safe to run again from the start: a worker may die at any moment, and after
    `lease_s` seconds without progress another one begins.
    """
    return lambda run: Runner(message, run, lease_s)
