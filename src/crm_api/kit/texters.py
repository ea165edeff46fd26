"""How short messages leave: SMS and messengers, by a gateway that takes them over HTTP.

Where none is set up they go into a directory in development, or nowhere.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crm_api.kit.db.json import encode
from crm_api.kit.errors import Unavailable, WrongState
from crm_api.kit.outbound.client import NotSent, Outbound
from crm_api.kit.outbox import put

_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True)
class ShortMessage:
    """A line for one person."""

    id: str
    """The same for each try, so that gateways recognise a second one."""
    to: str
    text: str


class Texter(Protocol):
    """A way out."""

    async def send(self, message: ShortMessage) -> bool:
        """Hand a message on; False where there is no way. Raises `Unavailable` to try again."""
        ...


class NoTexter:
    """Keeps messages from leaving where no way is set up."""

    async def send(self, message: ShortMessage) -> bool:
        """Nothing."""
        del message
        return False


@dataclass(frozen=True)
class FileTexter:
    """Writes messages as JSON files."""

    directory: Path
    channel: str

    async def send(self, message: ShortMessage) -> bool:
        """A file that its owner alone reads."""
        await put(self.directory, f"{message.id}.{self.channel}.json", encode(message))
        return True


@dataclass(frozen=True)
class HttpTexter:
    """Posts messages to a gateway as `{"id", "to", "text"}`; an `Idempotency-Key` tells repeats."""

    url: str
    token: str | None
    outbound: Outbound

    async def send(self, message: ShortMessage) -> bool:
        """Once the gateway has taken it."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            answer = await self.outbound.ask(
                "POST", self.url, headers=headers, body=encode(message), repeatable=True
            )
        except NotSent as error:
            problem = f"The gateway cannot be asked: {error.cause}."
            raise Unavailable(problem, code="gateway_unavailable") from None
        if 200 <= answer.status < 300:
            return True
        problem = f"The gateway said {answer.status}."
        if answer.status >= 500 or answer.status in _AGAIN:
            raise Unavailable(problem, code="gateway_unavailable")
        raise WrongState(problem, code="message_refused")


def new_texter(
    channel: str, url: str | None, token: str | None, outbox: Path | None, outbound: Outbound
) -> Texter:
    """The way that the settings say."""
    if url is not None:
        return HttpTexter(url, token, outbound)
    return NoTexter() if outbox is None else FileTexter(outbox, channel)
