"""Receivers of webhooks that chaos sends to: one that is well, and some in trouble."""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

CHANCE = random.Random()  # noqa: S311 - nothing secret
TROUBLES = ("slow", "drops", "fails")
TOLD_OF = {"slow": "was slow", "drops": "hung up", "fails": "answered 500"}
SLOW_S = 30.0
TOLERANCE_S = 300
"""So far off may the time of a request be, says Standard Webhooks."""


@dataclass
class Receiver:
    """Acknowledges most of what comes, at first some of it not; none while it is in trouble."""

    trouble: str | None = None
    acknowledged: Counter[str] = field(default_factory=Counter[str])
    seen: set[str] = field(default_factory=set[str])
    refused: int = 0
    records: dict[str, str] = field(default_factory=dict[str, str])
    contradictions: int = 0
    untimely: int = 0
    mended: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:]
                headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in head)}
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                id, record = headers["webhook-id"], body["record_id"]
                self.contradictions += self.records.setdefault(id, record) != record
                off_s = abs(time.time() - int(headers["webhook-timestamp"]))
                self.untimely += off_s > TOLERANCE_S
                if self.trouble == "slow":
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.mended.wait(), SLOW_S)
                if reader.at_eof() or (self.trouble == "drops" and not self.mended.is_set()):
                    self.refused += 1
                    break
                status = self._status(id)
                writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        writer.close()

    def _status(self, id: str) -> int:
        if self.trouble == "fails" and not self.mended.is_set():
            self.refused += 1
            return 500
        # One in twenty is refused at first, so that retries are among what is interrupted; only
        # at first, because the second retry comes after five minutes.
        if self.trouble is None and id not in self.seen and CHANCE.random() < 0.05:
            self.seen.add(id)
            self.refused += 1
            return 500
        self.seen.add(id)
        self.acknowledged[id] += 1
        return 204
