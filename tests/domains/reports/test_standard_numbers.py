"""What sources of leads brought is what plain Python makes of random rows, whoever asks."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from support.library import SPAN, Expected, all_of, compared, counts, ratio, sums
from support.members import custom_role, member
from support.selling import act, deal, pipeline, reason

NOW = datetime.now(UTC).replace(microsecond=0)


async def reader_of(client):
    """Somebody who sees their own records alone."""
    return await member(client, await custom_role(client, levels={"*": {"read": "own"}}))


async def both(client, reader, wanted, others):
    """Compare for whoever sees all and for somebody who does not."""
    numbers = []
    for api in (client, reader.api):
        rows = await all_of(api, wanted.path)
        known = {one["id"]: one for one in await all_of(api, others)}
        for row in rows:
            row["deal"] = known.get(row["deal_id"])
        numbers.append(await compared(api, wanted, rows))
    assert 0 < numbers[1] < numbers[0]


def ago(rng, days=300):
    return NOW - timedelta(minutes=rng.randrange(days * 24 * 60))


def won(row):
    return row["deal"] is not None and row["deal"]["status"] == "won"


def revenue(rows):
    amounts = [{"amount": r["deal"]["base_amount"]} for r in rows if won(r)]
    return sums("amount")(amounts)


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
            "win_rate": ratio(counts(won), counts()),
        },
        SPAN,
    )
    await both(client, reader, sources, "deals")
