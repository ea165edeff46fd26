"""Bookings that do not fit any more once calendars and resources have changed."""

import pytest

from support.clients import problem
from support.waiting import patiently

pytestmark = pytest.mark.usefixtures("worker")

NINE_TO_FIVE = [{"start": "09:00", "end": "17:00"}]
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), NINE_TO_FIVE)
START, END = "2031-03-03T14:00:00Z", "2031-03-03T16:00:00Z"


async def calendar(api):
    body = {"name": "Office", "time_zone": "UTC", "week": WEEK}
    return (await api.made("working-calendars", body))["id"]


async def room(api, **more):
    return await api.made("resources", {"name": "Meeting room", "kind": "room", **more})


async def booked(api, *resources, start=START, end=END, **more):
    body = {"title": "Site visit", "starts_at": start, "ends_at": end, **more}
    chosen = [{"resource_id": one["id"]} for one in resources]
    return await api.made("bookings", {**body, "resources": chosen})


async def with_conflicts(api, booking, *causes):
    """The booking, once it has conflicts of these causes and no others."""
    async for _ in patiently():
        found = await api.read(f"bookings/{booking['id']}")
        if [one["cause"] for one in found["conflicts"]] == list(causes):
            break
    assert [one["cause"] for one in found["conflicts"]] == list(causes)
    assert (found["conflicted_at"] is not None) == bool(causes)
    return found


async def test_shorter_hours_are_told_once_and_gone_when_they_fit_again(client):
    office = await calendar(client)
    hall = await room(client, calendar_id=office)
    late = await booked(client, hall)
    early = await booked(client, hall, start="2031-03-03T09:00:00Z", end="2031-03-03T10:00:00Z")
    shorter = {**WEEK, "monday": [{"start": "09:00", "end": "15:00"}]}
    await client.changed(f"working-calendars/{office}", {"week": shorter})
    found = await with_conflicts(client, late, "outside_working_time")
    assert found["conflicts"][0]["resource_id"] == hall["id"]
    (event,) = await client.told(hall["id"], 1, types="resource.conflict")
    assert event["data"]["booking_id"] == late["id"]
    assert event["data"]["cause"] == "outside_working_time"
    listed = await client.read("bookings", **{"filter[conflicted_at][is_null]": "false"})
    assert [one["id"] for one in listed["data"]] == [late["id"]]
    data = await client.data(
        "{ bookings(where: {conflictedAt: {isNull: false}}) {"
        " nodes { id conflicts { resourceId cause } } } }"
    )
    conflict = {"resourceId": hall["id"], "cause": "outside_working_time"}
    assert data["bookings"]["nodes"] == [{"id": late["id"], "conflicts": [conflict]}]
    # Another change that matters to neither is looked at, and tells nothing anew.
    exception = {"calendar_id": office, "day": "2031-03-04", "name": "Outing"}
    await client.made("calendar-exceptions", exception)
    await client.changed(f"working-calendars/{office}", {"week": WEEK})
    await with_conflicts(client, late)
    assert len(await client.told(hall["id"], 1, types="resource.conflict")) == 1
    assert (await client.read(f"bookings/{early['id']}"))["version"] == early["version"]


async def test_holidays_conflict_and_rescheduling_settles_it(client):
    office = await calendar(client)
    hall, open_hall = await room(client, calendar_id=office), await room(client)
    booking = await booked(client, hall, open_hall)
    anyway = await booked(
        client, hall, start="2031-03-03T16:00:00Z", end="2031-03-03T18:00:00Z",
        ignores_calendars=True,
    )  # fmt: skip
    exception = {"calendar_id": office, "day": "2031-03-03", "name": "Outing"}
    await client.made("calendar-exceptions", exception)
    found = await with_conflicts(client, booking, "outside_working_time")
    assert [one["resource_id"] for one in found["conflicts"]] == [hall["id"]]
    times = {"starts_at": "2031-03-04T14:00:00Z", "ends_at": "2031-03-04T16:00:00Z"}
    path = f"/v1/bookings/{booking['id']}/reschedule"
    answer = await client.post(path, json=times)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["conflicts"], answer.json()["conflicted_at"]) == ([], None)
    assert (await client.read(f"bookings/{anyway['id']}"))["conflicts"] == []
    answer = await client.post(path, json={"starts_at": START, "ends_at": END})
    assert problem(answer, 409)["code"] == "outside_working_time"


async def test_whoever_may_passes_over_it(client):
    office = await calendar(client)
    booking = await booked(client, await room(client, calendar_id=office))
    exception = {"calendar_id": office, "day": "2031-03-03", "name": "Outing"}
    await client.made("calendar-exceptions", exception)
    await with_conflicts(client, booking, "outside_working_time")
    body = {"starts_at": START, "ends_at": END, "ignores_calendars": True}
    answer = await client.post(f"/v1/bookings/{booking['id']}/reschedule", json=body)
    assert answer.json()["conflicts"] == []


async def test_what_is_bookable_no_more_is_told_and_cancelling_settles_it(client):
    first, second = await room(client), await room(client)
    booking = await booked(client, first, second)
    held = await booked(
        client, first, start="2031-03-05T09:00:00Z", end="2031-03-05T10:00:00Z",
        hold_expires_at="2031-03-01T00:00:00Z",
    )  # fmt: skip
    await client.changed(f"resources/{first['id']}", {"status": "inactive"})
    await with_conflicts(client, held, "resource_inactive")
    await client.delete(f"/v1/resources/{second['id']}")
    await with_conflicts(client, booking, "resource_inactive", "resource_deleted")
    await client.changed(f"resources/{first['id']}", {"status": "active"})
    await with_conflicts(client, booking, "resource_deleted")
    await with_conflicts(client, held)
    answer = await client.post(f"/v1/bookings/{booking['id']}/cancel")
    assert answer.json()["conflicts"] == []


async def test_another_calendar_is_another_working_time(client):
    hall = await room(client)
    booking = await booked(client, hall, start="2031-03-02T09:00:00Z", end="2031-03-02T10:00:00Z")
    await client.changed(f"resources/{hall['id']}", {"calendar_id": await calendar(client)})
    await with_conflicts(client, booking, "outside_working_time")
    await client.changed(f"resources/{hall['id']}", {"calendar_id": None})
    await with_conflicts(client, booking)
