"""Reminders of planned activities: each once, as long before their start as was wanted."""

from datetime import UTC, datetime, timedelta

from crm_api.domains.activities.jobs import remind_of_activities
from support.clients import pointers, problem


def at(**ahead):
    return (datetime.now(UTC) + timedelta(**ahead)).replace(microsecond=0)


def said(moment):
    return moment.isoformat().replace("+00:00", "Z")


async def planned(client, starts_at, **more):
    body = {"kind": "meeting", "subject": "Site visit", "is_internal": True, "status": "planned"}
    return await client.made("activities", {**body, "starts_at": said(starts_at), **more})


async def reminded(client, database):
    for _ in range(2):
        await remind_of_activities(database, None)
    found = (await client.read("events", limit=200))["data"]
    return [e["record_id"] for e in found if e["type"] == "activity.reminded"]


async def test_a_reminder_goes_with_the_start(client):
    start = at(days=3)
    one = await planned(client, start, remind_minutes=30)
    assert one["remind_at"] == said(start - timedelta(minutes=30))
    path = f"activities/{one['id']}"
    later = start + timedelta(days=1)
    moved = await client.changed(path, {"starts_at": said(later)})
    assert moved["remind_at"] == said(later - timedelta(minutes=30))
    sooner = await client.changed(path, {"remind_minutes": 0})
    assert sooner["remind_at"] == said(later)
    assert (await client.changed(path, {"remind_minutes": None}))["remind_at"] is None
    undated = await client.changed(path, {"remind_minutes": 5, "starts_at": None})
    assert (undated["remind_minutes"], undated["remind_at"]) == (5, None)
    answer = await client.patch(f"/v1/{path}", json={"remind_minutes": -1})
    assert pointers(problem(answer, 422)) == ["/remind_minutes"]


async def test_of_what_is_planned_one_is_reminded_once(client, database):
    due = await planned(client, at(minutes=10), remind_minutes=15)
    await planned(client, at(minutes=10), remind_minutes=5)
    await planned(client, at(hours=-2), remind_minutes=5)
    cancelled = await planned(client, at(minutes=10), remind_minutes=15)
    assert (await client.post(f"/v1/activities/{cancelled['id']}/cancel")).status_code == 200
    assert await reminded(client, database) == [due["id"]]
    # Whoever moves it is reminded of when it is now.
    await client.changed(f"activities/{due['id']}", {"starts_at": said(at(minutes=12))})
    assert await reminded(client, database) == [due["id"]] * 2


async def test_reminders_are_set_over_graphql(client):
    start = at(days=3)
    document = """
        mutation ($start: DateTime!) {
            createActivity(input: {kind: "call", subject: "Call", isInternal: true,
                startsAt: $start, remindMinutes: 10}) { remindMinutes remindAt }
        }
    """
    made = (await client.gql(document, start=said(start)))["data"]["createActivity"]
    assert made["remindMinutes"] == 10
    assert datetime.fromisoformat(made["remindAt"]) == start - timedelta(minutes=10)
