"""The numbers of standard reports are those of plain Python over random rows, whoever asks."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from support.clients import problem
from support.library import (
    SPAN,
    Expected,
    all_of,
    at,
    compared,
    counts,
    distincts,
    ratio,
    sums,
    took,
)
from support.members import custom_role, member
from support.selling import act, deal, pipeline, reason

NOW = datetime.now(UTC).replace(microsecond=0)


async def reader_of(client):
    """Somebody who sees their own records alone."""
    return await member(client, await custom_role(client, levels={"*": {"read": "own"}}))


async def both(client, reader, wanted, others=None):
    """Compare for whoever sees all and for somebody who does not."""
    numbers = []
    for api in (client, reader.api):
        rows = await all_of(api, wanted.path)
        for row in rows if others is None else ():
            row["deal"] = None
        if others is not None:
            known = {one["id"]: one for one in await all_of(api, others)}
            for row in rows:
                row["deal"] = known.get(row["deal_id"])
        numbers.append(await compared(api, wanted, rows))
    assert 0 < numbers[1] < numbers[0]


def ago(rng, days=300):
    return NOW - timedelta(minutes=rng.randrange(days * 24 * 60))


ACTIVITY_MEASURES = {
    "completed": counts(),
    "inbound": counts(lambda r: r["direction"] == "inbound"),
    "outbound": counts(lambda r: r["direction"] == "outbound"),
    "companies": distincts("company_id"),
    "contacts": distincts("contact_id"),
    "seconds": sums("duration"),
}
POSITIVE = counts(lambda r: r["sentiment"] == "positive")
FELT = counts(lambda r: r["sentiment"] is not None)


def is_done(row):
    return row["status"] == "completed"


@pytest.mark.parametrize("seed", [1, 2])
async def test_activities(client, owner, seed):
    rng, reader = random.Random(seed), await reader_of(client)
    contacts = [(await client.made("contacts", {"last_name": f"P{n}"}))["id"] for n in range(3)]
    for _ in range(40):
        body = {
            "kind": rng.choice(["call", "meeting"]),
            "subject": "Talk",
            "is_internal": True,
            "status": rng.choice(["completed", "completed", "planned"]),
            "direction": rng.choice(["inbound", "outbound", None]),
            "outcome": rng.choice(["reached", "voicemail", None]),
            "sentiment": rng.choice(["positive", "negative", None]),
            "duration": rng.choice([None, rng.randrange(4_000)]),
            "contact_id": rng.choice([*contacts, None]),
            "owner_id": rng.choice([reader.id, None]),
        }
        await client.made("activities", body)
    volume = Expected(
        *("activity_volume", "activities", is_done),
        lambda r: (r["owner_id"], r["kind"]),
        ACTIVITY_MEASURES,
        SPAN,
    )
    await both(client, reader, volume)
    outcomes = Expected(
        *("activity_outcomes", "activities", is_done),
        lambda r: (r["kind"], r["outcome"]),
        {
            "completed": counts(),
            "of_deals": counts(lambda r: r["deal_id"] is not None),
            "positive": POSITIVE,
            "felt": FELT,
            "positive_share": ratio(POSITIVE, FELT),
        },
        SPAN,
    )
    await both(client, reader, outcomes)


def state_is(*states):
    return counts(lambda r: r["sla_state"] in states)


@pytest.mark.parametrize("seed", [1, 2])
async def test_cases(client, owner, seed):
    rng, reader = random.Random(seed), await reader_of(client)
    policies = []
    for turn in range(2):
        target = {"target": "resolution", "priority": "normal", "minutes": 60}
        body = {"name": f"P{turn}", "is_active": False, "targets": [target]}
        policies.append((await client.made("sla-policies", body))["id"])
    for _ in range(40):
        body = {
            "subject": "Dark",
            "priority": rng.choice(["low", "normal", "urgent"]),
            "owner_id": rng.choice([reader.id, None]),
        }
        made = await client.made("cases", body)
        began = ago(rng)
        answered = began + timedelta(minutes=rng.randrange(9_000))
        values = [
            began,
            rng.choice([answered, None]),
            rng.choice([answered + timedelta(minutes=rng.randrange(9_000)), None]),
            rng.choice([UUID(rng.choice(policies)), None]),
            rng.choice(["met", "breached", "running", "paused", None]),
        ]
        await owner.execute(
            "UPDATE cases SET created_at = $2, first_responded_at = $3, resolved_at = $4, "
            "sla_policy_id = $5, sla_state = $6 WHERE id = $1",
            UUID(made["id"]),
            *values,
        )
    times = Expected(
        *("case_response_times", "cases", lambda _row: True),
        lambda r: (r["priority"],),
        {
            "opened": counts(),
            "responded": counts(lambda r: r["first_responded_at"] is not None),
            "first_response_median": took("first_responded_at", "created_at", 50),
            "first_response_p90": took("first_responded_at", "created_at", 90),
            "resolved": counts(lambda r: r["resolved_at"] is not None),
            "resolution_median": took("resolved_at", "created_at", 50),
            "resolution_p90": took("resolved_at", "created_at", 90),
        },
        SPAN,
    )
    await both(client, reader, times)
    kept = Expected(
        *("case_sla", "cases", lambda r: r["sla_policy_id"] is not None),
        lambda r: (r["sla_policy_id"], r["priority"]),
        {
            "opened": counts(),
            "met": state_is("met"),
            "breached": state_is("breached"),
            "running": state_is("running", "paused"),
            "ended": state_is("met", "breached"),
            "share": ratio(state_is("met"), state_is("met", "breached")),
        },
        SPAN,
    )
    await both(client, reader, kept)
    rows = await all_of(client, "cases")
    for name, wanted in (
        ("first_response_time_median", took("first_responded_at", "created_at", 50)(rows)),
        ("sla_met", ratio(state_is("met"), state_is("met", "breached"))(rows)),
    ):
        told = (await client.read(f"metrics/{name}"))["value"]
        assert abs(float(told) - wanted) < 0.00002, name


def won(row):
    return row["deal"] is not None and row["deal"]["status"] == "won"


def revenue(rows):
    amounts = [{"amount": r["deal"]["base_amount"]} for r in rows if won(r)]
    return sums("amount")(amounts)


def aged(least, most):
    def test(row):
        days = (datetime.now(UTC) - at(row, "created_at")) / timedelta(days=1)
        return least <= days < most

    return counts(test)


@pytest.mark.parametrize("seed", [1, 2])
async def test_leads(client, owner, seed):
    rng, reader = random.Random(seed), await reader_of(client)
    where, because = await pipeline(client), await reason(client)
    for turn in range(40):
        body = {
            "last_name": f"L{turn}",
            "source": rng.choice(["web", "fair", None]),
            "medium": rng.choice(["cpc", None]),
            "owner_id": rng.choice([reader.id, None]),
        }
        made = await client.made("leads", body)
        sold = None
        if rng.random() < 0.6:
            amount = f"{rng.randrange(100_000) / 100:.2f}"
            more = {"amount": amount, "currency": "EUR", "owner_id": rng.choice([reader.id, None])}
            sold = (await deal(client, where, **more))["id"]
            end = rng.choice(["win", "lose", None])
            if end:
                lost = {"loss_reason_id": because} if end == "lose" else {}
                await act(client, sold, end, **lost)
        began = ago(rng)
        values = [
            began,
            UUID(sold) if sold else None,
            rng.choice(["new", "working"]) if sold is None else "converted",
            rng.choice([began + timedelta(hours=1), None]),
            rng.choice([began + timedelta(minutes=60 + rng.randrange(9_000)), None]),
            began if sold else None,
        ]
        await owner.execute(
            "UPDATE leads SET created_at = $2, deal_id = $3, status = $4, assigned_at = $5, "
            "responded_at = $6, converted_at = $7 "
            "WHERE id = $1",
            UUID(made["id"]),
            *values,
        )
    is_converted = counts(lambda r: r["status"] == "converted")
    sources = Expected(
        *("lead_source_revenue", "leads", lambda _row: True),
        lambda r: (r["source"], r["medium"]),
        {
            "leads": counts(),
            "converted": is_converted,
            "won": counts(won),
            "revenue": revenue,
            "conversion": ratio(is_converted, counts()),
            "won_share": ratio(counts(won), counts()),
        },
        SPAN,
    )
    await both(client, reader, sources, "deals")
    ages = Expected(
        *("lead_ageing", "leads", lambda r: r["status"] not in {"converted", "disqualified"}),
        lambda r: (r["status"],),
        {
            "leads": counts(),
            "days_0_to_1": aged(0, 1),
            "days_1_to_7": aged(1, 7),
            "days_7_to_30": aged(7, 30),
            "days_30_to_90": aged(30, 90),
            "days_over_90": aged(90, 10_000),
            "unassigned": counts(lambda r: r["owner_id"] is None),
        },
        {},
    )
    await both(client, reader, ages)
    is_responded = counts(lambda r: r["responded_at"] is not None)
    responses = Expected(
        *("lead_response_times", "leads", lambda r: r["assigned_at"] is not None),
        lambda r: (r["owner_id"],),
        {
            "assigned": counts(),
            "responded": is_responded,
            "share": ratio(is_responded, counts()),
            "response_median": took("responded_at", "assigned_at", 50),
            "response_p90": took("responded_at", "assigned_at", 90),
        },
        SPAN,
    )
    await both(client, reader, responses)
    rows = await all_of(client, "leads")
    told = await client.read("metrics/lead_conversion")
    assert abs(float(told["value"]) - ratio(is_converted, counts())(rows)) < 0.00002
    assert float((await client.read("metrics/lead_response_time_median"))["value"]) > 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_time_of_projects(client, seed):
    rng, reader = random.Random(seed), await reader_of(client)
    projects = [
        (await client.made("projects", {"name": f"P{n}", "owner_id": reader.id}))["id"]
        for n in range(2)
    ]
    for _ in range(30):
        body = {
            "project_id": rng.choice(projects),
            "day": "2026-03-31",
            "minutes": rng.randrange(1, 400),
            "is_billable": rng.random() < 0.6,
            "owner_id": rng.choice([reader.id, None]),
        }
        made = await client.made("time-entries", body)
        for verb in ("submit", "approve")[: rng.choice([0, 2, 2])]:
            answer = await client.post(f"/v1/time-entries/{made['id']}/{verb}")
            assert answer.status_code == 200, answer.text
    billable = sums("minutes", lambda r: r["is_billable"])
    wanted = Expected(
        *("project_time", "time-entries", lambda r: r["status"] == "approved"),
        lambda r: (r["owner_id"],),
        {
            "entries": counts(),
            "projects": distincts("project_id"),
            "minutes": sums("minutes"),
            "billable_minutes": billable,
            "utilisation": ratio(billable, sums("minutes")),
        },
        SPAN,
    )
    await both(client, reader, wanted)
    rows = [r for r in await all_of(client, "time-entries") if r["status"] == "approved"]
    told = await client.read("metrics/billable_utilisation")
    assert abs(float(told["value"]) - ratio(billable, sums("minutes"))(rows)) < 0.00002


@pytest.mark.parametrize("seed", [1, 2])
async def test_campaigns(client, owner, seed):
    rng, reader = random.Random(seed), await reader_of(client)
    for turn in range(25):
        body = {
            "name": f"C{turn}",
            "kind": rng.choice(["email", "event"]),
            "owner_id": rng.choice([reader.id, None]),
        }
        if rng.random() < 0.5:
            body |= {"channel": "email", "purpose": "newsletter"}
        made = await client.made("campaigns", body)
        await owner.execute(
            "UPDATE campaigns SET launched_at = $2, member_count = $3, holdout_count = $4, "
            "excluded_count = $5 WHERE id = $1",
            UUID(made["id"]),
            rng.choice([ago(rng), None]),
            *(rng.randrange(1_000) for _ in range(3)),
        )
    wanted = Expected(
        *("campaign_audiences", "campaigns", lambda r: r["launched_at"] is not None),
        lambda r: (r["kind"], r["channel"]),
        {
            "campaigns": counts(),
            "members": sums("member_count"),
            "held_out": sums("holdout_count"),
            "excluded": sums("excluded_count"),
        },
        SPAN,
    )
    await both(client, reader, wanted)


def completed(*fields):
    found = {"records": counts()}
    for name in fields:
        is_known = counts(lambda r, name=name: r[name] is not None)
        found |= {name: is_known, f"{name}_share": ratio(is_known, counts())}
    return found


@pytest.mark.parametrize(("source", "path"), [("contact", "contacts"), ("company", "companies")])
async def test_completeness(client, source, path):
    rng, reader = random.Random(1), await reader_of(client)
    definition = (await client.read(f"standard-reports/{source}_completeness"))["definition"]
    names = [m["name"] for m in definition["measures"] if m["function"] == "count"][1:]
    body = {"last_name": "P"} if source == "contact" else {"name": "C"}
    known = {"phone": "+4930123456", "country": "DE", "source": "web", "title": "Head"}
    known |= {"industry": "bank", "employees": 5, "website": "https://example.com"}
    fitting = [name for name in known if name in names]
    for turn in range(25):
        more = {name: known[name] for name in fitting if rng.random() < 0.5}
        if rng.random() < 0.5:
            more["email"] = f"p{turn}@example.com"
        more["owner_id"] = rng.choice([reader.id, None])
        await client.made(path, {**body, **more})
    wanted = Expected(
        *(f"{source}_completeness", path, lambda _row: True),
        lambda r: (r["owner_id"],),
        completed(*names),
        {},
    )
    await both(client, reader, wanted)


@pytest.mark.parametrize("seed", [1, 2])
async def test_cohorts_of_revenue(client, owner, seed):
    rng, reader = random.Random(seed), await reader_of(client)
    where = await pipeline(client)
    companies = []
    for turn in range(6):
        made = await client.made("companies", {"name": f"C{turn}", "owner_id": reader.id})
        moment = NOW - timedelta(days=rng.randrange(200, 400))
        await owner.execute(
            "UPDATE companies SET created_at = $2 WHERE id = $1", UUID(made["id"]), moment
        )
        companies.append(made["id"])
    for _ in range(30):
        more = {
            "company_id": rng.choice([*companies, None]),
            "amount": f"{rng.randrange(100_000) / 100:.2f}",
            "currency": "EUR",
            "owner_id": rng.choice([reader.id, None]),
        }
        made = await deal(client, where, **more)
        if rng.random() < 0.8:
            await act(client, made["id"], "win")
            await owner.execute(
                "UPDATE deals SET closed_at = $2 WHERE id = $1", UUID(made["id"]), ago(rng, 199)
            )
    begun = {c["id"]: at(c, "created_at") for c in await all_of(client, "companies")}

    def key(row):
        first, later = begun[row["company_id"]], at(row, "closed_at")
        months = (later.year - first.year) * 12 + later.month - first.month
        return first.strftime("%Y-%m-01"), months

    wanted = Expected(
        *("cohort_revenue", "deals", lambda r: r["status"] == "won" and r["company_id"]),
        key,
        {
            "deals": counts(),
            "companies": distincts("company_id"),
            "revenue": sums("base_amount"),
        },
        SPAN,
        totals=False,
    )
    await both(client, reader, wanted)


MASKED = (
    *(("activity_outcomes", "activity", "outcome"), ("case_sla", "case", "sla_policy_id")),
    *(("lead_source_revenue", "lead", "source"), ("lead_source_revenue", "deal", "base_amount")),
    *(("lead_response_times", "lead", "responded_at"), ("cohort_revenue", "deal", "base_amount")),
    *(("campaign_audiences", "campaign", "channel"), ("contact_completeness", "contact", "email")),
)


@pytest.mark.parametrize(("name", "entity", "field"), MASKED)
async def test_what_is_hidden_is_refused(client, name, entity, field):
    role = await custom_role(
        client, levels={"*": {"read": "all"}}, masks={entity: {"hidden": [field]}}
    )
    reader = (await member(client, role)).api
    answer = await reader.post(f"/v1/standard-reports/{name}/run", json={})
    problem(answer, 403, "hidden_field")
