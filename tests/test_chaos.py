"""What `make chaos` kills and counts: whatever is missing, doubled or unasked is found out."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import asyncpg
import pytest

from chaos import KINDS, SHORT, Count, Run, judged
from chaos_effects import ROWS, RULED, Effects, effects_in, make_rule, rows_of, start_import
from chaos_receivers import TROUBLES, Receiver
from chaos_service import Service
from crm_api import worker as job_worker
from support.servers import ROOT
from support.waiting import patiently


class Database:
    """What the database holds: whom the rule was for, what it has logged, and companies."""

    def __init__(self, fired, logged, made):
        self.fired, self.logged, self.made = fired, logged, made

    async def fetch(self, sql, *args):
        if args:
            return [{"wanted": id} for id in self.fired]
        found = self.logged if "activities" in sql else self.made
        return [{"found": name} for name in found]


@pytest.mark.parametrize(
    ("found", "missing", "doubled", "unasked"),
    [
        ("ab", 0, 0, 0),
        ("a", 1, 0, 0),
        ("aab", 0, 1, 0),
        ("abc", 0, 0, 1),
        ("aac", 1, 1, 1),
    ],
)
def test_an_effect_is_there_exactly_once_or_it_is_told(found, missing, doubled, unasked):
    effects = Effects(frozenset("ab"), Counter(found))
    assert (effects.missing, effects.doubled, effects.unasked) == (missing, doubled, unasked)
    assert effects.exact is (found == "ab")


def test_where_nothing_was_to_be_done_nothing_was_shown():
    assert not Effects(frozenset(), Counter()).exact


async def test_rules_and_jobs_are_counted_each_by_itself():
    rows = [*rows_of(0), *rows_of(1)]
    good = await effects_in(Database(["p", "q"], ["q", "p"], rows), 2)
    assert [effects.exact for effects in good.values()] == [True, True]
    twice = await effects_in(Database(["p", "q"], ["q", "p", "p"], rows), 2)
    assert [effects.exact for effects in twice.values()] == [False, True]
    torn = await effects_in(Database(["p", "q"], ["q", "p"], rows[:-1]), 2)
    assert [effects.exact for effects in torn.values()] == [True, False]
    again = await effects_in(Database(["p"], ["p"], [*rows, rows[0]]), 2)
    assert [effects.exact for effects in again.values()] == [True, False]


async def test_what_was_asked_for_is_counted_where_it_is_done(own_database):
    """The rule and an import of chaos, and what its count says of a row too few or too many."""
    client = await own_database.client(await own_database.org())

    async def ask(method, path, **options):
        answer = await client.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    settings, stop = own_database.app.state.services.settings, asyncio.Event()
    running = asyncio.create_task(job_worker.run(settings, stop=stop))
    await make_rule(ask)
    for name in (RULED, "Plain", RULED):
        await client.made("contacts", {"first_name": name, "last_name": "Person"})
    await start_import(ask, 0)
    async for _ in patiently():
        found = await effects_in(own_database.owner, 1)
        if not any(effects.missing for effects in found.values()):
            break
    stop.set()
    await running
    found = await effects_in(own_database.owner, 1)
    assert [len(effects.wanted) for effects in found.values()] == [2, ROWS]
    assert all(effects.exact for effects in found.values())
    await own_database.owner.execute(
        "UPDATE activities SET subject = (SELECT min(subject) FROM activities)"
    )
    await own_database.owner.execute("UPDATE companies SET name = 'Row 0 1' WHERE name = 'Row 0 0'")
    found = await effects_in(own_database.owner, 1)
    assert [(e.missing, e.doubled) for e in found.values()] == [(1, 1), (1, 1)]


def test_the_short_form_has_every_kind_of_fault():
    assert set(SHORT) == set(KINDS) == {"worker", "api", "redis", "flushall", "postgres"}


@pytest.mark.parametrize("what", ["postgres", "redis"])
async def test_a_server_dies_without_warning_and_comes_back(what, tmp_path):
    """Nothing tells it to write down what it holds: what was committed is in its log."""
    service = Service(tmp_path)
    server = service.postgres if what == "postgres" else service.redis
    await asyncio.to_thread(server.start)
    try:
        before = server.pid
        if what == "postgres":
            held = await asyncpg.connect(service.postgres.dsn())
            await held.execute("CREATE TABLE kept AS SELECT 7 AS number")
            await service.kill(what)
            with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
                await held.execute("SELECT 1")
            held.terminate()
            fresh = await asyncpg.connect(service.postgres.dsn())
            assert await fresh.fetchval("SELECT number FROM kept") == 7
            await fresh.close()
        else:
            await service.kill(what)
        assert server.is_alive()
        assert server.pid != before
    finally:
        await asyncio.to_thread(server.stop)


def living(directory):
    """The programs whose command or environment names a directory."""
    found = {}
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_bytes()
            told = line + (process / "environ").read_bytes()
            if process.name.isdigit() and str(directory).encode() in told:
                found[int(process.name)] = line.replace(b"\0", b" ").decode()
    return found


def left_in(directory):
    """The names of what is in a directory."""
    return [one.name for one in Path(directory).iterdir()]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("when", ["initdb", "postgres", "serve"])
async def test_whoever_ends_it_ends_what_it_started(when):
    """While its servers start, once they are there, and while the service works on them."""
    # A short one: the paths of sockets may not be as long as those of a test.
    with TemporaryDirectory() as directory:
        environment = {**os.environ, "TMPDIR": directory}
        line = [sys.executable, str(ROOT / "tools" / "chaos.py"), "--short"]
        chaos = await asyncio.create_subprocess_exec(*line, env=environment)
        try:
            async for _ in patiently():
                assert chaos.returncode is None
                if any(f"{when} " in line for line in living(directory).values()):
                    break
            chaos.send_signal(signal.SIGTERM)
            assert await chaos.wait() == 128 + signal.SIGTERM
            assert living(directory) == {}
            assert left_in(directory) == []
        finally:
            for left in living(directory):
                os.kill(left, signal.SIGKILL)


def counted():
    """A run of two people in which all is there, one of them told to the receivers in trouble."""
    events = {"e1": "p1", "e2": "p2"}
    well = Receiver(acknowledged=Counter(list(events)))
    troubled = {trouble: Receiver(trouble, acknowledged=Counter(["e2"])) for trouble in TROUBLES}
    run = Run(SimpleNamespace(), well, SimpleNamespace(), {"p1", "p2"}, {"p2"})
    effects = {"effects of jobs": Effects(frozenset("a"), Counter("a"))}
    return run, troubled, Count(events, dict(events), effects, Counter(SHORT), 1.0, 1.0, 1.0)


def test_where_all_is_there_nothing_was_lost():
    assert judged(*counted())
    run, troubled, count = counted()
    run.receiver.acknowledged["e1"] += 1  # the same event again, under its id
    assert judged(run, troubled, count)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run, troubled, count: run.receiver.acknowledged.pop("e1"),
        lambda run, troubled, count: run.receiver.acknowledged.update(["e3"]),
        lambda run, troubled, count: count.feed.pop("e1"),
        lambda run, troubled, count: count.feed.update(e3="p3"),
        lambda run, troubled, count: count.committed.pop("e1"),
        lambda run, troubled, count: run.written.add("p3"),
        lambda run, troubled, count: run.written.remove("p1"),
        lambda run, troubled, count: troubled["slow"].acknowledged.clear(),
        lambda run, troubled, count: troubled["drops"].acknowledged.update(["e1"]),
        lambda run, troubled, count: setattr(run.receiver, "contradictions", 1),
        lambda run, troubled, count: setattr(troubled["fails"], "untimely", 1),
        lambda run, troubled, count: count.effects.update(more=Effects(frozenset("a"), Counter())),
    ],
)
def test_whatever_is_missing_or_too_much_is_told(spoil):
    run, troubled, count = counted()
    spoil(run, troubled, count)
    assert not judged(run, troubled, count)
