"""Load on a server over 16 connections: by `wrk`, or by a client of our own where it is missing."""

import asyncio
import itertools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

CONNECTIONS = 16
WITHOUT_WRK = (
    "Without wrk (apt-get install wrk) the load comes from a client in Python, which takes "
    "processor time from the servers."
)


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    body: str = ""


@dataclass(frozen=True)
class Load:
    """What came back."""

    requests: int
    seconds: float
    failed: int
    bytes: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def tool() -> str:
    """The name of the load generator."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def run(url: str, token: str, calls: Sequence[Call], seconds: float) -> Load:
    """Send these calls, each once and then again from the start, for some seconds."""
    with tempfile.TemporaryDirectory() as directory:
        if tool() == "wrk":
            return _wrk(Path(directory), url, token, calls, seconds)
    return uvloop.run(_Client(url, token, calls).run(seconds))


def timed(url: str, token: str, calls: Sequence[Call], connections: int) -> list[float]:
    """How many milliseconds each of these calls took, sent over this many connections.

    Always by our own client: `wrk` does not say which call a time belongs to.
    """
    return uvloop.run(_Client(url, token, calls).times_of(calls, connections))


_SCRIPT = """
local calls, at = {}, 0
init = function()
  wrk.headers["Authorization"] = "Bearer TOKEN"
  wrk.headers["Content-Type"] = "application/json"
  for line in io.lines("CALLS") do
    local method, path, body = line:match("([^\\t]*)\\t([^\\t]*)\\t(.*)")
    if body == "" then body = nil end
    calls[#calls + 1] = wrk.format(method, path, nil, body)
  end
end
request = function()
  at = at % #calls + 1
  return calls[at]
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %f %f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout + e.status, summary.bytes,
    latency:percentile(50), latency:percentile(99)))
end
"""


def _wrk(directory: Path, url: str, token: str, calls: Sequence[Call], seconds: float) -> Load:
    listed, script = directory / "calls", directory / "script.lua"
    listed.write_text("".join(f"{c.method}\t{c.path}\t{c.body}\n" for c in calls))
    script.write_text(_SCRIPT.replace("TOKEN", token).replace("CALLS", str(listed)))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    command += ["--timeout", "10s", "-s", str(script), url]
    limit = seconds + 30
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=limit)
    line = next(x for x in done.stdout.splitlines() if x.startswith("RESULT"))
    requests, micros, failed, size, p50, p99 = map(float, line.split()[1:])
    return Load(int(requests), micros / 1e6, int(failed), int(size), p50 / 1000, p99 / 1000)


class _Client:
    def __init__(self, url: str, token: str, calls: Sequence[Call]) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        head += "Content-Type: application/json\r\n"
        self.raw = [_raw(call, head) for call in calls]
        self.calls = itertools.cycle(self.raw)
        self.times: list[float] = []
        self.failed = self.bytes = 0

    async def run(self, seconds: float) -> Load:
        begun = time.perf_counter()
        until = begun + seconds
        await asyncio.gather(*(self._connection(until) for _ in range(CONNECTIONS)))
        spent = time.perf_counter() - begun
        times = sorted(self.times) or [0.0]
        p50, p99 = times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000
        return Load(len(self.times), spent, self.failed, self.bytes, p50, p99)

    async def times_of(self, calls: Sequence[Call], connections: int) -> list[float]:
        left = iter(range(len(calls)))
        times = [0.0] * len(calls)

        async def one() -> None:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            for place in left:
                begun = time.perf_counter()
                writer.write(self.raw[place])
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                await reader.readexactly(length)
                times[place] = (time.perf_counter() - begun) * 1000
                if not head.startswith(b"HTTP/1.1 2"):
                    raise RuntimeError(f"{calls[place].path}: {head[:15]!r}")
            writer.close()

        await asyncio.gather(*(one() for _ in range(connections)))
        return times

    async def _connection(self, until: float) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        while (begun := time.perf_counter()) < until:
            writer.write(next(self.calls))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            self.times.append(time.perf_counter() - begun)
            self.failed += not head.startswith(b"HTTP/1.1 2")
            self.bytes += len(head) + length
        writer.close()


def _raw(call: Call, head: str) -> bytes:
    length = f"Content-Length: {len(call.body)}\r\n" if call.body else ""
    return f"{call.method} {call.path} HTTP/1.1\r\n{head}{length}\r\n{call.body}".encode()
