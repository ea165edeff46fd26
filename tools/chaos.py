"""Steady writes while everything is killed: what was committed is in the feed and was delivered.

`make chaos` has fifty faults; `--short` has each kind of them in a minute and a half.
One worker's clock is ten minutes wrong, now ahead and now behind. Three receivers get a part of the
events and are in trouble: one answers after 30 s, one drops its connections, one answers 500 until
an hour has passed. That hour, and the waits between attempts, pass by moving the times in the
database.
An independent consumer counts at the end: events committed = events in the feed = deliveries
acknowledged, none missing, and what came twice has the same `webhook-id`; each event that a rule is
for and each row that a job had to store has exactly one effect.
"""

import argparse
import asyncio
import itertools
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from chaos_effects import RULED, Effects, make_rule, settled_effects, start_import
from chaos_receivers import CHANCE, TOLD_OF, TROUBLES, Receiver
from chaos_service import SKEW_S, Service

TOPIC = "contact.created"
WRITERS = 2
DRAINED_S = 240.0
TROUBLED = "Troubled"
ONE_IN = 10
"""Of so many people one is told to the receivers in trouble."""
RULED_ONE_IN = 5
IMPORT_EVERY_S = 3.0
PASS_TIME = (
    (
        "UPDATE webhook_deliveries SET run_at = run_at - make_interval(secs => $1) "
        "WHERE status = 'pending'"
    ),
    (
        "UPDATE webhook_states SET failing_since = failing_since - make_interval(secs => $1), "
        "rests_until = rests_until - make_interval(secs => $1)"
    ),
    # Under which workers have died.
    "UPDATE jobs SET run_at = run_at - make_interval(secs => $1) WHERE status = 'queued'",
)
SHORT = ("worker", "api", "flushall", "redis", "worker", "postgres", "worker")
KINDS = ("worker", "worker", "api", "redis", "flushall", "postgres")


@dataclass
class Run:
    """One run: who writes, who counts, and what was seen."""

    service: Service
    receiver: Receiver
    api: httpx.AsyncClient
    written: set[str] = field(default_factory=set[str])
    troubled: set[str] = field(default_factory=set[str])
    imports: int = 0
    failed: int = 0
    over: bool = False

    async def once(self, method: str, path: str, **options: Any) -> Any | None:
        """An answer; None while the service is not there, or something of it."""
        try:
            answer = await self.api.request(method, path, **options)
        except httpx.HTTPError:
            return None
        # 409: the same request was cut off and is not over yet.
        if answer.status_code >= 500 or answer.status_code == 409:
            return None
        answer.raise_for_status()
        return answer.json()

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """An answer, though the service be away for a while."""
        for _ in range(int(DRAINED_S / 0.2)):
            found = await self.once(method, path, **options)
            if found is not None:
                return found
            await asyncio.sleep(0.2)
        raise RuntimeError(f"{method} {path} is not answered any more")

    async def write(self, writer: int) -> None:
        """Steady writes; one whose answer was lost is asked for again under the same key."""
        for number in itertools.count():
            if self.over:
                return
            key = {"Idempotency-Key": f"chaos-{writer}-{number}"}
            troubled = number % ONE_IN == 0
            plain = RULED if number % RULED_ONE_IN == 1 else "Plain"
            body = {
                "first_name": TROUBLED if troubled else plain,
                "last_name": f"Person {writer} {number}",
            }
            made = await self.once("POST", "/v1/contacts", json=body, headers=key)
            if made is None:
                self.failed += 1
                made = await self.ask("POST", "/v1/contacts", json=body, headers=key)
            self.written.add(made["id"])
            if troubled:
                self.troubled.add(made["id"])
            await asyncio.sleep(0.02)

    async def have_imported(self) -> None:
        """An import now and then."""
        while not self.over:
            await start_import(self.ask, self.imports)
            self.imports += 1
            await asyncio.sleep(IMPORT_EVERY_S)

    async def follow(self) -> dict[str, str]:
        """What an independent consumer finds in the feed: the events by id, with their records."""
        found: dict[str, str] = {}
        after: dict[str, str] = {}
        while True:
            page = await self.ask(
                "GET", "/v1/events", params={"types": TOPIC, "limit": 200, **after}
            )
            for event in page["data"]:
                assert event["id"] not in found, "the feed repeats itself"
                found[event["id"]] = event["record_id"]
            if len(found) >= len(self.written) or not page["data"]:
                return found
            after = {"after": page["next_cursor"]}


