"""Leads: from capture to whoever gets them, a steady stream, and a great many shared out at once."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import asyncpg

from benchmarks import cpu, load
from benchmarks.giving import again as giving_again
from benchmarks.load import Call
from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_least, at_most, table
from benchmarks.serving import Server, WrongAnswer, asked, serving, working
from benchmarks.stage import Stage

CONTACTS = 100_000
LEADS = 100_000
MEMBERS = 200
ALONE = 60
PER_SECOND, P50_MS, BATCH_S, MEMORY_MB = 200, 40, 3, 300
OPTIMAL, OPTIMAL_MEMBERS, OPTIMAL_S = 5_000, 50, 2
CHUNKED, CHUNKED_MEMBERS, CHUNKED_S = 20_000, 100, 15
PLACES = ("DE", "AT", "CH", "FR")
_CAP = 2_000
_GIVE_UP_S = 400.0
_LISTS = "/v1/prospect-lists"
_USERS = """
    INSERT INTO users (organization_id, id, name, sort_name, email, status, version, created_at,
        updated_at)
    SELECT $1, gen_random_uuid(), 'Rep ' || n, 'rep ' || n, 'rep' || n || '@example.com', 'active',
        1, now(), now()
    FROM generate_series(1, $2::int) n RETURNING id
"""
_LEADS = """
    INSERT INTO leads (organization_id, id, name, sort_name, last_name, emails, phones, addresses,
        tags, skills, utm, candidates, decision, status, hops, country, industry, score, fit_score,
        custom, external_ids, version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 'Person ' || n, 'person ' || n, 'Person ' || n, '[]', '[]', '[]',
        '[]', '[]', '{}', '[]', '{}', 'new', 0, (ARRAY['DE', 'AT', 'CH', 'FR'])[1 + n % 4],
        (ARRAY['bank', 'shop', 'school', 'farm', 'clinic'])[1 + n % 5], n * 7919 % 101,
        n * 7919 % 101, '{}', '{}', 1, now(), now()
    FROM generate_series(1, $2::int) n
"""
_OPEN = """
    SELECT count(*) AS n FROM lead_assignments WHERE organization_id = $1 AND ended_at IS NULL
"""
_SHARES = """
    SELECT m.weight, m.place, count(a.id) AS n,
        count(a.id) FILTER (WHERE l.country <> m.place) AS strayed
    FROM (SELECT (member ->> 'user_id')::uuid AS user_id, (member ->> 'weight')::int AS weight,
            member -> 'countries' ->> 0 AS place
        FROM lead_pools CROSS JOIN LATERAL jsonb_array_elements(members) AS m (member)
        WHERE organization_id = $1) m
    LEFT JOIN lead_assignments a ON a.organization_id = $1 AND a.user_id = m.user_id
        AND a.ended_at IS NULL
    LEFT JOIN leads l ON l.organization_id = $1 AND l.id = a.lead_id
    GROUP BY m.user_id, m.weight, m.place
"""
_TOLD = """
    SELECT count(*) AS n FROM events WHERE organization_id = $1
        AND type IN ('lead.assigned', 'lead_assignment.created')
"""


@dataclass(frozen=True)
class _Giving:
    """What it took to give many leads."""

    seconds: float
    worker_s: float
    postgres_s: float
    """Processor time, also that of seals and notifications meanwhile."""
    memory_mb: float
    alone: tuple[float, float]
    """What PostgreSQL alone takes for the same rows, and of processors."""

    def told(self, what: str) -> dict[str, float]:
        """The rest of it, by words."""
        return {
            f"{what}, processor time of the worker, s": self.worker_s,
            f"{what}, processor time of PostgreSQL, s": self.postgres_s,
            f"{what}, worker, MB at the most": self.memory_mb,
            f"{what}, the same rows by PostgreSQL alone, s": self.alone[0],
            f"{what}, the same, processor time, s": self.alone[1],
        }


def run(setting: Setting) -> Outcome:
    """One server and one worker."""
    alone, rate = _captured(setting)
    leads = setting.size(LEADS)
    planning, plan = _shared_out(setting, leads)
    splitting, listed = _listed(setting, leads)
    optimal = setting.size(OPTIMAL)
    solving = _assigned_best(setting, optimal, OPTIMAL_MEMBERS)
    chunked = setting.size(CHUNKED)
    solving_more = _assigned_best(setting, chunked, CHUNKED_MEMBERS)
    times = {
        "one lead, capture to assignment, median ms": alone,
        "leads/s, captured and assigned": rate,
        f"plan of {leads:,} leads over {MEMBERS}, s": planning,
        "carried out, s": plan.seconds,
        **plan.told("of the plan"),
        f"list of {leads:,} leads over {MEMBERS}, s": listed.seconds,
        **listed.told("of the list"),
        f"list of {leads:,} split by score, s": splitting,
        f"optimal plan of {optimal:,} x {OPTIMAL_MEMBERS}, s": solving,
        f"optimal plan of {chunked:,} x {CHUNKED_MEMBERS}, in parts, s": solving_more,
    }
    shown = table("leads", "value")
    for what, taken in times.items():
        shown.add_row(what, f"{taken:,.1f}")
    figures = [
        at_most("capture to assignment, median ms", alone, P50_MS),
        at_least("captured and assigned, leads/s", rate, PER_SECOND),
        at_most(f"{leads:,} leads over {MEMBERS}, s", planning + plan.seconds, BATCH_S, "{:.1f}"),
        at_most(f"list of {leads:,} over {MEMBERS}, s", listed.seconds, BATCH_S, "{:.1f}"),
        at_most("memory of the worker, MB", max(plan.memory_mb, listed.memory_mb), MEMORY_MB),
        at_most(f"optimal, {optimal:,} x {OPTIMAL_MEMBERS}, s", solving, OPTIMAL_S, "{:.1f}"),
        at_most(f"optimal, {chunked:,} x {CHUNKED_MEMBERS}, s", solving_more, CHUNKED_S, "{:.1f}"),
    ]
    return Outcome(figures, shown, times)


def _captured(setting: Setting) -> tuple[float, float]:
    """Milliseconds from a capture to its assignment, and how many a second there can be."""
    with (
        setting.stage(setting.size(CONTACTS)) as stage,
        serving(stage, "ours") as server,
        working(stage),
        closing(_Eye(stage)) as eye,
    ):
        rule = {"name": "All", "pool_id": _pool(stage, server, MEMBERS // 10)}
        asked(stage, server, "POST", "/v1/lead-rules", json.dumps(rule).encode())
        _capture(stage, server, 0)
        eye.until(1)
        alone: list[float] = []
        for n in range(1, ALONE + 1):
            begun = time.monotonic()
            _capture(stage, server, n)
            eye.until(1 + n)
            alone.append((time.monotonic() - begun) * 1000)
        count = int(PER_SECOND * max(setting.seconds, 1) * 2)
        calls = [Call("POST", "/v1/leads", _body(ALONE + 1 + n)) for n in range(count)]
        begun = time.monotonic()
        load.timed(server.url, stage.token, calls, load.CONNECTIONS)
        eye.until(1 + ALONE + count)
        return median(alone), count / (time.monotonic() - begun)


def _shared_out(setting: Setting, leads: int) -> tuple[float, _Giving]:
    """Seconds for a plan, and what it takes to carry it out."""
    with _filled(setting, leads, MEMBERS) as (stage, server, pool):
        body = {"limit": leads, "preview": True}
        with working(stage) as worker:
            _begun(stage, server, pool)
            planning, plan = _planned(stage, server, pool, body)
            path = f"/v1/lead-plans/{plan['id']}/commit"
            given = _given(stage, server, worker, path, b"")
        return planning, _again(stage, leads, given)


def _listed(setting: Setting, leads: int) -> tuple[float, _Giving]:
    """Seconds for a list that is split, and what it takes to share it out."""
    with _filled(setting, leads, MEMBERS) as (stage, server, pool):
        own, whole = (_list(stage, server, leads) for _ in range(2))
        with working(stage) as worker:
            _begun(stage, server, pool)
            given = _given(stage, server, worker, f"{_LISTS}/{own}/distribute", _over(pool))
        begun = time.monotonic()
        body = json.dumps({"by": "score", "shares": [3, 2, 1]}).encode()
        parts = asked(stage, server, "POST", f"{_LISTS}/{whole}/split", body)["data"]
        splitting = time.monotonic() - begun
        if sum(part["member_count"] for part in parts) != leads:
            raise WrongAnswer(f"the parts are {parts}")
        return splitting, _again(stage, leads, given)


def _given(stage: Stage, server: Server, worker: int, path: str, body: bytes) -> _Giving:
    """What it takes from asking for it to the end of the job."""
    used, begun = _used(stage, worker), time.monotonic()
    _until_ended(stage, server, asked(stage, server, "POST", path, body)["job_id"])
    seconds = time.monotonic() - begun
    worker_s, postgres_s = (
        (after - before) / 1e9 for after, before in zip(_used(stage, worker), used, strict=True)
    )
    memory = cpu.peak_memory_mb(worker)
    return _Giving(seconds, worker_s, postgres_s, memory, (0.0, 0.0))


def _used(stage: Stage, worker: int) -> tuple[int, int]:
    return cpu.of_process(worker), cpu.of_family(stage.postgres_pid)


def _again(stage: Stage, leads: int, given: _Giving) -> _Giving:
    """The same, with what PostgreSQL alone takes, if all was given as it should be."""
    rows = stage.query(_SHARES, stage.organization_id)
    told = stage.query(_TOLD, stage.organization_id)[0]["n"]
    given_in_all, strayed = (sum(row[name] for row in rows) for name in ("n", "strayed"))
    if given_in_all != leads or strayed or told != 2 * leads:
        raise WrongAnswer(f"{given_in_all} were given, {strayed} elsewhere, {told} told")
    for place in PLACES:
        own = [row for row in rows if row["place"] == place]
        total, weights = (sum(row[name] for row in own) for name in ("n", "weight"))
        off = [row["n"] - total * row["weight"] / weights for row in own]
        # What smooth weighted round robin promises of its members.
        least = -sum(1 / n for n in range(2, len(own) + 1))
        if max(off) >= 1 or min(off) < least:
            raise WrongAnswer(f"in {place} shares are off by {min(off):.2f} to {max(off):.2f}")
    return replace(given, alone=giving_again(stage))


def _list(stage: Stage, server: Server, leads: int) -> str:
    """A list of all leads."""
    made = asked(stage, server, "POST", _LISTS, b'{"name": "Bought"}')["id"]
    told = {"member_count": 0}
    while told["member_count"] < leads:
        told = asked(stage, server, "POST", f"{_LISTS}/{made}/members", b'{"filter": {}}')
    stage.query("ANALYZE prospect_members")
    return made


def _over(pool: str) -> bytes:
    return json.dumps({"pool_id": pool}).encode()


def _begun(stage: Stage, server: Server, pool: str) -> None:
    """Come back when the worker works: it has done an empty list."""
    empty = asked(stage, server, "POST", _LISTS, b'{"name": "Nobody"}')["id"]
    told = asked(stage, server, "POST", f"{_LISTS}/{empty}/distribute", _over(pool))
    _until_ended(stage, server, told["job_id"])


def _assigned_best(setting: Setting, leads: int, members: int) -> float:
    """Seconds for a plan that is an assignment of the highest value, where each fits everybody."""
    with (
        _filled(setting, leads, members, places=False) as (stage, server, pool),
        working(stage),
    ):
        _begun(stage, server, pool)
        body = {"limit": leads, "preview": True, "strategy": "optimal"}
        return _planned(stage, server, pool, body)[0]


@contextmanager
def _filled(
    setting: Setting, leads: int, members: int, *, places: bool = True
) -> Iterator[tuple[Stage, Server, str]]:
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        pool = _pool(stage, server, members, places=places)
        stage.query(_LEADS, stage.organization_id, leads)
        stage.query("ANALYZE leads")
        yield stage, server, pool


def _planned(
    stage: Stage, server: Server, pool: str, body: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    begun = time.monotonic()
    path = f"/v1/lead-pools/{pool}/distribute"
    plan = asked(stage, server, "POST", path, json.dumps(body).encode())
    if plan["status"] == "planning":
        _until_ended(stage, server, plan["job_id"])
    taken = time.monotonic() - begun
    plan = asked(stage, server, "GET", f"/v1/lead-plans/{plan['id']}")
    if plan["planned_count"] != body["limit"]:
        raise WrongAnswer(f"{plan['planned_count']} are planned, {plan['left']} are left")
    return taken, plan


def _pool(stage: Stage, server: Server, members: int, *, places: bool = True) -> str:
    """One with caps; where there are places, each member has one of them, and weighs 1 to 3."""
    ids = [row["id"] for row in stage.query(_USERS, stage.organization_id, members)]
    body = {
        "name": "Inside sales",
        "members": [
            {
                "user_id": str(id),
                "weight": 1 + n // len(PLACES) % 3 if places else 1,
                "countries": [PLACES[n % len(PLACES)]] if places else PLACES,
                "open_cap": _CAP,
                "weekly_cap": _CAP,
            }
            for n, id in enumerate(ids)
        ],
    }
    return asked(stage, server, "POST", "/v1/lead-pools", json.dumps(body).encode())["id"]


def _body(n: int) -> str:
    lead = {
        "first_name": "Sample",
        "last_name": f"Person {n}",
        "email": f"lead.{n}@office{n % 997}.example",
        "phone": f"+49 30 {7_000_000 + n}",
        "company_name": f"Company {n}",
        "country": "DE",
    }
    return json.dumps(lead)


def _capture(stage: Stage, server: Server, n: int) -> None:
    asked(stage, server, "POST", "/v1/leads", _body(n).encode())


class _Eye:
    """Looks how many leads are somebody's, over one connection: a new one takes longer than that."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._runner = stage, asyncio.Runner()
        self._connection: Any = self._runner.run(asyncpg.connect(stage.dsn))

    def until(self, count: int) -> None:
        """Come back when so many are."""
        end = time.monotonic() + _GIVE_UP_S
        own = self._stage.organization_id
        while (found := self._runner.run(self._connection.fetchval(_OPEN, own))) < count:
            if time.monotonic() > end:
                raise NotMeasured(f"{found} of {count} were given")
            time.sleep(0.002)

    def close(self) -> None:
        """Give back the connection."""
        self._runner.run(self._connection.close())
        self._runner.close()


def _until_ended(stage: Stage, server: Server, job: str) -> None:
    end = time.monotonic() + _GIVE_UP_S
    while (told := asked(stage, server, "GET", f"/v1/jobs/{job}"))["status"] != "succeeded":
        if told["status"] in {"failed", "cancelled"} or time.monotonic() > end:
            raise NotMeasured(f"the job is {told['status']}: {told}")
        time.sleep(0.02)


SECTION = Section("Leads", run, within_s=900)
