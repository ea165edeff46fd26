"""Webhooks from the commit to the receiver, by two workers, through REST."""

import asyncio
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from statistics import median
from typing import Any

from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_least, at_most, table
from benchmarks.serving import Server, asked, serving, working
from benchmarks.stage import ROOT, Stage
from crm_api.api.services import open_database
from crm_api.platform.identity.service import found_organization

DELIVERIES = 16_000
ORGANIZATIONS = 8
ENDPOINTS = 4
"""Of each organization: one may get 100 requests a second."""
WORKERS = 2
PER_SECOND = 200
RATE, P50_MS, P99_MS = 1_500, 60, 500
_BULK = 1_000
_GIVE_UP_S = 200.0


def run(setting: Setting) -> Outcome:
    """Deliveries of what waited, and how late those of a steady stream are."""
    with setting.stage(0) as stage, serving(stage, "ours") as server, ExitStack() as stack:
        receiver = stack.enter_context(serving(stage, "receiver"))
        tenants = asyncio.run(_tenants(stage))
        for tenant in tenants:
            for number in range(ENDPOINTS):
                asked(tenant, server, "POST", "/v1/webhooks", _endpoint(receiver, number))
        each = setting.size(DELIVERIES) // (ORGANIZATIONS * ENDPOINTS)
        for tenant in tenants:
            _write(tenant, server, each)
        for _ in range(WORKERS):
            stack.enter_context(working(stage))
        many = _received(stage, receiver, each * ORGANIZATIONS * ENDPOINTS)
        rate = many["received"] / many["seconds"]
    late = _late(setting)
    most = _most(setting, each * ORGANIZATIONS * ENDPOINTS)
    shown = table(f"{many['received']:,} that waited; then {PER_SECOND} events/s", "what", "value")
    for what, value in (
        ("deliveries/s", f"{rate:,.0f}"),
        ("posts/s of the client alone", f"{most:,.0f}"),
        ("from commit to receiver, median ms", f"{median(late):.0f}"),
        ("99 of 100, ms", f"{_percentile(late, 0.99):.0f}"),
    ):
        shown.add_row(what, value)
    figures = [
        at_least("deliveries/s", rate, RATE),
        at_most("commit to receiver, median ms", median(late), P50_MS),
        at_most("commit to receiver, 99 of 100 ms", _percentile(late, 0.99), P99_MS),
    ]
    return Outcome(figures, shown, {"rate": rate, "client": most, "late_ms": late})


def _late(setting: Setting) -> list[float]:
    """Milliseconds from the beginning of a transaction to the receiver, under steady writes."""
    with setting.stage(0) as stage, serving(stage, "ours") as server, ExitStack() as stack:
        receiver = stack.enter_context(serving(stage, "receiver"))
        tenants = asyncio.run(_tenants(stage))
        for tenant in tenants:
            asked(tenant, server, "POST", "/v1/webhooks", _endpoint(receiver))
        for _ in range(WORKERS):
            stack.enter_context(working(stage))
        # Workers begin, and first uses take longer: not what is measured.
        asked(tenants[0], server, "POST", "/v1/contacts", _person(0))
        _received(stage, receiver, 1)
        count = int(PER_SECOND * setting.seconds)
        began = time.monotonic()

        def write(n: int) -> None:
            time.sleep(max(0.0, began + n / PER_SECOND - time.monotonic()))
            asked(tenants[n % ORGANIZATIONS], server, "POST", "/v1/contacts", _person(n))

        # Each waits for its answer, so that one of them alone writes no faster than that comes.
        with ThreadPoolExecutor(ORGANIZATIONS) as writers:
            list(writers.map(write, range(count)))
        took = time.monotonic() - began
        if took > 1.1 * count / PER_SECOND:
            raise NotMeasured(f"only {count / took:.0f} writes/s")
        return _received(stage, receiver, count + 1)["late_ms"][1:]


def _most(setting: Setting, count: int) -> float:
    """Requests per second of as many processes that only post."""
    with setting.stage(0) as stage, serving(stage, "receiver") as receiver:
        own = str(count // WORKERS)
        command = [sys.executable, "-m", "benchmarks.posting", f"{receiver.url}/hook", own, "50"]
        done = [
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            for _ in range(WORKERS)
        ]
        return sum(float(process.communicate()[0]) for process in done)


async def _tenants(stage: Stage) -> list[Stage]:
    database = open_database(stage.settings)
    try:
        found = [await found_organization(database, f"Benchmark {n}") for n in range(ORGANIZATIONS)]
    finally:
        await database.close()
    return [replace(stage, organization_id=id, token=token) for id, token in found]


def _endpoint(receiver: Server, number: int = 0) -> bytes:
    topics, url = ["contact.created"], f"{receiver.url}/{number}"
    wanted = {"url": url, "topics": topics, "rate": 100, "concurrency": 50}
    return json.dumps(wanted).encode()


def _person(n: int) -> bytes:
    return json.dumps({"last_name": f"Person {n}", "title": "Buyer"}).encode()


def _write(tenant: Stage, server: Server, count: int) -> None:
    for begin in range(0, count, _BULK):
        items = [json.loads(_person(n)) for n in range(begin, min(begin + _BULK, count))]
        asked(tenant, server, "POST", "/v1/contacts/bulk", json.dumps({"items": items}).encode())


def _received(stage: Stage, receiver: Server, count: int) -> Any:
    end = time.monotonic() + _GIVE_UP_S
    while (told := asked(stage, receiver, "GET", "/"))["received"] < count:
        if time.monotonic() > end:
            raise NotMeasured(f"{told['received']} of {count} came")
        time.sleep(0.2)
    return told


def _percentile(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)]


SECTION = Section("Webhooks", run, within_s=600)