async def wait_for(true: Callable[[], bool]) -> float:
    """Seconds until it is so, at most `DRAINED_S`."""
    begun = time.monotonic()
    for _ in range(int(DRAINED_S / 0.2)):
        if true():
            break
        await asyncio.sleep(0.2)
    return time.monotonic() - begun


async def torment(run: Run, faults: list[str], pause_s: tuple[float, float]) -> Counter[str]:
    """The faults, one after the other at random moments."""
    done: Counter[str] = Counter()
    for fault in faults:
        await asyncio.sleep(CHANCE.uniform(*pause_s))
        await run.service.kill(fault)
        done[fault] += 1
    await asyncio.sleep(1)
    return done


async def pass_time(service: Service, seconds: float) -> None:
    """Have time pass for whatever waits to be sent, and a moment for its being sent."""
    connection = await asyncpg.connect(service.postgres.dsn("chaos"))
    for statement in PASS_TIME:
        await connection.execute(statement, seconds)
    await connection.close()
    await asyncio.sleep(1)


async def outlive(run: Run, receivers: dict[str, Receiver]) -> float:
    """The hour of trouble, its end, and the waits after it; the seconds that those took."""
    for _ in range(12):
        await pass_time(run.service, 300)
    for receiver in receivers.values():
        receiver.mended.set()
    begun = time.monotonic()
    wanted = len(run.troubled)
    while time.monotonic() - begun < DRAINED_S:
        if all(len(r.acknowledged) >= wanted for r in receivers.values()):
            break
        await pass_time(run.service, 1800)
    return time.monotonic() - begun


async def hook(run: Run, servers: list[asyncio.Server], receiver: Receiver) -> None:
    """Have a receiver listen, and be sent what it is for."""
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    servers.append(server)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    body: dict[str, Any] = {"url": url, "topics": [TOPIC], "rate": 100, "concurrency": 50}
    if receiver.trouble is not None:
        body |= {"filter": {"first_name": {"eq": TROUBLED}}, "concurrency": 5}
    await run.ask("POST", "/v1/webhooks", json=body)


@dataclass
class Count:
    """What there is in the end."""

    committed: dict[str, str]
    feed: dict[str, str]
    effects: dict[str, Effects]
    faults: Counter[str]
    lasted_s: float
    drained_s: float
    outlived_s: float


async def committed_in(service: Service) -> dict[str, str]:
    """The events that the database holds, with their records."""
    connection = await asyncpg.connect(service.postgres.dsn("chaos"))
    rows = await connection.fetch("SELECT id, record_id FROM events WHERE type = $1", TOPIC)
    await connection.close()
    return {str(row["id"]): str(row["record_id"]) for row in rows}


async def reached(service: Service) -> httpx.AsyncClient:
    """Whoever asks the service, once it is started."""
    headers = {"Authorization": f"Bearer {await service.start()}"}
    url = f"http://127.0.0.1:{service.port}"
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=5)


async def chaos(directory: Path, faults: list[str], pause_s: tuple[float, float]) -> bool:
    """Whether nothing was lost; prints what was counted."""
    service, receiver = Service(directory), Receiver()
    troubled = {trouble: Receiver(trouble) for trouble in TROUBLES}
    servers: list[asyncio.Server] = []
    writers: list[asyncio.Task[None]] = []
    try:
        async with await reached(service) as api:
            run = Run(service, receiver, api)
            for one in (receiver, *troubled.values()):
                await hook(run, servers, one)
            await make_rule(run.ask)
            begun = time.monotonic()
            works = (*(run.write(n) for n in range(WRITERS)), run.have_imported())
            writers += [asyncio.create_task(work) for work in works]
            done = await torment(run, faults, pause_s)
            run.over = True
            await asyncio.gather(*writers)
            lasted_s = time.monotonic() - begun
            drained_s = await wait_for(lambda: len(receiver.acknowledged) >= len(run.written))
            outlived_s = await outlive(run, troubled)
            effects = await settled_effects(service.postgres.dsn("chaos"), run.imports, DRAINED_S)
            feed, committed = await run.follow(), await committed_in(service)
    finally:
        for writer in writers:
            writer.cancel()
        for server in servers:
            server.close()
        await service.stop()
    return judged(
        run, troubled, Count(committed, feed, effects, done, lasted_s, drained_s, outlived_s)
    )


