"""A random little company, written as rows and read back by plain SELECT: what numbers are proven on.

All that happened lies in 2025, much of it where a month, a year or daylight saving turns in the
organization's zone, so nothing depends on the day of a run. What ages is told from now.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from support.clients import Api, Org
from support.members import Member, custom_role, member, team
from support.quoting import quote
from support.selling import deal, pipeline, reason

Row = dict[str, Any]
ZONE = ZoneInfo("Europe/Berlin")
_TURNS = [
    *(datetime(2025, month, 1, tzinfo=ZONE) for month in (3, 4, 10, 12)),
    datetime(2026, 1, 1, tzinfo=ZONE),
    # An hour that there is not, and one that there is twice.
    *(datetime(2025, 3, 30, hour, tzinfo=UTC) for hour in (0, 1, 22)),
    *(datetime(2025, 10, 26, hour, 30, tzinfo=UTC) for hour in (0, 1, 23)),
    *(datetime(2025, 10, day, tzinfo=ZONE) for day in (26, 27)),
]
_DAYS = [date(2025, *at) for at in ((2, 28), (3, 1), (3, 30), (3, 31), (10, 26), (12, 31))]
_COPY = """
    INSERT INTO {table} SELECT r.* FROM {table} t
    CROSS JOIN LATERAL jsonb_populate_record(t, $2::jsonb) r WHERE t.id = $1
"""
_AMOUNTS = {"amount", "base_amount", "annual_revenue"}
_EDGE = timedelta(seconds=1)


@dataclass(frozen=True)
class Little:
    """The company: who asks for its numbers, and how its rows are read."""

    owner: Any
    org: Org
    rng: Random
    readers: Mapping[str, tuple[Api, frozenset[str] | None]]
    """By how far they see a client, and whose records; None is everybody's."""
    team: str
    """Of whoever sees their own, and of whoever sees the team's."""

    async def rows(self, table: str, whose: frozenset[str] | None = None) -> list[Row]:
        """Those of a table that are not in the bin, as REST writes values."""
        sql = f"SELECT * FROM {table} WHERE organization_id = $1 AND deleted_at IS NULL"
        found = [_read(row) for row in await self.owner.fetch(sql, self.org.id)]
        return [row for row in found if whose is None or row["owner_id"] in whose]

    async def copies(self, table: str, id: str, *rows: Row) -> list[str]:
        """Have rows like one that there is, but for what each says; the ids of those.

        One in ten is in the bin, and so is the one that there was.
        """
        ids = [str(UUID(int=self.rng.getrandbits(128), version=4)) for _ in rows]
        gone = [moment(self.rng) if self.rng.random() < 0.1 else None for _ in rows]
        made = [
            json.dumps({**row, "id": id, "deleted_at": end}, default=_written)
            for row, id, end in zip(rows, ids, gone, strict=True)
        ]
        sql = _COPY.format(table=table)
        await self.owner.executemany(sql, [(UUID(id), one) for one in made])
        await self.owner.execute(f"UPDATE {table} SET deleted_at = now() WHERE id = $1", UUID(id))
        return [one for one, end in zip(ids, gone, strict=True) if end is None]

    def whose(self) -> str | None:
        """Somebody, or nobody."""
        return self.rng.choice([*(sorted(self.readers["team"][1] or ())), None, None])


def moment(rng: Random) -> datetime:
    """An instant of 2025, often where something turns."""
    if rng.random() < 0.4:
        return rng.choice(_TURNS) + rng.choice([-_EDGE, timedelta(0), _EDGE])
    return datetime(2025, 1, 2, tzinfo=UTC) + timedelta(seconds=rng.randrange(362 * 86_400))


def later(rng: Random, than: datetime, hours: int = 400) -> datetime:
    """An instant after another one; now and then before it, as clocks have it."""
    return than + timedelta(seconds=rng.randrange(-3_600, hours * 3_600))


def day_of(value: str | None) -> date | None:
    """The local day of an instant, or a day."""
    if value is None:
        return None
    if len(value) == 10:
        return date.fromisoformat(value)
    return datetime.fromisoformat(value).astimezone(ZONE).date()


def maybe(rng: Random, value: Any, share: float = 0.5) -> Any:
    """A value, or nothing."""
    return value if rng.random() < share else None


def _written(value: Any) -> str:
    return value.isoformat()


def _read(row: Any) -> Row:
    return {name: _shown(name, value) for name, value in row.items()}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if name in _AMOUNTS and value is not None:
        return str(Decimal(value) / 10_000)
    return value


