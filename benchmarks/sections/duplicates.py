"""The search for duplicates: through a whole collection, and for one record at its insertion."""

import asyncio
import http.client
import json
import random
import subprocess
import sys
import time
from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks import cpu
from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_least, at_most, table
from benchmarks.serving import Server, serving
from benchmarks.stage import ROOT, Stage
from crm_api.api.services import open_database
from crm_api.domains.contacts.schemas import ContactCreate
from crm_api.domains.contacts.service import ContactService
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work

CONTACTS = 100_000
SCAN_S = 120
CHECK_MS = 20
TWICE = 0.05
"""How many of the people stand there a second time, with mistakes."""
CHECKS = 300
_GIVE_UP_S = 420.0
_SYLLABLES = [
    "an",
    "ber",
    "bro",
    "cas",
    "dor",
    "el",
    "fen",
    "gar",
    "hal",
    "in",
    "jor",
    "kal",
    "lan",
    "mar",
    "nor",
    "os",
    "pet",
    "quin",
    "ros",
    "sten",
    "tor",
    "ul",
    "van",
    "wil",
    "xan",
    "yor",
    "zel",
    "schul",
    "bach",
    "feld",
    "mann",
    "stein",
    "wald",
    "berg",
    "holm",
    "dal",
]


def run(setting: Setting) -> Outcome:
    """A scan of people of whom some stand there twice, then checks of others."""
    count = setting.size(CONTACTS)
    with setting.stage(0) as stage:
        people = list(_people(count))
        asyncio.run(_fill(stage, people))
        stage.query("ANALYZE")
        with serving(stage, "ours") as server:
            done = _measure(stage, server, people)
    shown = table(f"Duplicates among {count:,} people", "value")
    shown.add_row("scan, seconds", f"{done['scan_s']:.1f}")
    shown.add_row("worker's peak MB", f"{done['peak_mb']:.0f}")
    shown.add_row("precision / recall", f"{done['precision']:.4f} / {done['recall']:.4f}")
    shown.add_row("check, p50 / p95 ms", f"{done['p50_ms']:.1f} / {done['p95_ms']:.1f}")
    shown.add_row("checks that find the record", f"{done['found']:.3f}")
    figures = [
        at_most("scan, seconds", done["scan_s"], SCAN_S),
        at_most("check at insertion, p50 ms", done["p50_ms"], CHECK_MS, "{:.1f}"),
        at_least("F1 of the scan", done["f1"], 0.95, "{:.4f}"),
    ]
    return Outcome(figures, shown, done)


class _Names:
    """Names of which few are common and many are rare."""

    def __init__(self, chance: random.Random, count: int, syllables: int) -> None:
        made = {
            "".join(chance.choices(_SYLLABLES, k=chance.randint(2, syllables))).capitalize()
            for _ in range(count)
        }
        self._names = sorted(made)
        chance.shuffle(self._names)
        self._sums = list(accumulate(1 / (n + 10) for n in range(len(self._names))))

    def one(self, chance: random.Random) -> str:
        return self._names[bisect(self._sums, chance.random() * self._sums[-1])]


def _people(count: int) -> Iterator[dict[str, Any]]:
    """People who do not exist, each with the number of who it is; the same ones every time."""
    chance = random.Random(20261125)
    first, last, street = (_Names(chance, n, k) for n, k in ((900, 2), (30_000, 3), (9_000, 3)))
    whole = int(count / (1 + TWICE))
    originals: list[dict[str, Any]] = []
    for number in range(whole):
        person = _person(chance, number, first.one(chance), last.one(chance), street.one(chance))
        originals.append(person)
        yield {**person, "external_ids": {"who": f"{number}-0"}}
    for again, number in enumerate(chance.sample(range(whole), count - whole)):
        mistaken = _mistaken(chance, originals[number], last)
        yield {**mistaken, "external_ids": {"who": f"{number}-{again + 1}"}}


def _person(
    chance: random.Random, number: int, first: str, last: str, street: str
) -> dict[str, Any]:
    person: dict[str, Any] = {"first_name": first, "last_name": last}
    if chance.random() < 0.8:
        user = chance.choice(
            (f"{first}.{last}", f"{first[0]}{last}{number % 97}", f"{last}{number}")
        )
        person["email"] = f"{user}{number % 9_000}@example{number % 400}.com".lower()
    if chance.random() < 0.6:
        person["phone"] = f"+1{201 + number % 700}555{chance.randrange(10_000):04}"
    if chance.random() < 0.5:
        born = (1940 + chance.randrange(65), 1 + chance.randrange(12), 1 + chance.randrange(28))
        person["birth_date"] = "{}-{:02}-{:02}".format(*born)
    if chance.random() < 0.5:
        person["addresses"] = [
            {
                "street": f"{chance.randrange(1, 300)} {street} St",
                "city": f"{street[:4]}ville",
                "postal_code": f"{chance.randrange(90_000):05}",
            }
        ]
    return person


