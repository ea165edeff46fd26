"""Who is busy elsewhere is neither offered, nor booked again and again, nor held for who waits."""

import pytest

from crm_api.domains.scheduling.promoting import Promoter
from crm_api.kit.db.tx import unit_of_work
from support.clients import problem
from support.waiting import patiently

DAY = "2027-03-01"


async def busy_hall(client, first="10:00", last="12:00"):
    """A room for two that a calendar file takes from one hour to another."""
    hall = await client.made("resources", {"name": "Meeting room", "kind": "room", "capacity": 2})
    await take_elsewhere(client, hall, first, last)
    return hall


async def take_elsewhere(client, hall, first, last):
    times = (f"{DAY}T{at}:00Z".replace("-", "").replace(":", "") for at in (first, last))
    begins, ends = times
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//EN", "BEGIN:VEVENT"),
        *("UID:1@example.com", f"DTSTART:{begins}", f"DTEND:{ends}"),
        *("END:VEVENT", "END:VCALENDAR", ""),
    ]
    answer = await client.put(
        f"/v1/resources/{hall['id']}/busy-calendar",
        content="\r\n".join(lines).encode(),
        headers={"Content-Type": "text/calendar"},
    )
    assert answer.status_code == 200, answer.text


def window(first="09:00", last="14:00"):
    return {"start": f"{DAY}T{first}:00Z", "end": f"{DAY}T{last}:00Z"}


async def test_no_slot_is_offered_that_could_not_be_booked(client):
    hall = await busy_hall(client)
    needs = [{"resource_ids": [hall["id"]]}]
    body = {**window(), "requirements": needs, "duration": 60, "slot_step": 60, "time_zone": "UTC"}
    answer = await client.post("/v1/availability/slots", json=body)
    starts = [one["start"][11:16] for one in answer.json()["slots"]]
    assert starts == ["09:00", "12:00", "13:00"]
    body = {**body, **window("10:00", "11:01")}
    found = (await client.post("/v1/availability/slots", json=body)).json()
    assert (found["slots"], found["empty_days"][0]["reason"]) == ([], "booked")
    kind = {"name": "Visit", "key": "visit", "time_zone": "UTC", "requirements": needs}
    type = await client.made("booking-types", {**kind, "horizon_days": 1100})
    wanted = {"booking_type_id": type["id"], "starts_at": f"{DAY}T10:30:00Z"}
    problem(await client.post("/v1/bookings", json=wanted), 409, "no_resources_free")
    await client.made("bookings", {**wanted, "starts_at": f"{DAY}T12:00:00Z"})


async def test_of_a_series_what_is_busy_elsewhere_is_told(client):
    hall = await busy_hall(client)
    body = {
        "title": "Weekly meeting",
        "rule": "FREQ=WEEKLY;COUNT=3",
        "starts_local": f"{DAY}T11:00",
        "time_zone": "UTC",
        "duration_minutes": 60,
        "resources": [{"resource_id": hall["id"]}],
    }
    found = problem(await client.post("/v1/booking-series", json=body), 409, "occurrences_taken")
    assert [(one["occurrence"], one["code"]) for one in found["occurrences"]] == [
        (f"{DAY}T11:00", "busy_elsewhere")
    ]
    await client.made("booking-series", {**body, "on_conflict": "skip"})
    assert len((await client.read("bookings"))["data"]) == 2


async def test_who_waits_is_offered_what_is_free_everywhere(client, tx_of, org):
    hall = await busy_hall(client, last="13:00")
    taken = {"title": "Taken", "resources": [{"resource_id": hall["id"], "quantity": 2}]}
    times = {"starts_at": f"{DAY}T13:00:00Z", "ends_at": f"{DAY}T14:00:00Z"}
    booking = await client.made("bookings", {**taken, **times})
    wanted = {
        "title": "Waiting",
        "window_starts_at": f"{DAY}T10:00:00Z",
        "window_ends_at": f"{DAY}T14:00:00Z",
        "duration_minutes": 60,
        "resources": [{"resource_id": hall["id"]}],
    }
    entry = await client.made("waitlist-entries", wanted)
    assert (await client.post(f"/v1/bookings/{booking['id']}/cancel")).status_code == 200
    async for _ in patiently():
        async with unit_of_work(tx_of(org)) as tx:
            await Promoter(tx).take_up()
        found = await client.read(f"waitlist-entries/{entry['id']}")
        if found["status"] == "offered":
            break
    held = await client.read(f"bookings/{found['booking_id']}")
    assert held["starts_at"] == f"{DAY}T13:00:00Z"


@pytest.mark.usefixtures("worker")
async def test_a_series_that_is_moved_away_has_no_conflict_any_more(client):
    hall = await client.made("resources", {"name": "Meeting room", "kind": "room"})
    body = {
        "title": "Weekly meeting",
        "rule": "FREQ=WEEKLY;COUNT=2",
        "starts_local": f"{DAY}T11:00",
        "time_zone": "UTC",
        "duration_minutes": 60,
        "resources": [{"resource_id": hall["id"]}],
    }
    series = await client.made("booking-series", body)
    await take_elsewhere(client, hall, "11:00", "12:00")
    where = {"filter[conflicted_at][is_null]": "false"}
    async for _ in patiently():
        found = (await client.read("bookings", **where))["data"]
        if found:
            break
    assert [one["occurrence"] for one in found] == [f"{DAY}T11:00"]
    moved = {"scope": "all", "starts_local": f"{DAY}T13:00"}
    answer = await client.post(f"/v1/booking-series/{series['id']}/reschedule", json=moved)
    assert answer.status_code == 200, answer.text
    assert (await client.read("bookings", **where))["data"] == []
