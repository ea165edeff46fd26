"""A list with a company and a to-many relation: planned, resolved field by field, and over REST."""

import json
from dataclasses import asdict
from typing import Any

from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_least, at_most, table
from benchmarks.serving import COLUMNS, Run, Server, WrongAnswer, cells, measure, ratio, serving
from benchmarks.stage import Stage

CONTACTS = 1_000
"""How many contacts, the newest, have employments."""
EACH = 3
ROWS = 100_000
WITHIN_OF_REST = 1.3
TIMES_RESOLVED = 5.0

_EMPLOYMENTS = """
INSERT INTO employments (organization_id, id, contact_id, company_id, title, is_primary, started_on,
  version, created_at, updated_at)
SELECT c.organization_id,
  ('0190000000007000c' || lpad(to_hex(n * 10 + row_number() OVER ()), 15, '0'))::uuid,
  c.id, c.company_id, 'Title ' || n, n = 1, date '2020-01-01' + n, 1, c.created_at, c.created_at
FROM (SELECT * FROM contacts WHERE organization_id = $1 ORDER BY created_at DESC LIMIT $2) c,
  generate_series(1, $3::int) n
"""
_OWN = ("id", "name", "email", "phone", "lifecycle", "created_at", "tags")
_COMPANY = ("id", "name", "country")
_EMPLOYMENT = ("id", "title", "started_on", "is_primary")
_FIELDS = ",".join(
    [
        *_OWN,
        *(f"company.{name}" for name in _COMPANY),
        *(f"employments.{name}" for name in _EMPLOYMENT),
    ]
)
REST = Call("GET", f"/v1/contacts?limit=50&fields={_FIELDS}")


def _camel(names: tuple[str, ...]) -> str:
    words = [name.split("_") for name in names]
    return " ".join(first + "".join(map(str.capitalize, rest)) for first, *rest in words)


DOCUMENT = (
    "query($first: Int!) { contacts(first: $first) { "
    f"nodes {{ {_camel(_OWN)} company {{ {_camel(_COMPANY)} }} "
    f"employments {{ nodes {{ {_camel(_EMPLOYMENT)} }} }} }} "
    "pageInfo { hasNextPage endCursor } } }"
)
GRAPHQL = Call("POST", "/graphql", json.dumps({"query": DOCUMENT, "variables": {"first": 50}}))


def run(setting: Setting) -> Outcome:
    """The three ways in turn, round by round."""
    with setting.stage(setting.size(ROWS)) as stage:
        stage.query(_EMPLOYMENTS, stage.organization_id, CONTACTS, EACH)
        stage.tidy("employments")
        found = _measure(stage, setting)
    shown = table("50 contacts, each with its company and three employments", "way", *COLUMNS)
    for name, runs in found.items():
        shown.add_row("", name, *cells(runs))
    slower = ratio(found["rest"], found["planned"])
    faster = ratio(found["planned"], found["resolved"])
    figures = [
        at_most("planned, of REST's time", slower, WITHIN_OF_REST, "{:.2f} x"),
        at_least("resolved, of planned's time", faster, TIMES_RESOLVED, "{:.1f} x"),
    ]
    return Outcome(figures, shown, {n: [asdict(r) for r in runs] for n, runs in found.items()})


def _measure(stage: Stage, setting: Setting) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {"rest": [], "planned": [], "resolved": []}
    with serving(stage, "ours") as ours, serving(stage, "resolved") as resolved:
        _check(stage, ours, resolved)
        ways = {"rest": (ours, REST), "planned": (ours, GRAPHQL), "resolved": (resolved, GRAPHQL)}
        for _ in range(setting.rounds):
            for name, (server, call) in ways.items():
                found[name].append(measure(stage, server, [call], setting.seconds))
    return found


def _check(stage: Stage, ours: Server, resolved: Server) -> None:
    """All three must show the same records."""
    planned, slow, rest = (
        server.ask(call, stage.token)[1]
        for server, call in ((ours, GRAPHQL), (resolved, GRAPHQL), (ours, REST))
    )
    if planned != slow:
        raise WrongAnswer(f"planned and resolved differ: {str(planned)[:300]} {str(slow)[:300]}")
    nodes = planned["data"]["contacts"]["nodes"]
    if len(nodes) != 50 or [_values(n) for n in nodes] != [_values(r) for r in rest["data"]]:
        raise WrongAnswer(f"GraphQL and REST differ: {str(nodes)[:300]} {str(rest)[:300]}")


def _values(row: dict[str, Any]) -> list[Any]:
    *own, company, employments = row.values()
    listed = employments.get("nodes") or employments.get("data")
    if len(listed) != EACH:
        raise WrongAnswer(f"{len(listed)} employments, not {EACH}")
    return [own, list(company.values()), [list(e.values()) for e in listed]]


SECTION = Section("GraphQL planned, of REST and of resolvers with loaders", run)
