"""List, get and create on three servers in turn, each answer checked."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from benchmarks import load
from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_least, at_most, table
from benchmarks.serving import (
    COLUMNS,
    Run,
    Server,
    WrongAnswer,
    cells,
    measure,
    ratio,
    serving,
    work_ratio,
)
from benchmarks.stage import Stage
from crm_api.kit.query.cursor import context_of, seal
from crm_api.kit.query.filters import Filter

CONTACTS = 1_000_000
DEPTH = 0.9
"""How far down the list the deep page lies."""
DEEP_WITHIN = 1.3
TARGETS = {"list": 0.75, "get": 0.50, "create": 0.50}


def run(setting: Setting) -> Outcome:
    """The three servers one after the other, round by round."""
    with setting.stage(setting.size(CONTACTS)) as stage:
        found = _Requests(stage, setting).run()
        return _outcome(found, stage.rows)


def _outcome(found: dict[str, dict[str, list[Run]]], rows: int) -> Outcome:
    title = f"{rows:,} contacts, median of the rounds; PostgreSQL not durable"
    shown = table(title, "server", *COLUMNS, "of the limit", "by work")
    figures = []
    for case, target in TARGETS.items():
        for name, runs in found[case].items():
            share = ratio(runs, found[case]["limit"])
            work = work_ratio(runs, found[case]["limit"])
            shown.add_row(case, name, *cells(runs), f"{share:.0%}", f"{work:.0%}")
            if name == "ours":
                figures.append(at_least(f"{case}, of the limit", share, target, "{:.0%}"))
        shown.add_section()
    first, deep = found["first"]["ours"], found["deep"]["ours"]
    at = f"page at row {int(rows * DEPTH):,}"
    shown.add_row("first page", "ours", *cells(first), "", "")
    shown.add_row(at, "ours", *cells(deep), "", "")
    slower = ratio(first, deep)
    figures.append(at_most(f"{at}, of the first page", slower, DEEP_WITHIN, "{:.2f} x"))
    details = {c: {n: [asdict(r) for r in rs] for n, rs in s.items()} for c, s in found.items()}
    return Outcome(figures, shown, details)


class _Requests:
    """The cases, and how each answer is checked."""

    def __init__(self, stage: Stage, setting: Setting) -> None:
        self.stage, self.rounds, self.seconds = stage, setting.rounds, setting.seconds
        self.created = 0
        rows = stage.query(
            "SELECT id FROM contacts WHERE organization_id = $1 ORDER BY md5(id::text) LIMIT 5000",
            stage.organization_id,
        )
        self.ids = [str(row[0]) for row in rows]

    def run(self) -> dict[str, dict[str, list[Run]]]:
        """Case -> server -> rounds; `first` and `deep` are pages of ours alone."""
        with (
            serving(self.stage, "limit") as limit,
            serving(self.stage, "ours") as ours,
            serving(self.stage, "textbook") as textbook,
        ):
            servers = (limit, ours, textbook)
            self._check_same(servers)
            page, deep = [Call("GET", "/v1/contacts?limit=50")], [self._deep_page(ours)]
            gets = [Call("GET", f"/v1/contacts/{id}") for id in self.ids]
            found = {"list": self._alternate(servers, page), "get": self._alternate(servers, gets)}
            found["first"], found["deep"] = {"ours": []}, {"ours": []}
            for _ in range(self.rounds):
                found["first"]["ours"].append(self._measure(ours, page))
                found["deep"]["ours"].append(self._measure(ours, deep))
            found["create"] = self._alternate(servers, None)
        return found

    def _alternate(
        self, servers: tuple[Server, ...], calls: list[Call] | None
    ) -> dict[str, list[Run]]:
        found: dict[str, list[Run]] = {server.name: [] for server in servers}
        for _ in range(self.rounds):
            for server in servers:
                run = self._measure(server, calls) if calls else self._measure_create(server)
                found[server.name].append(run)
        return found

    def _measure(self, server: Server, calls: list[Call]) -> Run:
        return measure(self.stage, server, calls, self.seconds)

    def _measure_create(self, server: Server) -> Run:
        calls = self._creates(20_000)
        load.run(server.url, self.stage.token, calls[:2_000], 1)
        before = self._counts()
        run = measure(self.stage, server, calls, self.seconds, warm_up=False)
        made = [b - a for a, b in zip(before, self._counts(), strict=True)]
        contacts, events, keys, documents = made
        expected = run.rate * self.seconds
        whole = events == documents == contacts and keys == 2 * contacts
        if not whole or not 0.95 * expected < contacts < 1.1 * expected + 2 * load.CONNECTIONS:
            raise WrongAnswer(f"{server.name}: wrote {made} rows for {expected:.0f} answers")
        return run

    def _creates(self, number: int) -> list[Call]:
        self.created += number
        return [
            Call(
                "POST",
                "/v1/contacts",
                f'{{"first_name": "First{n % 997}", "last_name": "Last{n}", '
                f'"email": "new{n}@example.com", "phone": "+1{201 + n % 700}555{n % 10000:04}", '
                f'"tags": ["tag{n % 50}", "note"]}}',
            )
            for n in range(self.created - number, self.created)
        ]

    def _counts(self) -> list[int]:
        # Only what is newer than the filling is counted, so that counting stays cheap.
        own = self.stage.organization_id
        made = "SELECT id FROM contacts WHERE organization_id = $1 AND created_at > '2025-01-02'"
        row = self.stage.query(
            f"SELECT (SELECT count(*) FROM ({made}) c), "
            "(SELECT count(*) FROM events WHERE organization_id = $1 AND entity = 'contact'), "
            f"(SELECT count(*) FROM record_keys WHERE organization_id = $1 AND record_id IN ({made})), "
            "(SELECT count(*) FROM search_documents WHERE organization_id = $1 "
            f"AND record_id IN ({made}))",
            own,
        )[0]
        return list(row)

    def _check_same(self, servers: tuple[Server, ...]) -> None:
        """Every server must show the same page and the same records."""
        paths = ["/v1/contacts?limit=50", *(f"/v1/contacts/{id}" for id in self.ids[:20])]
        for path in paths:
            call = Call("GET", path)
            shown = [_comparable(s.ask(call, self.stage.token)[1]) for s in servers]
            for server, other in zip(servers, shown, strict=True):
                if not other or other != shown[0]:
                    raise WrongAnswer(f"{server.name}: {path}: {other} is not {shown[0]}")
        (create,) = self._creates(1)
        made = [server.ask(create, self.stage.token) for server in servers]
        for server, (status, body, _) in zip(servers, made, strict=True):
            if status != 201 or body.keys() != made[0][1].keys():
                raise WrongAnswer(f"{server.name}: create: {status} {body}")
        limit, ours = (self._written(made[n][1]["id"]) for n in (0, 1))
        if limit != ours:
            raise WrongAnswer(f"a create writes other rows than the limit: {ours} is not {limit}")
        self.stage.query("DELETE FROM contacts WHERE created_at > '2025-01-02'")
        self.stage.query("DELETE FROM events WHERE entity = 'contact'")
        self.stage.tidy("contacts")

    def _written(self, id: str) -> list[Any]:
        """All rows of a new contact, what differs each time as whether it is there."""
        rows = self.stage.query(
            "SELECT to_jsonb(r) FROM contacts r WHERE id = $1 "
            "UNION ALL SELECT to_jsonb(r) FROM events r WHERE record_id = $1 "
            "UNION ALL SELECT to_jsonb(r) FROM record_keys r WHERE record_id = $1 "
            "UNION ALL SELECT to_jsonb(r) FROM search_documents r WHERE record_id = $1",
            UUID(id),
        )
        return sorted((_masked(json.loads(row[0])) for row in rows), key=str)

    def _deep_page(self, server: Server) -> Call:
        skipped = int(self.stage.rows * DEPTH)
        rows = self.stage.query(
            "SELECT created_at, id FROM contacts WHERE organization_id = $1 AND deleted_at IS NULL "
            "ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT 2",
            self.stage.organization_id,
            skipped - 1,
        )
        everything = Filter()
        context = context_of(
            self.stage.organization_id,
            "contact",
            [("created_at", True), ("id", True)],
            everything.shape,
            everything.values,
            None,
            None,
        )
        cursor = seal(self.stage.settings.signing_key, context, list(rows[0]))
        call = Call("GET", f"/v1/contacts?limit=50&cursor={cursor}")
        status, body, _ = server.ask(call, self.stage.token)
        if status != 200 or body["data"][0]["id"] != str(rows[1][1]):
            raise WrongAnswer(f"{server.name}: deep page: {status} {body}")
        return call


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    masked: dict[str, Any] = {}
    for name, value in row.items():
        if name == "data":
            masked[name] = _masked(value)
        else:
            own = name in {"id", "seq", "tx"} or name.endswith(("_id", "_at", "_by"))
            masked[name] = value is not None if own else value
    return masked


def _comparable(body: Any) -> Any:
    """Whole records, their times as moments: servers write UTC in different ways."""
    if "data" in body:
        return [_comparable(record) for record in body["data"]]
    return {
        name: datetime.fromisoformat(value) if value and name.endswith("_at") else value
        for name, value in body.items()
    }


SECTION = Section("List, get and create, of what bare asyncpg and orjson reach", run, within_s=600)
