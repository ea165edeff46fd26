"""A list with three conditions and a path through a relation, against its SQL alone."""

from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_least, table
from benchmarks.serving import COLUMNS, Run, WrongAnswer, cells, measure, ratio, serving

CONTACTS = 1_000_000
SHARE = 0.50
FILTER: dict[str, Any] = {
    "lifecycle": {"in": ["lead", "customer"]},
    "birth_date": {"gte": "1960-01-01"},
    "title": {"ne": "Title 7"},
    "company": {"name": {"starts_with": "Company 1"}},
}
"""About one contact in twenty matches."""


def _flat(source: dict[str, Any], path: str = "filter") -> list[str]:
    parts: list[str] = []
    for name, value in source.items():
        here = f"{path}[{name}]"
        if isinstance(value, dict):
            parts += _flat(value, here)
        else:
            text = ",".join(value) if isinstance(value, list) else value
            parts.append(f"{quote(here)}={quote(text)}")
    return parts


CALL = Call("GET", f"/v1/contacts?limit=50&{'&'.join(_flat(FILTER))}")


def run(setting: Setting) -> Outcome:
    """The service and its statement without it, round by round."""
    found: dict[str, list[Run]] = {"filtered": [], "ours": []}
    with (
        setting.stage(setting.size(CONTACTS)) as stage,
        serving(stage, "filtered") as limit,
        serving(stage, "ours") as ours,
    ):
        pages = [server.ask(CALL, stage.token)[1]["data"] for server in (limit, ours)]
        if len(pages[0]) != 50 or pages[0] != pages[1]:
            raise WrongAnswer(f"{str(pages[1])[:500]} is not {str(pages[0])[:500]}")
        for _ in range(setting.rounds):
            for server in (limit, ours):
                run = measure(stage, server, [CALL], setting.seconds)
                found[server.name].append(run)
        title = f"three conditions and a relation path, {stage.rows:,} contacts"
    shown = table(title, "server", *COLUMNS)
    for name, runs in found.items():
        shown.add_row("", name, *cells(runs))
    share = ratio(found["ours"], found["filtered"])
    figure = at_least("list with a filter, of its SQL alone", share, SHARE, "{:.0%}")
    details = {name: [asdict(run) for run in runs] for name, runs in found.items()}
    return Outcome([figure], shown, details)


SECTION = Section("List with a filter through a relation, of its SQL alone", run)
