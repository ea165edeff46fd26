"""An import of many people from CSV, through REST and a worker of its own.

The limit is what PostgreSQL alone needs: the finished rows of the import, written again by COPY
into the same tables with their indexes and keys, past row-level security. The textbook reads a
part of such a file row by row.
"""

import asyncio
import csv
import io
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from benchmarks import cpu
from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_least, at_most, table
from benchmarks.serving import Server, asked, serving, working
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
_TABLES = (
    "companies", "contacts", "employments", "record_keys", "search_documents", "events",
)  # fmt: skip
_WRITTEN = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''
    ORDER BY attnum
"""


def run(setting: Setting) -> Outcome:
    """A file of people into an empty organization."""
    rows = setting.size(ROWS)
    with setting.stage(0) as stage:
        done = measure(stage, rows)
        limit = asyncio.run(_limit(stage, rows))
        textbook = _textbook(stage, range(2 * rows, 2 * rows + max(200, rows // 50)))
    shown = table(f"{rows:,} people from CSV", "way", "rows/s", "app µs", "pg µs", "of the limit")
    for way, found in (("limit", limit), ("ours", done), ("textbook", textbook)):
        cpus = [f"{found[kind]:,.0f}" if kind in found else "" for kind in ("app_us", "pg_us")]
        share = found["rows_per_s"] / limit["rows_per_s"]
        shown.add_row("", way, f"{found['rows_per_s']:,.0f}", *cpus, f"{share:.0%}")
    figures = [
        at_least("rows/s", done["rows_per_s"], RATE),
        at_most("worker's peak MB", done["peak_mb"], MEMORY_MB),
    ]
    return Outcome(figures, shown, {"ours": done, "limit": limit, "textbook": textbook})


def measure(stage: Stage, rows: int) -> dict[str, Any]:
    """Rows per second from the start to the end of the job, and the worker's peak memory."""
    # Nobody whom the stage knows already.
    new = stage.rows + 1
    file, bad = people(range(new, new + rows))
    # The worker may still be starting, and first uses take longer: not what is measured.
    first = people(range(new + rows, new + rows + 200))
    with serving(stage, "ours") as server, working(stage) as worker:
        measured(stage, server, worker, File(*first, 200))
        return measured(stage, server, worker, File(file, bad, rows))


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


@dataclass(frozen=True)
class File:
    """What is imported."""

    content: bytes
    bad: int
    """How many of its rows are wrong."""
    rows: int
    entity: str = "contact"
    table: str = "contacts"
    makes: bool = True
    """Whether its rows are new records, and not changes of those that are there."""


def measured(stage: Stage, server: Server, worker: int, file: File) -> dict[str, Any]:
    """Rows per second from the start to the end of the job, memory, and CPU time per row."""
    count = f"SELECT count(*) FROM {file.table}"
    before = stage.query(count)[0][0]
    begun = time.monotonic()
    id, job = _start(stage, server, file)
    started = time.monotonic()
    used = cpu.of_process(worker), cpu.of_family(stage.postgres_pid)
    while True:
        found = asked(stage, server, "GET", f"/v1/jobs/{job}")
        if found["status"] in {"succeeded", "failed", "cancelled"}:
            break
        if time.monotonic() > begun + _GIVE_UP_S or not Path(f"/proc/{worker}").exists():
            raise NotMeasured(f"the job did not end: {found}")
        time.sleep(0.05)
    ended = time.monotonic()
    app, pg = cpu.of_process(worker) - used[0], cpu.of_family(stage.postgres_pid) - used[1]
    counts = asked(stage, server, "GET", f"/v1/imports/{id}")["counts"]
    made, good = stage.query(count)[0][0] - before, file.rows - file.bad
    done = counts["create"] if file.makes else counts["update"]
    stored = (done, counts["error"], made) == (good, file.bad, good if file.makes else 0)
    if found["status"] != "succeeded" or not stored:
        raise NotMeasured(f"{made} {file.table}, not {good}: {found} {counts}")
    return {
        "rows_per_s": file.rows / (ended - started),
        "upload_s": started - begun,
        "import_s": ended - started,
        "peak_mb": cpu.peak_memory_mb(worker),
        "app_us": app / file.rows / 1000,
        "pg_us": pg / file.rows / 1000,
    }


async def _limit(stage: Stage, rows: int) -> dict[str, Any]:
    connection = await asyncpg.connect(stage.dsn)
    try:
        columns = {table: await connection.fetch(_WRITTEN, table) for table in _TABLES}
        for table, names in columns.items():
            listed = ", ".join(f'"{row[0]}"' for row in names)
            with (stage.directory / f"{table}.rows").open("wb") as file:
                query = f"SELECT {listed} FROM {table}"
                await connection.copy_from_query(query, output=file, format="binary")
        await connection.execute(f"TRUNCATE {', '.join(_TABLES)} CASCADE")
        used, begun = cpu.of_family(stage.postgres_pid), time.monotonic()
        for table, names in columns.items():
            with (stage.directory / f"{table}.rows").open("rb") as file:
                listed = [row[0] for row in names]
                await connection.copy_to_table(table, source=file, columns=listed, format="binary")
        seconds = time.monotonic() - begun
        pg = cpu.of_family(stage.postgres_pid) - used
    finally:
        await connection.close()
    return {"rows_per_s": rows / seconds, "pg_us": pg / rows / 1000}


def _textbook(stage: Stage, numbers: range) -> dict[str, Any]:
    path = stage.directory / "textbook.csv"
    path.write_bytes(people(numbers)[0])
    command = [sys.executable, "-m", "benchmarks.servers.one_by_one", str(path)]
    done = subprocess.run(
        command, cwd=ROOT, env=stage.environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotMeasured(f"the textbook failed: {done.stderr[-300:]}")
    return {"rows_per_s": len(numbers) / float(done.stdout)}


def _start(stage: Stage, server: Server, file: File) -> tuple[str, str]:
    """Upload the file and start its import; the ids of both the import and the job."""
    mark = uuid4().hex
    parts = {
        'name="file"; filename="rows.csv"\r\nContent-Type: text/csv': file.content,
        'name="entity"': file.entity.encode(),
    }
    body = b"".join(
        f"--{mark}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"
        for head, value in parts.items()
    )
    kind = f"multipart/form-data; boundary={mark}"
    made = asked(stage, server, "POST", "/v1/imports", body + f"--{mark}--\r\n".encode(), kind)
    started = asked(stage, server, "POST", f"/v1/imports/{made['id']}/start")
    return made["id"], started["job_id"]


SECTION = Section("Import of people from CSV", run, within_s=360)