def judged(run: Run, troubled: dict[str, Receiver], count: Count) -> bool:
    """Whether all is there; prints the table."""
    acknowledged, told = run.receiver.acknowledged, count.committed
    faults = ", ".join(f"{name} {n}" for name, n in sorted(count.faults.items()))
    wanted = {id for id, record in told.items() if record in run.troubled}
    everybody = (run.receiver, *troubled.values())
    untimely = sum(receiver.untimely for receiver in everybody)
    contradictions = sum(receiver.contradictions for receiver in everybody)
    lost = len(told.keys() - acknowledged.keys()) + len(told.keys() - count.feed.keys())
    lost += sum(len(wanted - receiver.acknowledged.keys()) for receiver in troubled.values())
    rows = [
        ("faults", sum(count.faults.values()), faults),
        (
            "writes answered",
            len(run.written),
            f"in {count.lasted_s:.0f} s, {run.failed} asked for twice",
        ),
        ("events committed", len(told), ""),
        ("events in the feed", len(count.feed), ""),
        (
            "deliveries acknowledged",
            len(acknowledged),
            f"all of them {count.drained_s:.1f} s after the end",
        ),
        ("of these more than once", sum(n > 1 for n in acknowledged.values()), "same webhook-id"),
        ("attempts refused", run.receiver.refused, "and made again"),
        *(
            (
                f"by one that {TOLD_OF[trouble]}",
                len(receiver.acknowledged),
                f"of {len(wanted)}, after {receiver.refused} attempts in vain",
            )
            for trouble, receiver in troubled.items()
        ),
        *(
            (name, sum(effects.found.values()), f"of {len(effects.wanted)}, {effects.remark}")
            for name, effects in count.effects.items()
        ),
        ("seconds until all of those", round(count.outlived_s), "after their troubles"),
        ("requests at a wrong time", untimely, f"one worker's clock is {SKEW_S} s wrong"),
        ("lost", lost, ""),
        ("contradictions", contradictions, "one webhook-id, two records"),
    ]
    for name, number, remark in rows:
        print(f"{name:<28}{number:>8}   {remark}".rstrip())
    same = told.keys() == count.feed.keys() == acknowledged.keys()
    whole = all(receiver.acknowledged.keys() == wanted for receiver in troubled.values())
    once = all(effects.exact for effects in count.effects.values())
    right = once and not contradictions and not untimely
    return same and whole and right and set(count.feed.values()) == run.written


async def until_told(work: Coroutine[Any, Any, bool]) -> bool:
    """What a work comes to; where this process is told to end, it is cancelled and ends its own."""
    task = asyncio.create_task(work)

    def end() -> None:
        # Whoever is impatient has what was started end as well.
        if not task.cancelling():
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    return await task


def main() -> int:
    """The exit code: 0 where nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="What fits into a minute and a half.")
    parser.add_argument("--rounds", type=int, default=50, help="How many faults there are.")
    parser.add_argument("--seed", type=int, default=None, help="The same faults again.")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else CHANCE.randrange(10**6)
    CHANCE.seed(seed)
    print(f"seed {seed}")
    faults = list(SHORT) if given.short else [CHANCE.choice(KINDS) for _ in range(given.rounds)]
    pause_s = (0.5, 1.5) if given.short else (0.5, 3.0)
    with tempfile.TemporaryDirectory(prefix="crm-chaos-") as directory:
        Path(directory).chmod(0o755)
        try:
            good = asyncio.run(until_told(chaos(Path(directory), faults, pause_s)))
        except asyncio.CancelledError:
            print("ended from outside")
            return 128 + signal.SIGTERM
    print("nothing was lost" if good else "NOT ALL IS THERE")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
