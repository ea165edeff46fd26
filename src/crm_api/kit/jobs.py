"""The functions that do the work which messages name."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.messages import Message


class JobCancelled(Exception):
    """Somebody asked for the end of it."""


class LeaseLost(Exception):
    """Another worker has taken the job over; whatever this one does must not count."""


class Job(Protocol):
    """A running job, as its function sees it."""

    @property
    def id(self) -> UUID:
        """The job's id."""
        ...

    async def hold(self, tx: Tx) -> None:
        """Refuse `tx` to everybody but the lease's holder; raises `LeaseLost`."""
        ...

    async def advance(self, tx: Tx, done: int, total: int | None = None) -> None:
        """Store how far it is within `tx`, and refuse `tx` to everybody but the lease's holder.

        Raises `JobCancelled` when somebody asked for the end, `LeaseLost` when the lease is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job function gets beside its message."""

    database: Database
    actor: Actor
    job: Job
    files_dir: Path

    def tx(self, *, cause_id: UUID | None = None, read_only: bool = False) -> Tx:
        """A new unit of work in the name of whoever asked for the job."""
        return Tx(self.database, self.actor, cause_id=cause_id, read_only=read_only)


Run = Callable[[JobContext, Any], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class Runner:
    """A message type and the function that carries it out."""

    message: type[Message]
    run: Run


@dataclass(frozen=True, slots=True)
class Chore:
    """What a worker does at its start and then once an hour, whoever asks for it.

    Several workers may be at it at once.
    """

    name: str
    run: Callable[[Database, Path], Awaitable[None]]
    """Gets the database and the directory of the files."""


def runs(message: type[Message]) -> Callable[[Run], Runner]:
    """Declare the function that carries a message out.

    It must be safe to run again from the start: a worker may die at any moment, and when its
    lease has run out another one begins.
    """
    return lambda run: Runner(message, run)
