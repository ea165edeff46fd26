"""How many letters leave: over connections that are kept, each up to its last moment and back.

A letter is begun (everything but the end of its data is sent), and then ended or dropped. Until the
end of its data a server has taken nothing (RFC 5321, 4.1.1.4), so whoever keeps account of what left
writes that down together with it.
"""

import asyncio
import re
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

import aiosmtplib

from crm_api.kit.composing import composed
from crm_api.kit.errors import Unavailable, WrongState
from crm_api.kit.mail import PORTS, Letter
from crm_api.kit.outbox import put

_TIMEOUT_S = 15.0
_WRITTEN_WITHIN_S = 60.0
_ANSWERED_WITHIN_S = 120.0
_TAKEN = 250
_KEPT_LETTERS = 500
"""After so many a connection is made anew: servers end those that go on for ever."""
_DOT = re.compile(rb"^\.", re.MULTILINE)
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


class LetterRefused(WrongState):
    """A server will not take a letter, now (4xx) or at all (5xx)."""

    def __init__(self, reply: int, said: str, *, is_of_recipient: bool) -> None:
        super().__init__(f"The mail server said {reply}.", code="letter_refused")
        self.reply, self.said = reply, " ".join(said.split())[:300]
        self.is_of_recipient = is_of_recipient

    @property
    def is_lasting(self) -> bool:
        """Whether another try would come to nothing."""
        return self.reply >= 500

    @property
    def is_unknown_address(self) -> bool:
        """Whether it is the address that there is not, and not a rule of the server."""
        if not (self.is_lasting and self.is_of_recipient):
            return False
        found = _ENHANCED.match(self.said)
        return found[1].startswith("5.1.") if found else self.reply in {550, 551, 553}


class NotEnded(Unavailable):
    """The end of a letter was not sent, so the server has not taken it."""


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
        self._idle: list[_Line] = []

    async def begin(self, letter: Letter) -> Handover:
        """Over a connection that is free; one that the server has ended meanwhile is replaced."""
        data = _DOT.sub(b"..", composed(letter, self.sender))
        if not data.endswith(b"\r\n"):
            data += b"\r\n"
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
        line = await _Line.open(self._url)
        try:
            await line.begin(*envelope)
        except LetterRefused:
            self._idle.append(line)
            raise
        except BaseException:
            line.end()
            raise
        return _OnLine(self, line)

    def give_back(self, line: "_Line", *, is_good: bool) -> None:
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


class _Line:
    """A connection to a mail server."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client, self.used = client, 0
        self._answer: asyncio.Future[aiosmtplib.SMTPResponse] | None = None
        self._is_ended = False

    @classmethod
    async def open(cls, url: str) -> "_Line":
        parts = urlsplit(url)
        is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        client = aiosmtplib.SMTP(
            hostname=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            use_tls=parts.scheme == "smtps",
            start_tls=False if parts.scheme == "smtps" else None if is_local else True,
            timeout=_TIMEOUT_S,
        )
        try:
            await client.connect()
            await client.ehlo()
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise _away(error) from None
        return cls(client)

    async def begin(self, sender: str, to: str, data: bytes) -> None:
        self.used += 1
        try:
            await self._say(b"MAIL FROM:<%b>" % sender.encode(), 250)
            await self._say(b"RCPT TO:<%b>" % to.encode(), 250, 251, is_of_recipient=True)
            await self._say(b"DATA", 354)
            await self._write(data)
        except LetterRefused:
            await self._reset()
            raise
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _away(error) from None

    async def _write(self, data: bytes) -> None:
        """Until the system has all of it: what this process keeps would die with it."""
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("The connection was lost.")
        protocol.write(data)
        async with asyncio.timeout(_WRITTEN_WITHIN_S):
            while _is_kept(self._client.transport):  # noqa: ASYNC110 - the transport tells no end
                await asyncio.sleep(0.005)
        # Listening from here on, since an answer that nobody waits for is thrown away.
        self._answer = asyncio.ensure_future(protocol.read_response(timeout=_ANSWERED_WITHIN_S))
        self._answer.add_done_callback(_heard)
        await asyncio.sleep(0)

    def finish(self) -> None:
        """Send the end of the data."""
        assert self._answer is not None
        try:
            if self._answer.done() or self._client.protocol is None:
                raise aiosmtplib.SMTPServerDisconnected("It was lost before.")
            self._client.protocol.write(b".\r\n")
        except aiosmtplib.SMTPException:
            self._is_ended = False
        else:
            self._is_ended = True

    async def taken(self) -> None:
        """Wait for what the server says of it."""
        assert self._answer is not None
        if not self._is_ended:
            raise NotEnded("The connection was lost before its end.", code="mail_unavailable")
        try:
            answer = await self._answer
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _away(error) from None
        if answer.code != _TAKEN:
            raise LetterRefused(answer.code, answer.message, is_of_recipient=False)

    async def _say(self, command: bytes, *good: int, is_of_recipient: bool = False) -> None:
        answer = await self._client.execute_command(command, timeout=_TIMEOUT_S)
        if answer.code == 421:
            raise aiosmtplib.SMTPServerDisconnected(answer.message)
        if answer.code not in good:
            raise LetterRefused(answer.code, answer.message, is_of_recipient=is_of_recipient)

    async def _reset(self) -> None:
        try:
            await self._client.execute_command(b"RSET", timeout=_TIMEOUT_S)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _away(error) from None

    def end(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
        self._client.close()


@dataclass
class _OnLine:
    relay: SmtpRelay
    line: _Line

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


def _is_kept(transport: asyncio.BaseTransport | None) -> bool:
    # Those of uvloop are no subclasses of the library's.
    return transport is not None and bool(cast("Any", transport).get_write_buffer_size())


def _heard(answer: "asyncio.Future[aiosmtplib.SMTPResponse]") -> None:
    # Whoever drops a letter asks for no answer.
    if not answer.cancelled():
        answer.exception()


def _away(error: Exception) -> Unavailable:
    message = f"The mail server cannot be asked: {type(error).__name__}."
    return Unavailable(message, code="mail_unavailable")


def new_relay(smtp_url: str | None, outbox: Path | None, sender: str, connections: int) -> Relay:
    """The way that the settings say."""
    if smtp_url is not None:
        return SmtpRelay(smtp_url, sender, connections)
    return NoRelay() if outbox is None else FileRelay(outbox, sender)
