"""Effects inside the database, each of which has to be there exactly once: those of rules and jobs.

A rule logs one activity for each person whom it is for. Imports, whose jobs take several
transactions, make one company of each row. Neither is matched with anything that is there, so what
is done twice is there twice.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

RULED = "Ruled"
"""First name of the people whom the rule is for."""
ROWS = 1_500
"""More than an import stores in one transaction."""
RULE = {
    "name": "One activity each",
    "trigger": {"type": "event", "events": ["contact.created"]},
    "condition": {"first_name": RULED},
    "steps": [{"action": "log_activity", "kind": "note", "subject": "{{ event.record_id }}"}],
}
_FIRED = """
    SELECT record_id::text AS wanted FROM events
    WHERE type = 'contact.created' AND data ->> 'first_name' = $1
"""
_LOGGED = "SELECT subject AS found FROM activities"
_MADE = "SELECT name AS found FROM companies"
Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Effects:
    """What should be there once each, and how often it is."""

    wanted: frozenset[str]
    found: Counter[str]

    @property
    def missing(self) -> int:
        """How many are not there."""
        return len(self.wanted - self.found.keys())

    @property
    def doubled(self) -> int:
        """How many are there more than once."""
        return sum(number > 1 for number in self.found.values())

    @property
    def unasked(self) -> int:
        """How many are there that nothing has asked for."""
        return len(self.found.keys() - self.wanted)

    @property
    def exact(self) -> bool:
        """Whether everything is there exactly once, nothing else is, and there is something."""
        return bool(self.wanted) and not (self.missing or self.doubled or self.unasked)

    @property
    def remark(self) -> str:
        """What is wrong, in short."""
        return f"{self.missing} missing, {self.doubled} doubled, {self.unasked} unasked"


def rows_of(number: int) -> list[str]:
    """The names in the rows of an import."""
    return [f"Row {number} {row}" for row in range(ROWS)]


async def make_rule(ask: Ask) -> None:
    """Have the rule be active."""
    made = await ask("POST", "/v1/automations", json=RULE)
    await ask("POST", f"/v1/automations/{made['id']}/publish")


async def start_import(ask: Ask, number: int) -> None:
    """Have a job make the rows of an import; whatever is cut off is asked for again."""
    key = {"Idempotency-Key": f"chaos-import-{number}"}
    text = "\n".join(["name", *rows_of(number)]).encode()
    files = {"file": ("rows.csv", text, "text/csv")}
    made = await ask("POST", "/v1/imports", files=files, data={"entity": "company"}, headers=key)
    path = f"/v1/imports/{made['id']}"
    options = {"on_duplicate": "create"}
    await ask("PATCH", path, json={"mapping": {"name": "name"}, "options": options})
    key = {"Idempotency-Key": f"chaos-start-{number}"}
    await ask("POST", f"{path}/start", headers=key)


async def effects_in(connection: Any, imports: int) -> dict[str, Effects]:
    """What rules and jobs have done by now, of so many imports."""
    fired = await connection.fetch(_FIRED, RULED)
    logged, made = await connection.fetch(_LOGGED), await connection.fetch(_MADE)
    rows = frozenset(name for number in range(imports) for name in rows_of(number))
    return {
        "effects of the rule": Effects(
            frozenset(row["wanted"] for row in fired), Counter(row["found"] for row in logged)
        ),
        "effects of jobs": Effects(rows, Counter(row["found"] for row in made)),
    }


async def settled_effects(dsn: str, imports: int, within_s: float) -> dict[str, Effects]:
    """What they have done once nothing is missing, and a moment more for what comes twice."""
    connection = await asyncpg.connect(dsn)
    until = time.monotonic() + within_s
    try:
        while time.monotonic() < until:
            found = await effects_in(connection, imports)
            if not any(effects.missing for effects in found.values()):
                break
            await asyncio.sleep(0.5)
        await asyncio.sleep(2)
        return await effects_in(connection, imports)
    finally:
        await connection.close()
