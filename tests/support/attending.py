"""Bookings with attendees, and pages on which guests book."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from support.clients import Api

Body = dict[str, Any]


async def booking(client: Api, **more: Any) -> Body:
    """A booking of a room far ahead."""
    room = await client.made("resources", {"name": "Meeting room", "kind": "room"})
    body = {
        "title": "Site visit",
        "starts_at": "2031-03-03T09:00:00Z",
        "ends_at": "2031-03-03T10:00:00Z",
        "resources": [{"resource_id": room["id"]}],
        **more,
    }
    return await client.made("bookings", body)


async def invited(client: Api, booked: Body, **more: Any) -> Body:
    """Somebody who is invited to it."""
    whom = {"booking_id": booked["id"], "email": f"{uuid4().hex}@example.org", **more}
    return await client.made("booking-attendees", whom)


async def replies(api: Api, one: Body, status: int = 200, **body: Any) -> Body:
    """What becomes of what somebody replies."""
    path = f"/v1/booking-attendees/{one['id']}/reply"
    answer = await api.post(path, json={"reply": "accepted", **body})
    assert answer.status_code == status, answer.text
    return answer.json()


async def moved(client: Api, booked: Body, hour: int = 12) -> Body:
    """The booking at another time."""
    times = {
        "starts_at": f"2031-03-03T{hour}:00:00Z",
        "ends_at": f"2031-03-03T{hour + 1}:00:00Z",
    }
    answer = await client.post(f"/v1/bookings/{booked['id']}/reschedule", json=times)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def page_of(client: Api, **more: Any) -> str:
    """The path of a page on which a room can be booked."""
    room = await client.made("resources", {"name": "Meeting room", "kind": "room"})
    body = {"name": "Consultation", "key": f"type-{uuid4().hex}", **more}
    body["requirements"] = [{"resource_ids": [room["id"]]}]
    type = await client.made("booking-types", body)
    made = await client.made("booking-pages", {"booking_type_id": type["id"]})
    return f"/public/booking-pages/{made['token']}"


async def slots(api: Api, path: str) -> list[Body]:
    """What is free in a week."""
    day = (datetime.now(UTC) + timedelta(days=7)).date()
    window = {"start": f"{day}T00:00:00Z", "end": f"{day + timedelta(days=1)}T00:00:00Z"}
    answer = await api.post(f"{path}/slots", json=window)
    assert answer.status_code == 200, answer.text
    return answer.json()["slots"]


async def by_guest(api: Api, path: str, slot: Body, **more: Any) -> Body:
    """What somebody has booked on a page."""
    names = {"first_name": "Sample", "last_name": "Person"}
    body = {"starts_at": slot["start"], **names, **more}
    answer = await api.post(f"{path}/book", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()
