"""The plan of a project of 2,000 tasks: calculated by itself, read, and moved."""

import json
from datetime import UTC, date, datetime
from random import Random
from statistics import median
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks import load
from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import Server, WrongAnswer, serving
from crm_api.domains.projects.scheduling import Link, Task, scheduled
from crm_api.kit.calendar import Calendar, Hours
from crm_api.kit.working_time import WorkingTime

TASKS = 2_000
TARGET_MS = 200
_KINDS = ("fs", "fs", "fs", "ss", "ff", "sf")
_START = datetime(2026, 3, 2, tzinfo=UTC)


def run(setting: Setting) -> Outcome:
    """Two templates of a thousand tasks each make the project."""
    links = _links(TASKS)
    calculated = [_calculated(links) for _ in range(3 * setting.rounds)]
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        project = _project(server, stage.token, links)
        path = f"/v1/projects/{project}/schedule"
        _, plan, _ = server.ask(Call("GET", path), stage.token)
        if len(plan["tasks"]) != TASKS:
            raise WrongAnswer(f"{len(plan['tasks'])} tasks")
        read = load.timed(server.url, stage.token, [Call("GET", path)] * 5 * setting.rounds, 1)
        days = [date(2026, 3, 3 + n % 2).isoformat() for n in range(2 * setting.rounds)]
        moves = [
            Call("PATCH", f"/v1/projects/{project}", json.dumps({"starts_on": day})) for day in days
        ]
        moved = load.timed(server.url, stage.token, moves, 1)
    times = {"calculated": calculated, "read": read, "start moved": moved}
    shown = table(f"a plan of {TASKS:,} tasks", "what", "p50 ms")
    for what, found in times.items():
        shown.add_row(what, f"{median(found):.0f}")
    figures = [
        at_most(f"critical path of {TASKS:,} tasks, p50 ms", median(calculated), TARGET_MS),
        at_most("the same as a request, p50 ms", median(read), TARGET_MS),
    ]
    return Outcome(figures, shown, times)


def _links(tasks: int) -> list[list[tuple[int, str, int]]]:
    """Of each task up to three others of the same thousand that come before it."""
    random = Random(7)
    found: list[list[tuple[int, str, int]]] = []
    for n in range(tasks):
        first = n // 1_000 * 1_000
        before = {random.randrange(max(first, n - 40), n) for _ in range(3)} if n > first else ()
        found.append([(of, random.choice(_KINDS), random.randrange(-60, 240)) for of in before])
    return found


def _calculated(links: list[list[tuple[int, Any, int]]]) -> float:
    """Milliseconds of processor time for a plan over three calendars, expanding them included."""
    begun = process_time()
    times = [
        WorkingTime(Calendar(ZoneInfo(zone), ((Hours(540, 1020),),) * 5 + ((), ())), _START)
        for zone in ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
    ]
    tasks = {
        n: Task(60 + n % 7 * 30, times[n % 3], [Link(*link) for link in behind])
        for n, behind in enumerate(links)
    }
    scheduled(tasks, _START)
    return (process_time() - begun) * 1_000


def _project(server: Server, token: str, links: list[list[tuple[int, str, int]]]) -> str:
    def made(path: str, body: dict[str, Any]) -> str:
        _, answer, _ = server.ask(Call("POST", path, json.dumps(body)), token)
        return answer["id"]

    templates: list[str] = []
    for first in range(0, len(links), 1_000):
        tasks = [
            {
                "key": f"t{n}",
                "name": f"Task {n}",
                "minutes": 60 + n % 7 * 30,
                "dependencies": [
                    {"key": f"t{of}", "kind": kind, "lag": lag} for of, kind, lag in links[n]
                ],
            }
            for n in range(first, first + 1_000)
        ]
        templates.append(made("/v1/project-templates", {"name": f"T{first}", "tasks": tasks}))
    body = {"name": "P", "starts_on": "2026-03-02", "template_ids": templates}
    return made("/v1/projects", body)


SECTION = Section("Projects", run, within_s=120)