async def _readers(api: Api) -> tuple[dict[str, tuple[Api, frozenset[str] | None]], str]:
    """Who sees all, their own and what their team has; and the team."""
    own: Member = await member(api, await custom_role(api, levels={"*": {"read": "own"}}))
    mate: Member = await member(api, await custom_role(api, levels={"*": {"read": "team"}}))
    both = await team(api, own, mate)
    found = {
        "all": (api, None),
        "own": (own.api, frozenset({own.id})),
        "team": (mate.api, frozenset({own.id, mate.id})),
    }
    return found, both


async def little_company(api: Api, owner: Any, org: Org, seed: int) -> Little:
    """One with everything that numbers in the words of reports are of."""
    await api.changed("organization", {"time_zone": ZONE.key})
    little = Little(owner, org, Random(seed), *await _readers(api))
    companies = await _parties(little, api, "companies", {"name": "C"}, _company)
    contacts = await _parties(little, api, "contacts", {"last_name": "P"}, _contact)
    deals = await _deals(little, api, companies)
    await _quotes(little, api)
    await _leads(little, api, deals)
    await _activities(little, api, (companies, contacts, deals))
    await _cases(little, api)
    await _time(little, api)
    await _campaigns(little, api)
    return little


async def _parties(
    little: Little, api: Api, table: str, body: Row, known: Callable[[Random], Row]
) -> list[str]:
    made = (await api.made(table, body))["id"]
    rows = [
        {**known(little.rng), "created_at": moment(little.rng), "owner_id": little.whose()}
        for _ in range(24)
    ]
    return await little.copies(table, made, *rows)


def _common(rng: Random) -> Row:
    return {
        "email": maybe(rng, "p@example.com"),
        "phone": maybe(rng, "+4930123456"),
        "country": maybe(rng, "DE"),
        "source": maybe(rng, "web"),
    }


def _company(rng: Random) -> Row:
    return {
        **_common(rng),
        # Some are called the same.
        "name": f"C{rng.randrange(6)}",
        "industry": rng.choice(["bank", "steel", None]),
        "website": maybe(rng, "https://example.com"),
        "employees": rng.choice([0, 7, None]),
        "annual_revenue": rng.choice([0, 70_000, None]),
        "tax_id": maybe(rng, "DE123"),
    }


def _contact(rng: Random) -> Row:
    return {
        **_common(rng),
        "first_name": maybe(rng, "A"),
        "last_name": maybe(rng, "B"),
        "title": maybe(rng, "Head"),
        "language": maybe(rng, "de"),
    }


async def _deals(little: Little, api: Api, companies: Sequence[str]) -> list[str]:
    rng, pipelines = little.rng, [await pipeline(api) for _ in range(2)]
    reasons = [await reason(api), (await api.made("loss-reasons", {"name": "Time"}))["id"]]
    template = await deal(api, pipelines[0], currency="EUR")
    categories = ["pipeline", "commit", "omitted"]
    rows: list[Row] = []
    for _ in range(60):
        status = rng.choice(["open", "won", "won", "lost"])
        amount = rng.choice([None, 0, 10_000, rng.randrange(10**9)])
        begun, where = moment(rng), rng.choice(pipelines)
        rows.append(
            {
                "status": status,
                "pipeline_id": where.id,
                "stage_id": where[{"open": "New"}.get(status, status.title())],
                "loss_reason_id": rng.choice(reasons) if status == "lost" else None,
                "competitor_id": maybe(rng, rng.choice(companies)),
                "company_id": maybe(rng, rng.choice(companies), 0.8),
                "closed_at": None if status == "open" else later(rng, begun),
                "closes_on": rng.choice([*_DAYS, None, None]),
                "created_at": begun,
                "amount": amount,
                "base_amount": amount,
                # What was reckoned before the organization had another currency.
                "base_currency": rng.choice(["EUR", "EUR", "EUR", "XXX"]),
                "currency": rng.choice(["EUR", "USD"]),
                "probability": rng.choice([0, 10, 33, 100]),
                "forecast_category": {"open": rng.choice(categories), "won": "closed"}.get(
                    status, "omitted"
                ),
                "owner_id": little.whose(),
            }
        )
    return await little.copies("deals", template["id"], *rows)


async def _quotes(little: Little, api: Api) -> None:
    rng, template = little.rng, await quote(api)
    rows: list[Row] = []
    for turn in range(60):
        status = rng.choice(["draft", "sent", "accepted", "declined", "expired"])
        begun = moment(rng)
        sent = None if status == "draft" else rng.choice([moment(rng), later(rng, begun)])
        decided = status in {"accepted", "declined"} and sent is not None
        rows.append(
            {
                "status": status,
                "number": f"Q-{turn}",
                "created_at": begun,
                "sent_at": sent,
                "decided_at": later(rng, sent) if decided and sent else None,
                "owner_id": little.whose(),
            }
        )
    await little.copies("quotes", template["id"], *rows)


