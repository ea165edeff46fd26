"""The same list for somebody who sees all records, and for a rep who sees 200 that are shared."""

import json
from dataclasses import asdict, replace
from typing import Any

from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import (
    COLUMNS,
    Run,
    Server,
    WrongAnswer,
    asked,
    cells,
    measure,
    ratio,
    serving,
    work_ratio,
)
from benchmarks.stage import Stage

CONTACTS = 1_000_000
SHARED = 200
MOST = 0.25
CALL = Call("GET", "/v1/contacts?limit=50")
_SPREAD = """
    SELECT id FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) AS n FROM contacts) c
    WHERE n % $1 = 0 LIMIT $2
"""


def _post(stage: Stage, server: Server, path: str, body: Any) -> Any:
    return asked(stage, server, "POST", path, json.dumps(body).encode())


def _rep(stage: Stage, server: Server) -> str:
    """The token of a sales rep who has records of all ages from somebody else."""
    role = asked(stage, server, "GET", "/v1/roles?filter[key]=sales_rep")["data"][0]["id"]
    body = {"name": "Sample Rep", "email": "rep@example.com", "role_ids": [role]}
    user = _post(stage, server, "/v1/users", body)["id"]
    ids = stage.query(_SPREAD, max(1, stage.rows // SHARED), SHARED)
    shares = [{"target": "contact", "record_id": str(id), "user_id": user} for (id,) in ids]
    _post(stage, server, "/v1/shares/bulk", {"op": "create", "items": shares})
    key = {"name": "Rep", "scopes": ["*"], "user_id": user}
    return _post(stage, server, "/v1/api-keys", key)["token"]


def run(setting: Setting) -> Outcome:
    """One list and the other, round by round."""
    found: dict[str, list[Run]] = {"all": [], "shared": []}
    with setting.stage(setting.size(CONTACTS)) as stage, serving(stage, "ours") as server:
        rep = replace(stage, token=_rep(stage, server))
        stages = {"all": stage, "shared": rep}
        counted = Call("GET", "/v1/contacts?limit=50&count=exact")
        totals = {n: server.ask(counted, s.token)[1]["total"] for n, s in stages.items()}
        if totals != {"all": stage.rows, "shared": min(SHARED, stage.rows)}:
            raise WrongAnswer(f"They see {totals}.")
        for _ in range(setting.rounds):
            for name, own in stages.items():
                found[name].append(measure(own, server, [CALL], setting.seconds))
        title = f"a list of 50 of {stage.rows:,} contacts, {SHARED} of which are shared"
    shown = table(title, "way", *COLUMNS)
    for name, runs in found.items():
        shown.add_row("", name, *cells(runs))
    added = 1 / ratio(found["shared"], found["all"]) - 1
    by_work = 1 / work_ratio(found["shared"], found["all"]) - 1
    figures = [
        at_most("row visibility adds to a list", added, MOST, "{:.0%}"),
        at_most("the same by work", by_work, MOST, "{:.0%}"),
    ]
    details = {name: [asdict(run) for run in runs] for name, runs in found.items()}
    return Outcome(figures, shown, details)


SECTION = Section("A list for who sees all, and for who sees 200 records that are shared", run)