def _mistaken(chance: random.Random, person: dict[str, Any], last: _Names) -> dict[str, Any]:
    """The same person, typed in once more."""
    again = {**person}
    for name in chance.sample(("first_name", "last_name"), chance.randint(0, 2)):
        again[name] = _typo(chance, again[name])
    if chance.random() < 0.06:
        again["last_name"] = last.one(chance)
    if chance.random() < 0.05:
        again["first_name"], again["last_name"] = again["last_name"], again["first_name"]
    present = [name for name in ("email", "phone", "birth_date", "addresses") if name in again]
    if len(present) > 1 and chance.random() < 0.6:
        del again[chance.choice(present)]
    return again


def _typo(chance: random.Random, name: str) -> str:
    at = chance.randrange(1, len(name))
    kind = chance.randrange(3)
    if kind == 0:
        return name[:at] + name[at + 1 :] or name
    letter = chance.choice("abcdefghijklmnopqrstuvwxyz")
    return name[:at] + letter + name[at + (kind == 1) :]


async def _fill(stage: Stage, people: list[dict[str, Any]]) -> None:
    database = open_database(stage.settings)
    actor = Actor(stage.organization_id, "system", scopes=frozenset({"*"}), country="US")
    try:
        for at in range(0, len(people), 2_000):
            async with unit_of_work(Tx(database, actor)) as tx:
                service = ContactService(tx)
                for person in people[at : at + 2_000]:
                    await service.create(ContactCreate.model_validate(person))
    finally:
        await database.close()


def _measure(stage: Stage, server: Server, people: list[dict[str, Any]]) -> dict[str, Any]:
    command = [sys.executable, "-c", "from crm_api.cli import main; main()", "worker"]
    nowhere = subprocess.DEVNULL
    worker = subprocess.Popen(
        command, cwd=ROOT, env=stage.environment, stdout=nowhere, stderr=nowhere
    )
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        done = _scan(stage, connection, worker.pid)
        return {**done, **_found(stage, people), **_checks(stage, connection, people)}
    finally:
        worker.terminate()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()


def _scan(stage: Stage, connection: http.client.HTTPConnection, worker: int) -> dict[str, Any]:
    begun = time.monotonic()
    job = _ask(stage, connection, "POST", "/v1/contacts/duplicates/scan", {"full": True})
    while True:
        found = _ask(stage, connection, "GET", f"/v1/jobs/{job['job_id']}")
        if found["status"] in {"succeeded", "failed", "cancelled"}:
            break
        if time.monotonic() > begun + _GIVE_UP_S or not Path(f"/proc/{worker}").exists():
            raise NotMeasured(f"the job did not end: {found}")
        time.sleep(0.1)
    ended = time.monotonic()
    if found["status"] != "succeeded":
        raise NotMeasured(str(found))
    return {"scan_s": ended - begun, "peak_mb": cpu.peak_memory_mb(worker)}


def _found(stage: Stage, people: list[dict[str, Any]]) -> dict[str, Any]:
    """How right the suggestions are."""
    rows = stage.query(
        "SELECT split_part(a.external_ids ->> 'who', '-', 1) = split_part(b.external_ids ->> 'who', "
        "'-', 1) AS right FROM duplicates d JOIN contacts a ON a.id = d.first_id "
        "JOIN contacts b ON b.id = d.second_id WHERE d.status = 'open' AND d.deleted_at IS NULL"
    )
    right = sum(row["right"] for row in rows)
    true = sum(not person["external_ids"]["who"].endswith("-0") for person in people)
    if not right:
        raise NotMeasured("nothing was found")
    precision, recall = right / len(rows), right / true
    f1 = 2 * precision * recall / (precision + recall)
    return {"precision": precision, "recall": recall, "f1": f1, "pairs": len(rows)}


def _checks(
    stage: Stage, connection: http.client.HTTPConnection, people: list[dict[str, Any]]
) -> dict[str, Any]:
    chance = random.Random(7)
    times: list[float] = []
    hits = 0
    for person in chance.sample(people, CHECKS + 20):
        asked = {k: v for k, v in person.items() if k != "external_ids"}
        asked["last_name"] = _typo(chance, asked["last_name"])
        begun = time.monotonic()
        found = _ask(stage, connection, "POST", "/v1/contacts/duplicates/check", asked)["data"]
        times.append(time.monotonic() - begun)
        hits += bool(found)
    cuts = quantiles(times[20:], n=20)
    return {"p50_ms": cuts[9] * 1e3, "p95_ms": cuts[18] * 1e3, "found": hits / len(times)}


def _ask(
    stage: Stage, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None
) -> Any:
    headers = {"Authorization": f"Bearer {stage.token}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 400:
        raise NotMeasured(f"{method} {path}: {answer.status} {content[:300]!r}")
    return json.loads(content)


SECTION = Section("Search for duplicates among people", run, within_s=600)
