"""The functions that do the work which messages name."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.files.store import Files
from crm_api.kit.mail import Mailer, NoMailer
from crm_api.kit.messages import Message
from crm_api.kit.relaying import NoRelay, Relay
from crm_api.kit.texters import Texter


class JobCancelled(Exception):
    """Somebody asked for the end of it; `result` is what was done till then."""

    def __init__(self, result: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.result = result


class LeaseLost(Exception):
    """Another worker has taken the job over; whatever this one does must not count."""


class Job(Protocol):
    """A running job, as its function sees it."""

    @property
    def id(self) -> UUID:
        """The job's id."""
        ...

    @property
    def state(self) -> Mapping[str, Any]:
        """Where the try before this one stood; empty at the first."""
        ...

    async def hold(self, tx: Tx) -> None:
        """Refuse `tx` to everybody but the lease's holder; raises `LeaseLost`."""
        ...

    async def advance(
        self,
        tx: Tx,
        done: int,
        total: int | None = None,
        *,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Store how far it is within `tx`, and refuse `tx` to everybody but the lease's holder.

        `state` is what another try needs to go on from here.
        Raises `JobCancelled` when somebody asked for the end, `LeaseLost` when the lease is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job function gets beside its message."""

    database: Database
    actor: Actor
    job: Job
    files: Files
    mailer: Mailer = field(default_factory=NoMailer)
    pages_url: str | None = None
    """Where the front end has the pages that letters lead to."""
    public_url: str = ""
    """Where others find the service."""
    texters: Mapping[str, Texter] = field(default_factory=dict[str, Texter])
    """How short messages leave, by channel."""

    def tx(self, *, cause_id: UUID | None = None, read_only: bool = False) -> Tx:
        """A new unit of work in the name of whoever asked for the job."""
        return Tx(self.database, self.actor, cause_id=cause_id, read_only=read_only)


Run = Callable[[JobContext, Any], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class Runner:
    """A message type and the function that carries it out."""

    message: type[Message]
    run: Run
    always: bool = False
    """Whether it is run also while its module is disabled."""


@dataclass(frozen=True, slots=True)
class Chore:
    """What one of the workers does from time to time, whoever asks for it.

    Of a worker that dies with it, or is cut off longer than its lease, another one takes it over
    (`platform/jobs/schedules.py`).
    """

    name: str
    run: Callable[[Database, Files], Awaitable[None]]
    """Gets the database and the files."""
    every_s: int = 3_600
    shared: bool = False
    """Whether it works across organizations, by the worker's own role."""


_FORGOTTEN_AT_ONCE = 5_000


def forgetting(*statements: str) -> Callable[[Database, Files], Awaitable[None]]:
    """What removes what is old; each statement removes at most `$1` rows and tells their `number`."""

    async def forget(database: Database, _files: Files) -> None:
        for statement in statements:
            gone = _FORGOTTEN_AT_ONCE
            while gone == _FORGOTTEN_AT_ONCE:
                gone = (await database.ask(statement, _FORGOTTEN_AT_ONCE))[0]["number"]

    return forget


class Watcher(Protocol):
    """Looks whether there is something to do, and does it."""

    async def look(self) -> bool | None:
        """Do what there is; whether there may be more at once, None where there was nothing."""
        ...

    async def close(self) -> None:
        """Give back what was begun; the worker is stopping."""
        ...


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a worker has for those who watch."""

    database: Database
    shared: Database
    """The same with the worker's role, which sees the queues of every organization."""
    wake: Callable[[], None]
    """Have everybody of this worker who hears look again at once."""
    relay: Relay = field(default_factory=NoRelay)
    """How many letters leave."""
    public_url: str = ""
    """Where others find the service."""
    again: Callable[[], None] = lambda: None
    """Have this one look again at once, and nobody else."""


UNHURRIED_S = 0.25
"""The pause of watchers that nobody waits for."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What each worker looks after all the time: when something happened, and thrice a second."""

    name: str
    begin: Callable[[Workplace], Watcher]
    hears: bool = True
    """Whether it looks when something happened; what only waits for its time need not."""
    is_urgent: bool = False
    """Whether every millisecond counts: it looks away but for a moment, whatever it found."""
    pause_s: float = 0.0
    """Between two looks at least, unless there is more at once. Where nobody waits for it, what
    comes in meanwhile is taken up together instead of one by one."""


def runs(message: type[Message], *, always: bool = False) -> Callable[[Run], Runner]:
    """Declare the function that carries a message out; `always`, whatever is switched off.

    It must be safe to run again from the start: a worker may die at any moment, and when its
    lease has run out another one begins.
    """
    return lambda run: Runner(message, run, always)
