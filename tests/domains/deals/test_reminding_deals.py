"""Owners are told of deals that stand too long, and of those whose day is over: once for each."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from crm_api.domains.deals.jobs import tell_of_overdue, tell_of_rotting
from support.inboxes import told
from support.members import custom_role, member
from support.quoting import REACH
from support.selling import act, deal, pipeline

DAY = timedelta(days=1)


async def stood(owner, made, days):
    """As a deal stands once days have gone by."""
    await owner.execute(
        "UPDATE deals SET stage_entered_at = stage_entered_at - $2::interval, "
        "rots_at = rots_at - $2::interval "
        "WHERE id = $1",
        UUID(made["id"]),
        days * DAY,
    )


async def alerts(client, made, known):
    """What was told of a deal by itself, beside what was done."""
    events = [e["type"] for e in await client.told(made["id"], known)]
    return [type for type in events if type in {"deal.rotting", "deal.overdue"}]


async def test_deals_that_stand_too_long_are_told_of_once(client, owner, database):
    where = await pipeline(client, New={"rotting_days": 7}, Offer={"rotting_days": 7})
    made, young, closed = [await deal(client, where) for _ in range(3)]
    rots_at = datetime.fromisoformat(made["rots_at"])
    assert rots_at - datetime.fromisoformat(made["stage_entered_at"]) == 7 * DAY
    closed = await act(client, closed["id"], "win")
    assert closed["rots_at"] is None
    await stood(owner, made, 8)
    await stood(owner, young, 6)
    for _ in range(2):
        await asyncio.gather(*(tell_of_rotting(database, None) for _ in range(3)))
    assert await alerts(client, made, 2) == ["deal.rotting"]
    assert await alerts(client, young, 1) == []
    event = (await client.told(made["id"], 2))[-1]
    assert event["data"] == {"stage_id": where["New"], "days_in_stage": 8}
    after = await client.read(f"deals/{made['id']}")
    assert (after["version"], event["version"]) == (1, 1)
    stale = {"filter[rots_at][lt]": datetime.now(UTC).isoformat()}
    assert [d["id"] for d in (await client.read("deals", **stale))["data"]] == [made["id"]]
    # Another stay is another cause.
    await act(client, made["id"], "move", stage_id=where["Offer"])
    await stood(owner, made, 8)
    await tell_of_rotting(database, None)
    assert await alerts(client, made, 4) == ["deal.rotting"] * 2


async def test_deals_follow_the_days_of_their_stage(client):
    where = await pipeline(client)
    made = await deal(client, where, probability_override=5, forecast_override="commit")
    assert made["rots_at"] is None
    await client.changed(f"stages/{where['New']}", {"rotting_days": 3})
    after = await client.read(f"deals/{made['id']}")
    assert datetime.fromisoformat(after["rots_at"]) == (
        datetime.fromisoformat(after["stage_entered_at"]) + 3 * DAY
    )


async def test_owners_are_told_that_a_day_is_over(client, worker, database):
    who = await member(client, await custom_role(client, levels={"*": REACH}))
    where = await pipeline(client)
    passed = str(date.today() - 2 * DAY)
    made = await deal(client, where, closes_on=passed, owner_id=who.id)
    later = await deal(client, where, closes_on=str(date.today() + 2 * DAY))
    await tell_of_overdue(database, None)
    await tell_of_overdue(database, None)
    assert await alerts(client, made, 2) == ["deal.overdue"]
    assert await alerts(client, later, 1) == []
    (row,) = [row for row in await told(client, who) if row["kind"] == "reminder"]
    assert (row["type"], row["title"]) == ("deal.overdue", "Office was to be decided by now")
    # Another day that passes is another cause.
    await client.changed(f"deals/{made['id']}", {"closes_on": str(date.today() - DAY)})
    await tell_of_overdue(database, None)
    assert await alerts(client, made, 4) == ["deal.overdue"] * 2


async def test_putting_off_to_a_later_month_is_counted(client):
    where = await pipeline(client)
    made = await deal(client, where, closes_on="2031-01-15")
    for day, count in (("2031-01-31", 0), ("2031-02-01", 1), ("2031-01-05", 1), ("2032-01-04", 2)):
        made = await client.changed(f"deals/{made['id']}", {"closes_on": day})
        assert made["push_count"] == count, day
