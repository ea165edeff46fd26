"""Runs the benchmarks and prints what came out: `python -m benchmarks --quick`."""

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import first_answer, graphql, imports, load, requests
from benchmarks.stage import Stage

TARGETS = {"list": 0.75, "get": 0.50, "create": 0.50}
DEEP_WITHIN = 1.3
PARTS = ("requests", "graphql", "import", "start")
console = Console(width=110)


def main() -> None:
    """Measure what was asked for; the exit code says nothing about the targets."""
    options = _options()
    found: dict[str, Any] = {"machine": _machine(), "rows": options.rows}
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "requests": lambda: _requests(options),
        "graphql": lambda: _graphql(options),
        "import": lambda: _import(options),
        "start": _start,
    }
    console.print(f"{found['machine']}; load by {load.tool()}, {load.CONNECTIONS} connections")
    for name in options.only:
        found[name] = parts[name]()
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="contacts in the table")
    parser.add_argument("--import-rows", type=int, default=100_000, help="people in the file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of load per round")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="small: does it run at all?")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures here")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.import_rows, options.rounds, options.seconds = 20_000, 5_000, 1, 1
    return options


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}"


def _requests(options: argparse.Namespace) -> dict[str, Any]:
    making = f"making {options.rows:,} contacts"
    with console.status(making) as status, Stage(options.rows) as stage:
        status.update("loading three servers in turn")
        found = requests.Bench(stage, rounds=options.rounds, seconds=options.seconds).run()
    table = _table(
        f"{options.rows:,} contacts, median of {options.rounds} rounds; PostgreSQL not durable",
        "server",
        "req/s",
        "app µs",
        "pg µs",
        "p50 ms",
        "p99 ms",
        "of the limit",
    )
    for case, target in TARGETS.items():
        for name, runs in found[case].items():
            share = requests.ratio(runs, found[case]["limit"])
            verdict = f"  {_verdict(share >= target)} ≥ {target:.0%}" if name == "ours" else ""
            table.add_row(case, name, *_cells(runs), f"{share:.0%}{verdict}")
        table.add_section()
    first, deep = found["first"]["ours"], found["deep"]["ours"]
    slower = requests.ratio(first, deep)
    table.add_row("first page", "ours", *_cells(first), "")
    at = f"at {int(options.rows * requests.DEPTH):,}"
    verdict = f"1 : {slower:.2f}  {_verdict(slower <= DEEP_WITHIN)} ≤ {DEEP_WITHIN}"
    table.add_row(at, "ours", *_cells(deep), verdict)
    console.print(table)
    return {
        case: {name: [asdict(run) for run in runs] for name, runs in servers.items()}
        for case, servers in found.items()
    }


def _graphql(options: argparse.Namespace) -> dict[str, Any]:
    rows = min(options.rows, graphql.ROWS)
    with console.status("loading GraphQL and REST in turn"), Stage(rows) as stage:
        found = graphql.measure(stage, rounds=options.rounds, seconds=options.seconds)
    table = _table(
        "50 contacts, each with its company and three employments",
        "way",
        "req/s",
        "app µs",
        "pg µs",
        "p50 ms",
        "p99 ms",
        "target",
    )
    slower = graphql.ratio(found, "planned", "rest")
    faster = graphql.ratio(found, "resolved", "planned")
    verdicts = {
        "rest": "",
        "planned": f"{slower:.2f} x REST  {_verdict(slower <= graphql.WITHIN_OF_REST)} "
        f"≤ {graphql.WITHIN_OF_REST}",
        "resolved": f"{faster:.1f} x planned  {_verdict(faster >= graphql.TIMES_RESOLVED)} "
        f"≥ {graphql.TIMES_RESOLVED:.0f}",
    }
    for name, runs in found.items():
        table.add_row("", name, *_cells(runs), verdicts[name])
    console.print(table)
    return {name: [asdict(run) for run in runs] for name, runs in found.items()}


def _cells(runs: list[requests.Run]) -> list[str]:
    rate, app, pg = (requests.middle(runs, name) for name in ("rate", "app_us", "pg_us"))
    p50, p99 = (requests.middle(runs, name) for name in ("p50_ms", "p99_ms"))
    return [f"{rate:,.0f}", f"{app:,.0f}", f"{pg:,.0f}", f"{p50:.1f}", f"{p99:.1f}"]


def _import(options: argparse.Namespace) -> dict[str, Any]:
    try:
        importing = f"importing {options.import_rows:,} people"
        with console.status(importing), Stage(0) as stage:
            done = imports.measure(stage, options.import_rows)
    except imports.NotPossible as reason:
        console.print(f"import: not measured: {reason}")
        return {"error": str(reason)}
    table = _table(f"{options.import_rows:,} people from CSV", "figure", "target")
    fast, small = done["rows_per_s"] >= imports.RATE, done["peak_mb"] < imports.MEMORY_MB
    rate, memory = f"{done['rows_per_s']:,.0f}", f"{done['peak_mb']:.0f}"
    table.add_row("rows/s", rate, f"{_verdict(fast)} ≥ {imports.RATE:,}")
    table.add_row("worker's peak MB", memory, f"{_verdict(small)} < {imports.MEMORY_MB}")
    table.add_row("its helpers' peak MB", f"{done['helpers_mb']:.0f}", "")
    table.add_row("upload before, seconds", f"{done['upload_s']:.1f}", "")
    console.print(table)
    return done


def _start() -> dict[str, Any]:
    try:
        with console.status("waiting for the first answer"):
            seconds = first_answer.measure()
    except first_answer.NotStarted as reason:
        console.print(f"first answer: not measured: {reason}")
        return {"error": str(reason)}
    table = _table("From nothing to the first answer", "figure", "target")
    verdict = _verdict(seconds < first_answer.WITHIN_S)
    table.add_row("seconds", f"{seconds:.1f}", f"{verdict} < {first_answer.WITHIN_S}")
    console.print(table)
    return {"seconds": seconds}


def _table(title: str, *columns: str) -> Table:
    table = Table("", title=title, title_justify="left")
    for column in columns:
        table.add_column(
            column, justify="left" if column in {"server", "way", "target"} else "right"
        )
    return table


def _verdict(met: bool) -> str:  # noqa: FBT001 - it is what is judged
    return "[green]PASS[/]" if met else "[red]MISS[/]"


if __name__ == "__main__":
    main()
