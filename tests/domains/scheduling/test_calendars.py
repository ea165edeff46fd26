"""Bookings as calendar documents, and the feeds of resources."""

from datetime import UTC, datetime, timedelta

from support.clients import problem
from support.ics import strict
from support.members import custom_role, member

TITLE = 'Größe; ein \\ "Pfad", 日本語 ' * 6
START, END = "2031-03-30T00:30:00Z", "2031-03-30T02:15:00Z"


async def room(api, **more):
    return await api.made("resources", {"name": "Meeting room", "kind": "room", **more})


async def booked(api, *resources, start=START, end=END, **more):
    body = {"title": TITLE.strip(), "starts_at": start, "ends_at": end, **more}
    chosen = [{"resource_id": one["id"]} for one in resources]
    return await api.made("bookings", {**body, "resources": chosen})


async def document(api, booking):
    answer = await api.get(f"/v1/bookings/{booking['id']}/calendar")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar = strict(answer.content)
    (event,) = calendar.walk("VEVENT")
    return str(calendar["METHOD"]), event, answer


async def test_a_booking_is_an_invitation_and_then_its_cancellation(client):
    contact = await client.made(
        "contacts", {"first_name": 'Jon "J."', "last_name": "Example", "email": "jon@example.com"}
    )
    hall = await room(client, name="Room; left, rear")
    boss = await member(client, "admin")
    booking = await booked(
        client, hall, contact_id=contact["id"], owner_id=boss.id, description="One\ntwo"
    )
    method, event, answer = await document(client, booking)
    assert (method, str(event["STATUS"]), event["SEQUENCE"]) == ("REQUEST", "CONFIRMED", 0)
    assert str(event["UID"]) == f"{booking['id']}@crm-api"
    assert (str(event["SUMMARY"]), str(event["DESCRIPTION"])) == (TITLE.strip(), "One\ntwo")
    assert "DTSTART:20310330T003000Z" in answer.text
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=105)
    assert event["DTSTAMP"].dt.tzinfo is not None
    assert str(event["LOCATION"]) == "Room; left, rear"
    assert str(event["ORGANIZER"]).startswith("mailto:member-")
    guest, place = event["ATTENDEE"]
    assert (str(guest), guest.params["CN"]) == ("mailto:jon@example.com", "Jon 'J.' Example")
    assert (guest.params["ROLE"], guest.params["PARTSTAT"]) == ("REQ-PARTICIPANT", "NEEDS-ACTION")
    assert str(place) == f"urn:uuid:{hall['id']}"
    assert (place.params["CUTYPE"], place.params["PARTSTAT"]) == ("ROOM", "ACCEPTED")
    same = await client.get(
        f"/v1/bookings/{booking['id']}/calendar", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert same.status_code == 304
    times = {"starts_at": "2031-03-31T08:00:00Z", "ends_at": "2031-03-31T09:00:00Z"}
    await client.post(f"/v1/bookings/{booking['id']}/reschedule", json=times)
    method, event, moved = await document(client, booking)
    assert (method, event["SEQUENCE"]) == ("REQUEST", 1)
    assert event["DTSTART"].dt == datetime(2031, 3, 31, 8, tzinfo=UTC)
    assert moved.headers["ETag"] != answer.headers["ETag"]
    await client.post(f"/v1/bookings/{booking['id']}/cancel")
    method, event, _ = await document(client, booking)
    assert (method, str(event["STATUS"]), event["SEQUENCE"]) == ("CANCEL", "CANCELLED", 2)
    assert str(event["UID"]) == f"{booking['id']}@crm-api"
    data = await client.data(f'{{ bookingCalendar(id: "{booking["id"]}") }}')
    assert "METHOD:CANCEL" in data["bookingCalendar"]


async def test_without_anybody_the_organization_invites(client):
    booking = await booked(client, await room(client), hold_expires_at="2031-01-01T00:00:00Z")
    _, event, _ = await document(client, booking)
    assert str(event["STATUS"]) == "TENTATIVE"
    assert str(event["ORGANIZER"]).startswith("urn:uuid:")
    missing = await client.get("/v1/bookings/018f0000-0000-7000-8000-000000000000/calendar")
    problem(missing, 404)


async def test_who_may_not_read_contacts_is_told_of_none(client):
    contact = await client.made("contacts", {"last_name": "Example", "email": "jon@example.com"})
    booking = await booked(client, await room(client), contact_id=contact["id"])
    own = {"bookings": {"read": "all"}}
    reader = await member(client, await custom_role(client, levels=own))
    _, event, answer = await document(reader.api, booking)
    assert "jon@example.com" not in answer.text
    assert str(event["ATTENDEE"]).startswith("urn:uuid:")


def soon(days, hours=0):
    return (datetime.now(UTC) + timedelta(days=days, hours=hours)).isoformat()


async def test_a_feed_is_read_by_its_secret_address_until_it_is_revoked(client):
    hall, other = await room(client), await room(client)
    booking = await booked(client, hall, start=soon(3), end=soon(3, 1))
    gone = await booked(client, hall, start=soon(4), end=soon(4, 1))
    await booked(client, other, start=soon(3), end=soon(3, 1))
    await client.post(f"/v1/bookings/{gone['id']}/cancel")
    path = f"/v1/resources/{hall['id']}/calendar-feed"
    assert problem(await client.get(path), 404)["code"] == "no_calendar_feed"
    made = await client.post(path, json={})
    assert made.status_code == 201, made.text
    address = made.json()["path"]
    nobody = type(client)(client.app, "")
    answer = await nobody.get(address)
    assert answer.status_code == 200, answer.text
    (event,) = strict(answer.content).walk("VEVENT")
    assert (str(event["UID"]), str(event["SUMMARY"])) == (f"{booking['id']}@crm-api", "Busy")
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert (await nobody.get(address, headers=tag)).status_code == 304
    assert (await client.read(path[4:]))["last_used_at"] is not None
    titled = (await client.post(path, json={"tells_titles": True})).json()["path"]
    problem(await nobody.get(address), 404, "unknown_link")
    answer = await nobody.get(titled)
    (event,) = strict(answer.content).walk("VEVENT")
    assert str(event["SUMMARY"]) == TITLE.strip()
    assert (await nobody.get(titled, headers=tag)).status_code == 200
    assert (await client.delete(path)).status_code == 204
    problem(await nobody.get(titled), 404, "unknown_link")
    data = await client.data(
        f'mutation {{ makeResourceFeed(resourceId: "{hall["id"]}") {{ path tellsTitles }} }}'
    )
    assert (await nobody.get(data["makeResourceFeed"]["path"])).status_code == 200
    await client.delete(f"/v1/resources/{hall['id']}")
    problem(await nobody.get(data["makeResourceFeed"]["path"]), 404, "unknown_link")


async def test_titles_are_told_by_who_reads_all_bookings(client):
    hall = await room(client)
    role = await custom_role(
        client, levels={"bookings": {"read": "own"}}, permissions=["manage_settings"]
    )
    keeper = await member(client, role)
    path = f"/v1/resources/{hall['id']}/calendar-feed"
    answer = await keeper.api.post(path, json={"tells_titles": True})
    assert problem(answer, 403)["code"] == "missing_right"
    assert (await keeper.api.post(path, json={})).status_code == 201
    reader = await member(client, await custom_role(client))
    problem(await reader.api.post(path, json={}), 403)
