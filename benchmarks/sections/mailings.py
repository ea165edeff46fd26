"""Mails to many, by one worker and by two, to a mail server on this machine."""

import asyncio
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_least, table
from benchmarks.serving import working
from benchmarks.stage import Stage
from crm_api.api.services import open_database
from crm_api.domains.conversations.channels import ChannelService
from crm_api.domains.conversations.schemas import ChannelCreate
from crm_api.domains.mailings.actions import MailingActions
from crm_api.domains.mailings.models import Mailing
from crm_api.domains.mailings.queueing import Queue
from crm_api.domains.mailings.schemas import MailingCreate, MailingSettings
from crm_api.domains.mailings.service import MailingService
from crm_api.domains.mailings.settings import MailingSettingsService
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work

MAILS = 20_000
RATE = 500
_GIVE_UP_S = 400.0
_TEXT = "Dear {{ contact.last_name }}, see https://example.com/offers. " * 8
_HTML = '<p>Dear {{ contact.last_name }}, <a href="https://example.com/offers">see</a>.</p>' * 8
_CONTENT = {"subject": "Offers for {{ contact.first_name }}", "text": _TEXT, "html": _HTML}
# As consents are once they are given: the gate asks each of them.
_AGREE = """
    INSERT INTO consents (organization_id, id, target, record_id, purpose, channel, state, basis,
        at, evidence, version, created_at, updated_at)
    SELECT organization_id, gen_random_uuid(), 'contact', id, 'newsletter', 'email', 'granted',
        'consent', now() - interval '1 day', '{"source": "form"}', 1, now(), now()
    FROM contacts WHERE organization_id = $1
"""


@dataclass
class Sink:
    """A mail server that counts what it takes, in a thread of its own."""

    port: int = 0
    taken: list[float] = field(default_factory=list[float])

    def __enter__(self) -> Self:
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True).start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _run(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=1_000_000)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await self._stop.wait()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            if line[:4].upper() == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                self.taken.append(time.monotonic())
            writer.write(b"250 ok\r\n")
        writer.close()


def run(setting: Setting) -> Outcome:
    """Mails a second, rendered, tracked, each through the gate and written down before and after."""
    count = setting.size(MAILS)
    rates = {workers: _rate(setting, count, workers) for workers in (1, 2)}
    shown = table(f"{count:,} mails to a sink on this machine, by workers", "mails/s")
    for workers, rate in rates.items():
        shown.add_row(str(workers), f"{rate:,.0f}")
    figures = [at_least("mails/s of two workers to a sink", max(rates.values()), RATE)]
    return Outcome(figures, shown, {str(n): rate for n, rate in rates.items()})


def _rate(setting: Setting, count: int, workers: int) -> float:
    with setting.stage(count) as stage, Sink() as sink, ExitStack() as stack:
        url = f"smtp://127.0.0.1:{sink.port}"
        mailing = asyncio.run(_made(stage))
        for _ in range(workers):
            stack.enter_context(working(stage, CRM_SMTP_URL=url))
        time.sleep(5)
        queued = asyncio.run(_queue(stage, mailing))
        end = time.monotonic() + _GIVE_UP_S
        while len(sink.taken) < queued:
            if time.monotonic() > end:
                raise NotMeasured(f"{len(sink.taken)} of {queued} came")
            time.sleep(0.1)
        # Without the first ones: workers look thrice a second.
        first, last = sink.taken[queued // 20], sink.taken[queued - 1]
        return (queued - queued // 20) / (last - first)


def _tx(database: Any, stage: Stage) -> Tx:
    return Tx(database, Actor(stage.organization_id, "system", scopes=frozenset({"*"})))


async def _made(stage: Stage) -> Any:
    database = open_database(stage.settings)
    try:
        async with unit_of_work(_tx(database, stage)) as tx:
            await tx.write(_AGREE, tx.organization_id)
            own = ChannelCreate.model_validate({"name": "News", "addresses": ["news@example.com"]})
            channel = await ChannelService(tx).create(own)
            given = {"name": "News", "purpose": "newsletter", "channel_id": channel.id}
            data = MailingCreate.model_validate(
                {**given, "contents": [_CONTENT], "is_ongoing": True}
            )
            made = await MailingService(tx).create(data)
            settings = MailingSettings.model_validate({"per_minute_of_domain": None})
            await MailingSettingsService(tx).replace(settings)
        async with unit_of_work(_tx(database, stage)) as tx:
            await MailingActions(tx).go(made.id, "start")
        return made.id
    finally:
        await database.close()


async def _queue(stage: Stage, mailing_id: Any) -> int:
    database = open_database(stage.settings)
    try:
        async with unit_of_work(_tx(database, stage)) as tx:
            rows = await tx.fetch("SELECT id FROM contacts WHERE emails <> '[]'")
            current = await MailingService(tx).locked(mailing_id)
            assert isinstance(current, Mailing)
            return await Queue(tx, current).contacts([row["id"] for row in rows], "")
    finally:
        await database.close()


SECTION = Section("Mailings", run, within_s=600)
