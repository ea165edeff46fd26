"""Attendees of bookings: who is invited, once each, and what they reply."""

import asyncio
from uuid import uuid4

from support.attending import booking, invited, moved, replies
from support.clients import pointers, problem
from support.members import member


async def test_contacts_users_and_addresses_are_invited_and_listed(client):
    booked = await booking(client)
    contact = await client.made("contacts", {"last_name": "Sample", "email": "s@example.org"})
    user = await client.made("users", {"name": "Sample", "email": f"{uuid4().hex}@example.org"})
    first = await invited(client, booked, email=None, contact_id=contact["id"])
    second = await invited(client, booked, email=None, user_id=user["id"], role="optional")
    third = await invited(client, booked, name="Sample Person", email="Guest@Example.ORG")
    assert (first["role"], first["reply"], first["is_booker"]) == (
        "required",
        "needs_action",
        False,
    )
    assert third["email"] == "Guest@example.org"
    below = await client.read(f"bookings/{booked['id']}/attendees")
    assert [one["id"] for one in below["data"]] == [third["id"], second["id"], first["id"]]
    shown = await client.read("bookings", include="attendees")
    assert len(shown["data"][0]["attendees"]["data"]) == 3
    asked = await client.data(
        "query($id: UUID!) { booking(id: $id) { attendees { edges { node { role reply } } } } }",
        id=booked["id"],
    )
    assert len(asked["booking"]["attendees"]["edges"]) == 3


async def test_who_is_nobody_or_two_or_invited_already_is_refused(client):
    booked = await booking(client)
    contact = await client.made("contacts", {"last_name": "Sample"})
    user = await client.made("users", {"name": "Sample", "email": f"{uuid4().hex}@example.org"})
    path, own = "/v1/booking-attendees", {"booking_id": booked["id"]}
    nobody = problem(await client.post(path, json=own), 422)
    assert pointers(nobody) == ["/email"]
    both = {**own, "contact_id": contact["id"], "user_id": user["id"]}
    assert pointers(problem(await client.post(path, json=both), 422)) == ["/user_id"]
    wrong = problem(await client.post(path, json={**own, "email": "no address"}), 422)
    assert pointers(wrong) == ["/email"]
    one = await invited(client, booked, email="guest@example.org")
    same = {**own, "email": "GUEST@example.org"}
    assert problem(await client.post(path, json=same), 409)["code"] == "already_invited"
    await client.delete(f"{path}/{one['id']}")
    other = await invited(client, booked, email="guest@example.org")
    back = problem(await client.post(f"{path}/{one['id']}/restore"), 409)
    assert back["code"] == "already_invited"
    await client.delete(f"{path}/{other['id']}")
    assert (await client.post(f"{path}/{one['id']}/restore")).status_code == 200


async def test_of_many_who_invite_the_same_at_once_one_does(client):
    booked = await booking(client)
    body = {"booking_id": booked["id"], "email": "guest@example.org"}
    answers = await asyncio.gather(
        *(client.post("/v1/booking-attendees", json=body) for _ in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]


async def test_replies_are_written_down_and_begin_anew_when_it_is_moved(client):
    booked = await booking(client)
    one, other = await invited(client, booked), await invited(client, booked)
    said = await replies(client, one, reply="tentative", comment="Later?")
    assert (said["reply"], said["comment"], said["replied_via"]) == ("tentative", "Later?", "api")
    assert said["replied_at"] is not None
    events = await client.told(one["id"], 2)
    assert [event["type"] for event in events] == [
        "booking_attendee.created",
        "booking_attendee.replied",
    ]
    done = await client.data(
        "mutation($id: UUID!, $in: AttendeeReplyInput!)"
        " { replyBookingAttendee(id: $id, input: $in) { reply repliedVia } }",
        id=other["id"],
        **{"in": {"reply": "accepted"}},
    )
    assert done["replyBookingAttendee"] == {"reply": "accepted", "repliedVia": "api"}
    # What changes beside its time leaves replies as they are.
    await client.patch(f"/v1/bookings/{booked['id']}", json={"title": "Visit"})
    assert (await client.read(f"booking-attendees/{one['id']}"))["reply"] == "tentative"
    await moved(client, booked)
    for id in (one["id"], other["id"]):
        again = await client.read(f"booking-attendees/{id}")
        assert (again["reply"], again["replied_at"], again["comment"]) == (
            "needs_action",
            None,
            None,
        )
    assert (await replies(client, one, reply="declined"))["reply"] == "declined"
    wrong = await replies(client, one, 422, reply="needs_action")
    assert pointers(wrong) == ["/reply"]
    await client.post(f"/v1/bookings/{booked['id']}/cancel", json={})
    assert (await replies(client, one, 409))["code"] == "booking_is_off"


async def test_who_may_only_read_replies_for_themselves_alone(client):
    booked = await booking(client)
    scopes = ("bookings:read", "booking_attendees:read", "booking_attendees:write")
    reader = await member(client, "read_only", scopes=scopes)
    own = await invited(client, booked, email=None, user_id=reader.id)
    other = await invited(client, booked)
    assert (await replies(reader.api, own))["reply"] == "accepted"
    await replies(reader.api, other, 403)
