"""Processor time and memory of processes, read from /proc."""

import os
from pathlib import Path

_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def of_process(pid: int) -> int:
    """Nanoseconds that a process has run, all its threads together."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    except (OSError, IndexError, ValueError):
        return sum(_ticks(pid)[:2]) * _TICK


def of_family(pid: int) -> int:
    """The same for a process, its living children, and those it has buried."""
    return of_process(pid) + sum(map(of_process, _children(pid))) + sum(_ticks(pid)[2:]) * _TICK


def peak_memory_mb(pid: int) -> float:
    """The most resident memory a process ever had."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = (line.split() for line in status.splitlines())
    return next((int(line[1]) / 1024 for line in lines if line[0] == "VmHWM:"), 0.0)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()]


def _ticks(pid: int) -> tuple[int, ...]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return (0, 0, 0, 0)
    return tuple(int(field) for field in fields[11:15])
