"""How many letters leave: over connections that are kept, each up to its last moment and back.

A letter is begun (everything but the end of its data is sent), and then ended or dropped. Until the
end of its data a server has taken nothing (RFC 5321, 4.1.1.4), so whoever keeps account of what left
writes that down together with it.
"""

import asyncio
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol

from crm_api.kit.composing import composed
from crm_api.kit.errors import Unavailable
from crm_api.kit.mail import Letter
from crm_api.kit.outbox import put
from crm_api.kit.smtp import LetterRefused, Line

_KEPT_LETTERS = 500
"""After so many a connection is made anew: servers end those that go on for ever."""


class Handover(Protocol):
    """A letter of which all but the end was sent."""

    def end(self) -> None:
        """Send its end, at once."""
        ...

    async def taken(self) -> None:
        """Wait for what the server says; raises `LetterRefused`, `NotEnded`, or `Unavailable` where
        no answer came.
        """
        ...

    async def drop(self) -> None:
        """Have it not be sent."""
        ...


class Relay(Protocol):
    """A way out for many letters."""

    async def begin(self, letter: Letter) -> Handover:
        """Send all but its end; raises `LetterRefused`, `Unavailable`."""
        ...

    async def close(self) -> None:
        """End the connections."""
        ...


class NoRelay:
    """Keeps letters from leaving where no way is set up."""

    async def begin(self, letter: Letter) -> Handover:
        """Nothing leaves, and nothing is lost."""
        del letter
        raise Unavailable("There is no mail server.", code="no_way_out")

    async def close(self) -> None:
        """Nothing is kept."""


@dataclass
class _File:
    directory: Path
    name: str
    data: bytes

    def end(self) -> None:
        pass

    async def taken(self) -> None:
        await put(self.directory, self.name, self.data)

    async def drop(self) -> None:
        pass


@dataclass(frozen=True)
class FileRelay:
    """Writes letters as `.eml` files; one that is written twice is one file."""

    directory: Path
    sender: str

    async def begin(self, letter: Letter) -> Handover:
        """What will be a file."""
        data = composed(letter, self.sender)
        return _File(self.directory, f"{letter.id}.eml", data)

    async def close(self) -> None:
        """Nothing is kept."""


class SmtpRelay:
    """Hands letters to a mail server over some connections, each used by one at a time."""

    def __init__(self, url: str, sender: str, connections: int) -> None:
        self._url, self.sender = url, sender
        self._room = asyncio.Semaphore(connections)
        self._idle: list[Line] = []

    async def begin(self, letter: Letter) -> Handover:
        """Over a connection that is free; one that the server has ended meanwhile is replaced."""
        data = composed(letter, self.sender)
        envelope = (parseaddr(letter.sender or self.sender)[1], letter.to, data)
        await self._room.acquire()
        try:
            while self._idle:
                line = self._idle.pop()
                try:
                    await line.begin(*envelope)
                    return _OnLine(self, line)
                except LetterRefused:
                    self._idle.append(line)
                    raise
                except Unavailable:
                    line.end()
            return await self._anew(envelope)
        except BaseException:
            self._room.release()
            raise

    async def _anew(self, envelope: tuple[str, str, bytes]) -> Handover:
        line = await Line.open(self._url)
        try:
            await line.begin(*envelope)
        except LetterRefused:
            self._idle.append(line)
            raise
        except BaseException:
            line.end()
            raise
        return _OnLine(self, line)

    def give_back(self, line: Line, *, is_good: bool) -> None:
        """A connection after a letter."""
        if is_good and line.used < _KEPT_LETTERS:
            self._idle.append(line)
        else:
            line.end()
        self._room.release()

    async def close(self) -> None:
        """End the connections that are free."""
        while self._idle:
            self._idle.pop().end()


@dataclass
class _OnLine:
    relay: SmtpRelay
    line: Line

    def end(self) -> None:
        self.line.finish()

    async def taken(self) -> None:
        is_good = False
        try:
            await self.line.taken()
            is_good = True
        except LetterRefused:
            is_good = True
            raise
        finally:
            self.relay.give_back(self.line, is_good=is_good)

    async def drop(self) -> None:
        # There is no command that takes back data that was begun: only the end of the connection.
        self.relay.give_back(self.line, is_good=False)


def new_relay(smtp_url: str | None, outbox: Path | None, sender: str, connections: int) -> Relay:
    """The way that the settings say."""
    if smtp_url is not None:
        return SmtpRelay(smtp_url, sender, connections)
    return NoRelay() if outbox is None else FileRelay(outbox, sender)
