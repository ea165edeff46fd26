"""Searches of every sort on 1,000,000 contacts, each timed by itself."""

import random
from collections import defaultdict
from statistics import quantiles
from typing import Any
from urllib.parse import quote

from benchmarks import load
from benchmarks.load import Call
from benchmarks.names import FIRST, latin
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import Server, WrongAnswer, serving
from benchmarks.stage import Stage
from crm_api.kit.values.names import forms_of

CONTACTS = 1_000_000
EACH = 60
"""Questions of a sort."""
P50_MS, P95_MS = 10, 40
_SAMPLE = """
    SELECT first_name, last_name, email, phone FROM contacts WHERE organization_id = $1
    ORDER BY md5(id::text) LIMIT $2
"""


def run(setting: Setting) -> Outcome:
    """Over one connection and over eight, through the service with row-level security."""
    with setting.stage(setting.size(CONTACTS)) as stage, serving(stage, "ours") as server:
        asked = _questions(stage)
        _check(server, stage, asked)
        calls = [(sort, _call(text, sort)) for sort, texts in asked.items() for text in texts]
        random.Random(1).shuffle(calls)
        found = {n: _times(server, stage, calls, n, setting.rounds) for n in (1, 8)}
    return _outcome(found, stage.rows)


def _questions(stage: Stage) -> dict[str, list[str]]:
    people = stage.query(_SAMPLE, stage.organization_id, EACH)
    draw = random.Random(2)
    return {
        "frequent word": [draw.choice([*FIRST, "gmail", "example", "title"]) for _ in people],
        "rare word": [p["last_name"] for p in people],
        "whole name": [f"{p['first_name']} {p['last_name']}" for p in people],
        "other alphabet": [f"{latin(p['last_name'])} {latin(p['first_name'])}" for p in people],
        "two letters": [p["last_name"][:2] for p in people],
        "three letters": [p["first_name"][:3] for p in people],
        "four letters": [p["last_name"][:4] for p in people],
        "name and letters": [f"{p['first_name']} {p['last_name'][:3]}" for p in people],
        "mistyped": [_mistyped(p["last_name"], draw) for p in people],
        "e-mail": [p["email"] for p in people],
        "part of e-mail": [p["email"][: p["email"].index("@") + 4] for p in people],
        "part of number": [p["phone"][:9] for p in people],
        "end of number": [p["phone"][-6:] for p in people],
        "list, sorted, filtered": [p["first_name"] for p in people],
        "list by relevance": [p["last_name"][:3] for p in people],
    }


def _mistyped(name: str, draw: random.Random) -> str:
    at = draw.randrange(1, len(name) - 1)
    ways = (
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        name[:at] + name[at + 1 :],
        name[:at] + name[at] + name[at:],
    )
    return draw.choice(ways)


def _call(text: str, sort: str) -> Call:
    q = quote(text)
    if sort == "list, sorted, filtered":
        return Call("GET", f"/v1/contacts?q={q}&sort=name&filter[lifecycle]=customer&limit=50")
    if sort == "list by relevance":
        return Call("GET", f"/v1/contacts?q={q}&limit=50")
    mode = "&mode=typeahead" if sort.endswith("letters") else ""
    return Call("GET", f"/v1/search?q={q}{mode}")


def _check(server: Server, stage: Stage, asked: dict[str, list[str]]) -> None:
    """What is there must be found, and what is found must be it."""
    for sort, texts in asked.items():
        for text in texts[:5]:
            _, body, _ = server.ask(_call(text, sort), stage.token)
            if not body["data"] and sort != "mistyped":
                raise WrongAnswer(f"{sort}: nothing found for {text!r}")
            if sort in {"rare word", "whole name"}:
                _check_names(text, body["data"])


def _check_names(text: str, data: list[dict[str, Any]]) -> None:
    title = data[0]["title"].lower().split()
    merged = {forms_of(word)[-1] for word in title}
    if not all(forms_of(word)[-1] in merged for word in text.lower().split()):
        raise WrongAnswer(f"{text!r} found {data[0]['title']!r} first")


def _times(
    server: Server, stage: Stage, calls: list[tuple[str, Call]], connections: int, rounds: int
) -> dict[str, list[float]]:
    sent = [call for _, call in calls]
    load.timed(server.url, stage.token, sent, connections)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        times = load.timed(server.url, stage.token, sent, connections)
        for (sort, _call), time in zip(calls, times, strict=True):
            found[sort].append(time)
    return found


def _outcome(found: dict[int, dict[str, list[float]]], rows: int) -> Outcome:
    shown = table(f"{rows:,} contacts", "p50 ms", "p95 ms", "p50 of 8", "p95 of 8")
    for sort in found[1]:
        shown.add_row(sort, *(f"{x:.1f}" for n in (1, 8) for x in _middle(found[n][sort])))
    figures = []
    for connections in (1, 8):
        p50, p95 = _middle([time for times in found[connections].values() for time in times])
        over = f"over {connections} connection{'s' if connections > 1 else ''}"
        figures += [
            at_most(f"search {over}, p50 ms", p50, P50_MS, "{:.1f}"),
            at_most(f"search {over}, p95 ms", p95, P95_MS, "{:.1f}"),
        ]
    return Outcome(figures, shown, {str(n): dict(times) for n, times in found.items()})


def _middle(times: list[float]) -> tuple[float, float]:
    cuts = quantiles(times, n=20)
    return cuts[9], cuts[18]


SECTION = Section("Search", run, within_s=900)
