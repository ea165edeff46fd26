"""Mailings and those who get them, and a mail server that counts."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from support.clients import Api
from support.waiting import patiently

TO = {"channel": "email", "purpose": "newsletter"}
CONTENT = {
    "subject": 'News for {{ contact.first_name or "you" }}',
    "text": "Dear {{ contact.last_name }} of {{ company.name }}, see https://example.com/a",
    "html": '<p>Dear {{ contact.last_name }}, <a href="https://example.com/a?b=1&amp;c=2">see</a></p>',
}


async def reader(api: Api, *, agreed: bool = True, **more: Any) -> dict[str, Any]:
    """A contact who takes mail, with the address as `address`."""
    address = more.pop("address", f"{uuid4().hex}@example.org")
    emails = [{"value": address, "primary": True}]
    body = {"first_name": "Sample", "last_name": "Person", "emails": emails, **more}
    made = await api.made("contacts", body)
    if agreed:
        said = {"state": "granted", "basis": "consent", "evidence": {"source": "form"}, **TO}
        await api.made("consents", {"target": "contact", "record_id": made["id"], **said})
    return {**made, "address": address}


async def mailing(api: Api, *contents: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A draft with a channel of its own."""
    if "channel_id" not in more:
        own = [f"{uuid4().hex}@news.example.com"]
        more["channel_id"] = (await api.made("channels", {"name": "News", "addresses": own}))["id"]
    body = {"name": "News", "purpose": "newsletter", "contents": list(contents) or [CONTENT]}
    return await api.made("mailings", {**body, **more})


async def did(
    api: Api, mailing: dict[str, Any], verb: str, status: int = 200, **body: Any
) -> dict[str, Any]:
    """What was answered to an action."""
    answer = await api.post(f"/v1/mailings/{mailing['id']}/{verb}", json=body or None)
    assert answer.status_code == status, answer.text
    return answer.json()


async def sends_of(api: Api, mailing: dict[str, Any], **asked: Any) -> list[dict[str, Any]]:
    """All mails of a mailing."""
    path = f"mailings/{mailing['id']}/sends"
    page = await api.read(path, limit=200, **asked)
    found = page["data"]
    while page["next_cursor"]:
        page = await api.read(path, limit=200, cursor=page["next_cursor"], **asked)
        found += page["data"]
    return found


async def settled(
    api: Api, mailing: dict[str, Any], *, but: tuple[str, ...] = ("queued", "sending")
) -> list[dict[str, Any]]:
    """All mails of a mailing, once none of them waits; takes a worker."""
    found: list[dict[str, Any]] = []
    async for _ in patiently():
        found = await sends_of(api, mailing)
        if found and not any(one["status"] in but for one in found):
            break
    return found


class Sink:
    """A mail server that keeps what it took, and may refuse some."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuses: dict[str, str] = {}
        """By the beginning of an address what is said to it."""
        self.after_s = 0.0
        """How long it thinks before it says that it took a mail."""
        self.hangs_up = False
        """Whether it ends the connection once it has a mail, without a word."""
        self.url = ""

    @property
    def ids(self) -> Counter[str]:
        """How often each Message-ID was taken."""
        return Counter(
            found[1]
            for one in self.taken
            if (found := re.search(r"^Message-ID: <(.*)>", one, re.MULTILINE))
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())

        say("220 ready")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                to = line.decode().partition("<")[2].partition(">")[0]
                found = [said for begin, said in self.refuses.items() if to.startswith(begin)]
                say(found[0] if found else "250 ok")
            elif verb == b"DATA":
                say("354 go on")
                # Only with its end it is a mail: whoever dies before has sent none.
                body = await reader.readuntil(b"\r\n.\r\n")
                self.taken.append(body.decode())
                if self.hangs_up:
                    return
                await asyncio.sleep(self.after_s)
                say("250 taken")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


@asynccontextmanager
async def sink() -> AsyncIterator[Sink]:
    """A mail server on this machine."""
    made = Sink()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=4_000_000)
    made.url = f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield made
