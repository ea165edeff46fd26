"""A connection to a mail server, over which a letter is begun, and then ended or left at that.

Until the end of its data a server has taken nothing (RFC 5321, 4.1.1.4).
"""

import asyncio
import re
from contextlib import suppress
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit

import aiosmtplib

from crm_api.kit.errors import Unavailable, WrongState

PORTS = {"smtp": 587, "smtps": 465}
_TIMEOUT_S = 15.0
_WRITTEN_WITHIN_S = 60.0
_ANSWERED_WITHIN_S = 120.0
_TAKEN = 250
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


class Line:
    """A connection to a mail server, used by one at a time."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client, self.used = client, 0
        self._answer: asyncio.Future[aiosmtplib.SMTPResponse] | None = None
        self._is_ended = False

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connected, encrypted unless it is on this machine, and logged in; raises `Unavailable`."""
        parts = urlsplit(url)
        is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        client = aiosmtplib.SMTP(
            hostname=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            use_tls=parts.scheme == "smtps",
            # None takes it where it is offered; True does without nobody.
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
        """Send all but the end of a letter; raises `LetterRefused`, `Unavailable`."""
        data = _DOT.sub(b"..", data)
        if not data.endswith(b"\r\n"):
            data += b"\r\n"
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
        """Wait for what the server says of it; raises `LetterRefused`, `NotEnded`, or `Unavailable`
        where no answer came.
        """
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
        # What it said stands, also where it has hung up since; the next one finds that out.
        with suppress(aiosmtplib.SMTPException, OSError):
            await self._client.execute_command(b"RSET", timeout=_TIMEOUT_S)

    async def quit(self) -> None:
        """Tell the server that nothing more comes."""
        with suppress(aiosmtplib.SMTPException, OSError):
            await self._client.quit(timeout=_TIMEOUT_S)

    def end(self) -> None:
        """End the connection at once; what was begun and not ended is not sent."""
        if self._answer is not None:
            self._answer.cancel()
        self._client.close()


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
