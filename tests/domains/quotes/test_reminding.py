"""Owners are reminded of their quotes: each version once, whoever looks, and how they want it."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from crm_api.domains.quotes.jobs import remind
from support.clients import problem
from support.inboxes import told
from support.members import custom_role, member
from support.quoting import REACH, act, quote

USUAL = {"expiring_days": 3, "unviewed_days": 7, "drift_percent": "0"}
DAY = timedelta(days=1)


async def sent(client, days=30, **more):
    """A quote that was sent, whose last day is so many days away."""
    made = await quote(client, valid_until=str(date.today() + 40 * DAY), **more)
    done = await act(client, made["id"], "send")
    return {**done, "days": days}


async def stands(owner, made, last=None, sent_at=None):
    """As a quote stands once days have gone by."""
    await owner.execute(
        "UPDATE quotes SET valid_until = coalesce($2, valid_until), sent_at = coalesce($3, sent_at) "
        "WHERE id = $1",
        UUID(made["id"]),
        last,
        sent_at,
    )


def today():
    return datetime.now(UTC).date()


async def alerts(client, made, known=2):
    """What was told of a quote by itself, beside what was done."""
    events = [e["type"] for e in await client.told(made["id"], known)]
    return [type for type in events if type in {"quote.expiring", "quote.unviewed"}]


async def settings(client, **more):
    answer = await client.put("/v1/quotes/settings", json={**USUAL, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_last_day_is_told_of_before_it_is_over(client, owner, database):
    made = {left: await sent(client) for left in (-1, 0, 3, 4)}
    for left, one in made.items():
        await stands(owner, one, last=today() + left * DAY)
    draft = await quote(client, valid_until=str(today() + DAY))
    viewed = await sent(client)
    await act(client, viewed["id"], "view")
    await stands(owner, viewed, last=today() + DAY)
    accepted = await sent(client)
    await act(client, accepted["id"], "accept")
    await stands(owner, accepted, last=today() + DAY)
    await remind(database, None)
    for left, expected in ((-1, []), (0, ["quote.expiring"]), (3, ["quote.expiring"]), (4, [])):
        assert await alerts(client, made[left], 2 + len(expected)) == expected, left
    assert await alerts(client, draft, 1) == []
    assert await alerts(client, viewed, 4) == ["quote.expiring"]
    assert await alerts(client, accepted, 3) == []
    event = (await client.told(made[3]["id"], 3))[-1]
    assert event["data"] == {
        "revision": 1,
        "valid_until": str(today() + 3 * DAY),
        "days_left": 3,
    }
    # It is no change of the quote.
    after = await client.read(f"quotes/{made[3]['id']}")
    assert after["version"] == made[3]["version"]
    assert event["version"] == after["version"]
    assert (after["net"], after["lines"]) == (made[3]["net"], made[3]["lines"])


async def test_each_version_is_told_of_once_however_many_look(client, owner, database):
    made = await sent(client)
    await stands(owner, made, today() + DAY, datetime.now(UTC) - 8 * DAY)
    await asyncio.gather(*(remind(database, None) for _ in range(5)))
    await remind(database, None)
    assert sorted(await alerts(client, made, 4)) == ["quote.expiring", "quote.unviewed"]
    await act(client, made["id"], "revise")
    await remind(database, None)
    await act(client, made["id"], "send")
    await remind(database, None)
    assert len(await alerts(client, made, 7)) == 3
    event = (await client.told(made["id"], 7))[-1]
    assert (event["type"], event["data"]["revision"]) == ("quote.expiring", 2)


async def test_a_look_that_dies_before_its_commit_has_told_nothing(client, owner, database):
    made = await sent(client)
    await stands(owner, made, today() + DAY)
    # What holds the quote keeps the look waiting till it is ended.
    async with owner.acquire() as other, other.transaction():
        await other.execute("UPDATE quotes SET name = name WHERE id = $1", UUID(made["id"]))
        look = asyncio.create_task(remind(database, None))
        done, _ = await asyncio.wait([look], timeout=0.3)
        assert not done
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
    assert await alerts(client, made) == []
    await remind(database, None)
    assert await alerts(client, made, 3) == ["quote.expiring"]


async def test_silence_is_told_of_till_somebody_looks(client, owner, database):
    ago = datetime.now(UTC)
    early, late, seen, over = [await sent(client) for _ in range(4)]
    await stands(owner, early, sent_at=ago - 6 * DAY)
    await stands(owner, late, sent_at=ago - 7 * DAY)
    await stands(owner, seen, sent_at=ago - 20 * DAY)
    await act(client, seen["id"], "view")
    await stands(owner, over, today() - DAY, ago - 20 * DAY)
    await remind(database, None)
    assert await alerts(client, early) == []
    assert await alerts(client, late, 3) == ["quote.unviewed"]
    assert await alerts(client, seen, 3) == []
    assert await alerts(client, over) == []
    event = (await client.told(late["id"], 3))[-1]
    assert event["data"] == {"revision": 1, "days_unviewed": 7}


async def test_the_organization_says_when(client, owner, database):
    assert await client.read("quotes/settings") == USUAL
    assert await settings(client, expiring_days=None, unviewed_days=2) == {
        **USUAL,
        "expiring_days": None,
        "unviewed_days": 2,
    }
    made = await sent(client)
    await stands(owner, made, today(), datetime.now(UTC) - 3 * DAY)
    await remind(database, None)
    assert await alerts(client, made, 3) == ["quote.unviewed"]
    query = "mutation($i: QuoteSettingsInput!) { setQuoteSettings(input: $i) { expiringDays } }"
    found = await client.data(query, i={"expiringDays": 0, "driftPercent": "2.5"})
    assert found == {"setQuoteSettings": {"expiringDays": 0}}
    assert (await client.data("{ quoteSettings { driftPercent unviewedDays } }")) == {
        "quoteSettings": {"driftPercent": "2.5", "unviewedDays": 7}
    }
    await remind(database, None)
    assert await alerts(client, made, 4) == ["quote.unviewed", "quote.expiring"]
    events = await client.told("quotes.configured", 2, by="type")
    assert events[-1]["data"]["drift_percent"] == "2.5"
    for wrong in ({"expiring_days": -1}, {"unviewed_days": 0}, {"drift_percent": "101"}):
        answer = await client.put("/v1/quotes/settings", json=wrong)
        problem(answer, 422)


async def test_who_may_not_set_up_the_organization_only_reads_settings(client):
    role = await custom_role(client, levels={"*": {"read": "all", "update": "all"}})
    one = await member(client, role)
    problem(await one.api.put("/v1/quotes/settings", json={}), 403)


@pytest.mark.parametrize("state", ["disable", "read-only"])
async def test_nothing_is_told_where_quotes_are_switched_off(client, owner, database, state):
    made = await sent(client)
    await stands(owner, made, today())
    path = f"/v1/modules/quotes/{state}"
    assert (await client.post(path, params={"cascade": True})).status_code == 200
    await remind(database, None)
    assert (await client.post("/v1/modules/quotes/enable")).status_code == 200
    assert await alerts(client, made) == []
    await remind(database, None)
    assert await alerts(client, made, 3) == ["quote.expiring"]


async def test_the_owner_finds_it_in_the_inbox(client, worker, owner, database):
    one, other = await member(client, "admin"), await member(client, "admin")
    made = await sent(client, name="Office", owner_id=one.id)
    await other.api.put(f"/v1/quotes/{made['id']}/following", json={"follows": True})
    await stands(owner, made, today() + DAY, datetime.now(UTC) - 8 * DAY)
    await remind(database, None)
    mine = {row["type"]: row for row in await told(client, one) if row["kind"] == "reminder"}
    assert mine.keys() == {"quote.expiring", "quote.unviewed"}
    assert mine["quote.expiring"]["title"] == "Office ends soon"
    assert mine["quote.unviewed"]["title"] == "Nobody has looked at Office yet"
    assert mine["quote.expiring"]["record"]["path"] == f"/v1/quotes/{made['id']}"
    # Nobody else is, and it counts as no change.
    types = {row["type"] for row in await told(client, other)}
    assert not types & mine.keys()


async def test_days_that_are_hidden_are_not_told_by_how_far_they_are(client, owner, database):
    masks = {"quote": {"hidden": ["valid_until", "sent_at"]}}
    one = await member(client, await custom_role(client, levels={"*": REACH}, masks=masks))
    made = await sent(client)
    await stands(owner, made, today() + DAY, datetime.now(UTC) - 8 * DAY)
    await remind(database, None)
    found = {e["type"]: e["data"] for e in await one.api.told(made["id"], 4)}
    assert found["quote.expiring"] == found["quote.unviewed"] == {"revision": 1}
