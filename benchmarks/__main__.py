"""Runs the benchmarks and prints what came out: `python -m benchmarks --quick`."""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import load
from benchmarks.section import NotMeasured, Outcome, Section, table
from benchmarks.sections import sections
from benchmarks.stage import Ground, Stage

console = Console(width=110)


@dataclass(frozen=True)
class _Setting:
    ground: Ground
    scale: float
    rounds: int
    seconds: float

    def size(self, full: int) -> int:
        return max(1_000, int(full * self.scale))

    @contextmanager
    def stage(self, contacts: int) -> Iterator[Stage]:
        with self.ground.stage(contacts) as stage:
            yield stage


def main() -> int:
    """Measure what was asked for; 1 if something could not be, whatever became of the targets."""
    known = sections()
    options = _options(known)
    chosen = {name: known[name] for name in options.only}
    longest = sum(section.within_s for section in chosen.values()) // 60
    console.print(f"{_machine()}; load by {load.tool()}, {load.CONNECTIONS} connections")
    console.print(f"{', '.join(chosen)}: {longest} minutes at the most")
    if load.tool() != "wrk":
        console.print(load.WITHOUT_WRK)
    outcomes: dict[str, Outcome] = {}
    missing: dict[str, str] = {}
    with Ground() as ground:
        setting = _Setting(ground, options.scale, options.rounds, options.seconds)
        for name, section in chosen.items():
            try:
                outcomes[name] = _run(name, section, setting)
            except Exception as reason:  # noqa: BLE001 - the other sections can still be measured
                missing[name] = f"{type(reason).__name__}: {reason}"
                console.print(f"[red]{name}: not measured[/]")
                console.print(missing[name], markup=False)
    console.print(_summary(outcomes, missing))
    if options.json:
        options.json.write_text(json.dumps(_as_json(options, outcomes, missing), indent=2) + "\n")
    return 1 if missing else 0


def _options(known: dict[str, Section]) -> argparse.Namespace:
    listed = "\n".join(
        f"  {name:<12} {s.title} (at most {s.within_s} s)" for name, s in known.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"sections:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=known, default=list(known), metavar="SECTION")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of all sizes, such as 0.1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of load per round")
    parser.add_argument("--quick", action="store_true", help="small: does it run at all?")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures here")
    options = parser.parse_args()
    if options.quick:
        options.scale, options.rounds, options.seconds = 0.02, 1, 1
    return options


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.machine()}"


def _run(name: str, section: Section, setting: _Setting) -> Outcome:
    begun = time.monotonic()
    with console.status(f"{name}: {section.title}"), _deadline(section.within_s):
        outcome = section.run(setting)
    if outcome.table is not None:
        console.print(outcome.table)
    console.print(f"{name}: done in {time.monotonic() - begun:.0f} s\n")
    return outcome


@contextmanager
def _deadline(seconds: int) -> Iterator[None]:
    """Raise `NotMeasured` in the midst of whatever takes longer."""

    def stop(*_: object) -> None:
        raise NotMeasured(f"it took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _summary(outcomes: dict[str, Outcome], missing: dict[str, str]) -> Any:
    made = table("Targets", "what", "value", "target", "")
    made.columns[1].justify = "left"
    for name, outcome in outcomes.items():
        for figure in outcome.figures:
            verdict = "[green]met[/]" if figure.met else "[red]missed[/]"
            made.add_row(name, figure.what, figure.shown, figure.wanted, verdict)
    for name in missing:
        made.add_row(name, "", "", "", "[red]not measured[/]")
    return made


def _as_json(
    options: argparse.Namespace, outcomes: dict[str, Outcome], missing: dict[str, str]
) -> dict[str, Any]:
    found = {
        name: {
            "figures": [asdict(figure) | {"met": figure.met} for figure in outcome.figures],
            "details": outcome.details,
        }
        for name, outcome in outcomes.items()
    }
    return {"machine": _machine(), "scale": options.scale, **found, "not_measured": missing}


if __name__ == "__main__":
    sys.exit(main())
