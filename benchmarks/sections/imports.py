"""An import of many people from CSV, through REST and a worker of its own."""

import csv
import http.client
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import cpu
from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_least, at_most, table
from benchmarks.serving import Server, serving
from benchmarks.stage import ROOT, Stage

ROWS = 100_000
RATE = 12_000
MEMORY_MB = 400
COMPANIES = 5_000
BAD_EVERY = 33
_GIVE_UP_S = 300.0
_HEADER = (
    "First name", "Last name", "E-mail", "Phone", "Company", "Company domain", "Title",
    "Street", "City", "Country", "Tags", "Birth date",
)  # fmt: skip
_WORKER = "from crm_api.cli import main; main()"


def run(setting: Setting) -> Outcome:
    """A file of people into an empty organization."""
    rows = setting.size(ROWS)
    with setting.stage(0) as stage:
        done = measure(stage, rows)
    shown = table(f"{rows:,} people from CSV", "value")
    shown.add_row("rows/s", f"{done['rows_per_s']:,.0f}")
    shown.add_row("worker's peak MB", f"{done['peak_mb']:.0f}")
    shown.add_row("its helpers' peak MB", f"{done['helpers_mb']:.0f}")
    shown.add_row("upload before, seconds", f"{done['upload_s']:.1f}")
    figures = [
        at_least("rows/s", done["rows_per_s"], RATE),
        at_most("worker's peak MB", done["peak_mb"], MEMORY_MB),
    ]
    return Outcome(figures, shown, done)


def measure(stage: Stage, rows: int) -> dict[str, Any]:
    """Rows per second from the start to the end of the job, and the worker's peak memory."""
    # Nobody whom the stage knows already.
    new = stage.rows + 1
    file, bad = people(range(new, new + rows))
    # The worker may still be starting, and first uses take longer: not what is measured.
    first = people(range(new + rows, new + rows + 200))
    with serving(stage, "ours") as server:
        nowhere = subprocess.DEVNULL
        command = [sys.executable, "-c", _WORKER, "worker"]
        environment = stage.environment
        worker = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=nowhere, stderr=nowhere
        )
        try:
            _measure(stage, server, worker.pid, *first, 200)
            return _measure(stage, server, worker.pid, file, bad, rows)
        finally:
            worker.terminate()
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()


def people(numbers: range) -> tuple[bytes, int]:
    """A file of people who do not exist, and how many of its rows are wrong."""
    text = io.StringIO()
    write = csv.writer(text).writerow
    write(_HEADER)
    bad = 0
    for n in numbers:
        # A phone number without a digit and an address without a host are mistakes of their own.
        wrong = n % BAD_EVERY == BAD_EVERY - 1
        bad += wrong
        company = n % COMPANIES
        write(
            (
                f"First{n % 997}",
                f"Last{n}",
                f"person{n}@" if wrong else f"person{n}@example.com",
                f"+1 {201 + n % 700} 555 {n // 700 % 10_000:04}",
                f"Company {company}",
                f"company{company}.example",
                f"Title {n % 40}",
                f"{n % 999} Example St",
                "Sampletown",
                "US",
                f"tag{n % 50}, imported",
                f"{1950 + n % 50}-{1 + n % 12:02}-{1 + n % 28:02}",
            )
        )
    return text.getvalue().encode(), bad


def _measure(
    stage: Stage, server: Server, worker: int, file: bytes, bad: int, rows: int
) -> dict[str, Any]:
    count = "SELECT count(*) FROM contacts"
    before = stage.query(count)[0][0]
    begun = time.monotonic()
    id, job = _start(stage, server, file)
    started = time.monotonic()
    helpers = 0.0
    while True:
        found = _ask(stage, server, "GET", f"/v1/jobs/{job}")
        if found["status"] in {"succeeded", "failed", "cancelled"}:
            break
        if time.monotonic() > begun + _GIVE_UP_S or not Path(f"/proc/{worker}").exists():
            raise NotMeasured(f"the job did not end: {found}")
        helpers = max(helpers, cpu.children_memory_mb(worker))
        time.sleep(0.05)
    ended = time.monotonic()
    record = _ask(stage, server, "GET", f"/v1/imports/{id}")
    made = stage.query(count)[0][0] - before
    if found["status"] != "succeeded" or made != rows - bad or record["counts"]["error"] != bad:
        raise NotMeasured(f"{made} contacts, not {rows - bad}: {found} {record['counts']}")
    return {
        "rows_per_s": rows / (ended - started),
        "upload_s": started - begun,
        "import_s": ended - started,
        "peak_mb": cpu.peak_memory_mb(worker),
        "helpers_mb": helpers,
    }


def _start(stage: Stage, server: Server, file: bytes) -> tuple[str, str]:
    """Upload the file and start its import; the ids of both the import and the job."""
    mark = uuid4().hex
    parts = {
        'name="file"; filename="people.csv"\r\nContent-Type: text/csv': file,
        'name="entity"': b"contact",
    }
    body = b"".join(
        f"--{mark}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"
        for head, value in parts.items()
    )
    kind = f"multipart/form-data; boundary={mark}"
    made = _ask(stage, server, "POST", "/v1/imports", body + f"--{mark}--\r\n".encode(), kind)
    started = _ask(stage, server, "POST", f"/v1/imports/{made['id']}/start")
    return made["id"], started["job_id"]


def _ask(
    stage: Stage, server: Server, method: str, path: str, body: bytes = b"", kind: str = ""
) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {stage.token}", "Content-Type": kind}
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status >= 400:
        raise NotMeasured(f"{method} {path}: {answer.status} {content[:300]!r}")
    return json.loads(content)


SECTION = Section("Import of people from CSV", run, within_s=360)