async def _leads(little: Little, api: Api, deals: Sequence[str]) -> None:
    rng, template = little.rng, await api.made("leads", {"last_name": "L"})
    rows: list[Row] = []
    for _ in range(60):
        status = rng.choice(["new", "working", "converted", "disqualified"])
        # Never near the edges of an age.
        lately = datetime.now(UTC) - timedelta(hours=1 + 6 * rng.randrange(480))
        begun = rng.choice([moment(rng), lately])
        assigned = maybe(rng, later(rng, begun), 0.7)
        rows.append(
            {
                **_common(rng),
                "last_name": maybe(rng, "L", 0.8),
                "company_name": maybe(rng, "C"),
                "industry": maybe(rng, "bank"),
                "employees": rng.choice([0, 7, None]),
                "medium": maybe(rng, "cpc"),
                "status": status,
                "status_reason": "No need" if status == "disqualified" else None,
                "created_at": begun,
                "converted_at": later(rng, begun) if status == "converted" else None,
                "deal_id": rng.choice(deals) if status == "converted" else None,
                "assigned_at": assigned,
                "responded_at": maybe(rng, later(rng, assigned)) if assigned else None,
                "owner_id": little.whose(),
                "waits_since": None,
            }
        )
    await little.copies("leads", template["id"], *rows)


async def _activities(little: Little, api: Api, others: tuple[Sequence[str], ...]) -> None:
    rng = little.rng
    body = {"kind": "call", "subject": "Talk", "is_internal": True}
    template = await api.made("activities", body)
    rows: list[Row] = []
    for _ in range(60):
        status = rng.choice(["completed", "completed", "planned"])
        links = ("company_id", "contact_id", "deal_id")
        about = {
            name: maybe(rng, rng.choice(ids[:5])) for name, ids in zip(links, others, strict=True)
        }
        rows.append(
            {
                **about,
                "kind": rng.choice(["call", "meeting"]),
                "status": status,
                "completed_at": moment(rng) if status == "completed" else None,
                "direction": rng.choice(["inbound", "outbound", None]),
                "outcome": rng.choice(["reached", "voicemail", None]),
                "sentiment": rng.choice(["positive", "neutral", "negative", None]),
                "duration": rng.choice([0, None, rng.randrange(4_000)]),
                "owner_id": little.whose(),
            }
        )
    await little.copies("activities", template["id"], *rows)


async def _cases(little: Little, api: Api) -> None:
    rng, policies = little.rng, []
    for turn in range(2):
        target = {"target": "resolution", "priority": "normal", "minutes": 60}
        body = {"name": f"P{turn}", "is_active": False, "targets": [target]}
        policies.append((await api.made("sla-policies", body))["id"])
    template = await api.made("cases", {"subject": "Dark"})
    rows: list[Row] = []
    for turn in range(60):
        begun = moment(rng)
        scored = rng.random() < 0.5
        rows.append(
            {
                "number": f"C-{turn}",
                "priority": rng.choice(["low", "normal", "urgent"]),
                "created_at": begun,
                "first_responded_at": maybe(rng, later(rng, begun)),
                "resolved_at": maybe(rng, later(rng, begun, 900)),
                "sla_policy_id": maybe(rng, rng.choice(policies)),
                "sla_state": rng.choice(["met", "breached", "running", "paused", None]),
                "score": rng.randrange(1, 6) if scored else None,
                "scored_at": moment(rng) if scored else None,
                "owner_id": little.whose(),
            }
        )
    await little.copies("cases", template["id"], *rows)


async def _time(little: Little, api: Api) -> None:
    rng = little.rng
    projects = [(await api.made("projects", {"name": f"P{n}"}))["id"] for n in range(3)]
    body = {"project_id": projects[0], "day": "2025-03-31", "minutes": 1}
    template = await api.made("time-entries", body)
    rows: list[Row] = [
        {
            "project_id": rng.choice(projects),
            "day": rng.choice(_DAYS),
            "minutes": rng.randrange(1, 400),
            "is_billable": rng.random() < 0.6,
            "status": rng.choice(["approved", "approved", "draft", "submitted"]),
            "owner_id": little.whose(),
        }
        for _ in range(50)
    ]
    await little.copies("time_entries", template["id"], *rows)


async def _campaigns(little: Little, api: Api) -> None:
    rng, template = little.rng, await api.made("campaigns", {"name": "C"})
    rows: list[Row] = [
        {
            "kind": rng.choice(["email", "event"]),
            **rng.choice([{}, {"channel": "email", "purpose": "newsletter"}]),
            "launched_at": maybe(rng, moment(rng), 0.8),
            **{f"{name}_count": rng.randrange(1_000) for name in ("member", "holdout", "excluded")},
            "owner_id": little.whose(),
        }
        for _ in range(40)
    ]
    await little.copies("campaigns", template["id"], *rows)
