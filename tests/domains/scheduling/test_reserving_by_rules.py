"""Rules that reserve for deals, projects and tasks."""

from datetime import UTC, datetime, timedelta

import pytest

from support.clients import pointers, problem
from support.rules import Rules
from support.selling import act, deal, pipeline, reason

MOVED = {"type": "event", "events": ["deal.moved"]}
UNKNOWN = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture
def rules(client):
    return Rules(client)


async def kind(api, **more):
    """A type that takes one of one person, an hour each."""
    person = await api.made("resources", {"name": "Fitter", "kind": "person"})
    body = {
        "name": "Installation",
        "key": "installation",
        "requirements": [{"resource_ids": [person["id"]]}],
        "durations": [60],
        "slot_step": 60,
        "time_zone": "UTC",
        "horizon_days": 730,
        **more,
    }
    return person["id"], (await api.made("booking-types", body))["id"]


async def bookings(api):
    return (await api.read("bookings", sort="starts_at"))["data"]


async def test_a_deal_that_comes_to_a_stage_reserves_the_first_slot(client, worker, rules):
    where, (person, type_id) = await pipeline(client), await kind(client)
    company = await client.made("companies", {"name": "Example Industries"})
    step = {
        "action": "reserve",
        "booking_type_id": type_id,
        "title": "For  {{ record.name }}",
        "not_before": {"$ref": "record.closes_on"},
        "after": "2d",
    }
    id = await rules.active(step, trigger=MOVED)
    closes_on = datetime.now(UTC).date() + timedelta(days=30)
    first, second = [
        await deal(
            client, where, name=name, company_id=company["id"], closes_on=closes_on.isoformat()
        )
        for name in ("Office", "Plant")
    ]
    await act(client, first["id"], "move", stage_id=where["Offer"])
    await rules.ended(id)
    await act(client, second["id"], "move", stage_id=where["Offer"])
    await rules.ended(id, 2)
    found = await bookings(client)
    starts_at = [f"{closes_on + timedelta(days=2)}T0{hour}:00:00Z" for hour in (0, 1)]
    assert [one["starts_at"] for one in found] == starts_at
    assert [one["title"] for one in found] == ["For Office", "For Plant"]
    for one, of in zip(found, (first, second), strict=True):
        assert (one["status"], one["reserved_for"], one["deal_id"]) == ("held", "deal", of["id"])
        assert (one["company_id"], one["hold_expires_at"]) == (company["id"], None)
        assert one["resources"] == [{"resource_id": person, "quantity": 1}]
    await act(client, first["id"], "lose", loss_reason_id=await reason(client))
    await act(client, second["id"], "win")
    assert [one["status"] for one in await bookings(client)] == ["cancelled", "confirmed"]


async def test_a_task_reserves_for_its_project_when_it_is_planned(client, worker, rules):
    _, type_id = await kind(client)
    step = {
        "action": "reserve",
        "booking_type_id": type_id,
        "not_before": {"$ref": "record.starts_at"},
    }
    trigger = {"type": "event", "events": ["project_task.created"]}
    id = await rules.active(step, trigger=trigger)
    starts_on = datetime.now(UTC).date() + timedelta(days=60)
    body = {"name": "New office", "starts_on": starts_on.isoformat()}
    project = await client.made("projects", body)
    task = await client.made("project-tasks", {"project_id": project["id"], "name": "Install"})
    await rules.ended(id)
    (one,) = await bookings(client)
    assert (one["reserved_for"], one["project_id"]) == ("project", project["id"])
    assert (one["status"], one["title"]) == ("held", "Installation")
    assert one["starts_at"] >= task["starts_at"]


async def test_without_a_slot_or_for_what_is_over_the_rule_goes_on(client, worker, rules):
    where, (person, type_id) = await pipeline(client), await kind(client)
    taken = datetime.now(UTC)
    body = {
        "title": "Away",
        "starts_at": taken.isoformat(),
        "ends_at": (taken + timedelta(days=10)).isoformat(),
        "resources": [{"resource_id": person}],
    }
    await client.made("bookings", body)
    step = {"action": "reserve", "name": "hall", "booking_type_id": type_id, "within_days": 3}
    id = await rules.active(step, trigger=MOVED)
    made = await deal(client, where)
    await act(client, made["id"], "move", stage_id=where["Offer"])
    await rules.ended(id)
    late = await rules.active(
        {**step, "within_days": 20}, trigger={**MOVED, "events": ["deal.lost"]}
    )
    await act(client, made["id"], "lose", loss_reason_id=await reason(client))
    await rules.ended(late)
    assert [one["title"] for one in await bookings(client)] == ["Away"]


async def test_what_is_wrong_with_it_shows_when_it_is_published(client, rules):
    _, type_id = await kind(client)
    wrong = {
        "action": "reserve",
        "booking_type_id": UNKNOWN,
        "title": "{{ record.nothing }}",
        "not_before": {"$ref": "record.nothing"},
        "after": "-1d",
    }
    draft = await rules.draft(wrong, trigger=MOVED)
    found = problem(await client.post(f"/v1/automations/{draft}/publish"), 422)
    names = ("booking_type_id", "title", "not_before", "after")
    assert set(pointers(found)) == {f"/steps/0/{name}" for name in names}
    trigger = {"type": "event", "events": ["contact.created"]}
    draft = await rules.draft({"action": "reserve", "booking_type_id": type_id}, trigger=trigger)
    found = problem(await client.post(f"/v1/automations/{draft}/publish"), 422)
    assert pointers(found) == ["/steps/0/action"]
