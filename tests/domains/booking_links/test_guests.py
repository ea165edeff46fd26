"""Customers book on a page, and move or cancel what they booked by a link, without a login."""

import asyncio
from datetime import UTC, datetime, timedelta
from string import ascii_lowercase, ascii_uppercase, digits
from uuid import uuid4

import pytest

from support.clients import pointers, problem

LETTERS = f"{ascii_uppercase}{ascii_lowercase}{digits}-_"


def day_ahead(number):
    return (datetime.now(UTC) + timedelta(days=number)).date()


def window(number=7, days=1):
    first = day_ahead(number)
    return {"start": f"{first}T00:00:00Z", "end": f"{first + timedelta(days=days)}T00:00:00Z"}


def guest(slot, **more):
    names = {"first_name": "Sample", "last_name": "Person"}
    return {"starts_at": slot["start"], **names, "email": f"{uuid4().hex}@example.com", **more}


async def page_of(client, rooms=1, page=None, **more):
    """A page for something that so many rooms can be booked for."""
    kind = {"name": "Meeting room", "kind": "room"}
    ids = [(await client.made("resources", kind))["id"] for _ in range(rooms)]
    body = {"name": "Site visit", "key": f"type-{uuid4().hex}", "time_zone": "UTC", **more}
    body["requirements"] = [{"resource_ids": ids}]
    type = await client.made("booking-types", body)
    made = await client.made("booking-pages", {"booking_type_id": type["id"], **(page or {})})
    return type, f"/public/booking-pages/{made['token']}", ids


async def slots(api, path, **more):
    answer = await api.post(f"{path}/slots", json={**window(), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["slots"]


async def booked(api, path, slot, **more):
    answer = await api.post(f"{path}/book", json=guest(slot, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_guest_books_moves_and_cancels(client, anonymous):
    type, path, (room,) = await page_of(client, price="60.00", currency="EUR", durations=[60, 30])
    found = (await anonymous.get(path)).json()
    assert (found["name"], found["durations"], found["needs_name"]) == (
        "Site visit",
        [60, 30],
        True,
    )
    first, second, *_ = await slots(anonymous, path)
    one = await booked(anonymous, path, first, email="Sample.Person@Example.com", note="Two of us")
    assert (one["status"], one["starts_at"], one["can_cancel"]) == (
        "confirmed",
        first["start"],
        True,
    )
    kept = (await client.read("bookings", include="contact"))["data"][0]
    assert (kept["booking_type_id"], kept["description"]) == (type["id"], "Two of us")
    assert [r["resource_id"] for r in kept["resources"]] == [room]
    contact = await client.read(f"contacts/{kept['contact_id']}")
    assert (contact["name"], contact["email"]) == ("Sample Person", "Sample.Person@example.com")
    assert first not in await slots(anonymous, path)
    link = f"/public/bookings/{one['token']}"
    later = (await slots(anonymous, link))[-1]
    moved = await anonymous.post(f"{link}/reschedule", json={"starts_at": later["start"]})
    assert (moved.status_code, moved.json()["starts_at"]) == (200, later["start"])
    kept = await client.read(f"bookings/{kept['id']}")
    assert (kept["starts_at"], kept["sequence"]) == (later["start"], 1)
    assert first in await slots(anonymous, path)
    gone = await anonymous.post(f"{link}/cancel", json={"reason": "Ill"})
    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
    assert (await client.read(f"bookings/{kept['id']}"))["cancel_reason"] == "Ill"
    problem(await anonymous.post(f"{link}/cancel", json={}), 409)
    problem(await anonymous.post(f"{link}/reschedule", json={"starts_at": second["start"]}), 409)


async def test_of_many_guests_at_once_as_many_as_there_are_rooms_have_a_slot(client, anonymous):
    _, path, ids = await page_of(client, rooms=3)
    slot = (await slots(anonymous, path))[0]
    answers = await asyncio.gather(
        *(anonymous.post(f"{path}/book", json=guest(slot)) for _ in range(12))
    )
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [*[201] * 3, *[409] * 9]
    found = (await client.read("bookings", limit=50))["data"]
    assert sorted(r["resource_id"] for b in found for r in b["resources"]) == sorted(ids)
    # Of those who had none, nothing is left: no contact, no link.
    assert len((await client.read("contacts", limit=50))["data"]) == 3
    assert len((await client.read("booking-links", limit=50))["data"]) == 3


async def test_only_slots_are_booked(client, anonymous):
    _, path, _ = await page_of(client, slot_step=60, minimum_notice=24 * 60, horizon_days=10)
    slot = (await slots(anonymous, path))[0]
    beside = slot["start"].replace(":00:00", ":07:00")
    problem(await anonymous.post(f"{path}/book", json=guest({"start": beside})), 409, "slot_taken")
    for number in (0, 30):
        start = f"{day_ahead(number)}T23:00:00Z"
        answer = await anonymous.post(f"{path}/book", json=guest({"start": start}))
        problem(answer, 409, "slot_taken")
    nobody = {"starts_at": slot["start"], "first_name": "Sample"}
    answer = await anonymous.post(f"{path}/book", json=nobody)
    assert pointers(problem(answer, 422)) == ["/last_name", "/email"]
    answer = await anonymous.post(f"{path}/book", json=guest(slot, email="nowhere"))
    assert pointers(problem(answer, 422)) == ["/email"]
    answer = await anonymous.post(f"{path}/book", json=guest(slot, duration=77))
    problem(answer, 422)
    # As late as a time may be at all.
    last = guest({"start": "2199-12-31T23:59:30Z"})
    problem(await anonymous.post(f"{path}/book", json=last), 409, "slot_taken")
    wrong = {"start": slot["start"], "end": slot["start"]}
    problem(await anonymous.post(f"{path}/slots", json=wrong), 422)
    assert (await client.read("bookings"))["data"] == []


async def test_who_is_known_by_the_address_is_who_books(client, anonymous):
    _, path, _ = await page_of(client, rooms=3)
    address = f"{uuid4().hex}@example.com"
    known = await client.made("contacts", {"last_name": "Person", "email": address})
    first, second, third, *_ = await slots(anonymous, path)
    await booked(anonymous, path, first, email=address.upper())
    found = (await client.read("bookings"))["data"]
    assert [one["contact_id"] for one in found] == [known["id"]]
    await client.made("contacts", {"last_name": "Namesake", "email": address})
    await booked(anonymous, path, second, email=address)
    found = (await client.read("bookings", sort="starts_at"))["data"]
    assert found[1]["contact_id"] is None
    personal = {"contact_id": known["id"]}
    _, own, _ = await page_of(client, page=personal)
    answer = await anonymous.post(f"{own}/book", json={"starts_at": third["start"]})
    assert answer.status_code == 201, answer.text
    found = (await client.read("bookings", **{"filter[contact_id]": known["id"]}))["data"]
    assert len(found) == 2


async def test_it_is_too_late_to_change_what_begins_soon(client, anonymous):
    _, path, _ = await page_of(client, cancellation_notice=30 * 24 * 60)
    one = await booked(anonymous, path, (await slots(anonymous, path))[0])
    assert (one["can_cancel"], one["can_reschedule"]) == (False, False)
    link = f"/public/bookings/{one['token']}"
    problem(await anonymous.post(f"{link}/cancel", json={}), 409, "too_late_to_change")
    later = {"starts_at": f"{day_ahead(20)}T09:00:00Z"}
    answer = await anonymous.post(f"{link}/reschedule", json=later)
    problem(answer, 409, "too_late_to_change")
    problem(await anonymous.post(f"{link}/slots", json=window()), 409, "too_late_to_change")


async def test_what_is_held_is_yet_to_be_confirmed(client, anonymous):
    _, path, _ = await page_of(client, hold_minutes=60)
    one = await booked(anonymous, path, (await slots(anonymous, path))[0])
    assert one["status"] == "held"
    (kept,) = (await client.read("bookings"))["data"]
    assert (await client.post(f"/v1/bookings/{kept['id']}/confirm")).status_code == 200
    found = (await anonymous.get(f"/public/bookings/{one['token']}")).json()
    assert found["status"] == "confirmed"


async def test_pages_and_links_end(client, anonymous):
    type, path, _ = await page_of(client)
    one = await booked(anonymous, path, (await slots(anonymous, path))[0])
    link = f"/public/bookings/{one['token']}"
    for wrong in (f"{path}x", f"{link}x", path.replace("booking-pages", "bookings")):
        problem(await anonymous.get(wrong), 404, "unknown_link")
    await client.changed(f"booking-types/{type['id']}", {"status": "inactive"})
    problem(await anonymous.get(path), 410, "link_ended")
    assert (await anonymous.get(link)).json()["can_reschedule"] is False
    await client.changed(f"booking-types/{type['id']}", {"status": "active"})
    (page,) = (await client.read("booking-pages"))["data"]
    document = "mutation($id: UUID!) { revokeBookingPage(id: $id) { revokedAt } }"
    assert (await client.data(document, id=page["id"]))["revokeBookingPage"]["revokedAt"]
    problem(await anonymous.post(f"{path}/slots", json=window()), 410)
    problem(await anonymous.post(f"{path}/book", json=guest({"start": one["starts_at"]})), 410)
    (given,) = (await client.read("booking-links"))["data"]
    assert (await client.post(f"/v1/booking-links/{given['id']}/revoke")).status_code == 200
    problem(await anonymous.post(f"{link}/cancel", json={}), 410)


async def test_a_booking_stays_open_where_its_type_asks_for_others(client, anonymous):
    type, path, (room,) = await page_of(client)
    slot, later, *_ = await slots(anonymous, path)
    link = f"/public/bookings/{(await booked(anonymous, path, slot))['token']}"
    await client.changed(f"resources/{room}", {"status": "inactive"})
    shown = await anonymous.get(link)
    assert (shown.json()["can_cancel"], shown.json()["can_reschedule"]) == (True, False)
    problem(await anonymous.post(f"{link}/slots", json=window()), 409, "too_late_to_change")
    move = {"starts_at": later["start"]}
    answer = await anonymous.post(f"{link}/reschedule", json=move)
    problem(answer, 409, "too_late_to_change")
    page = await anonymous.get(f"{link}/page")
    assert (page.status_code, 'value="cancel"' in page.text) == (200, True)
    refused = await anonymous.post(f"{link}/page", data={"do": "reschedule", **move})
    assert (refused.status_code, 'role="alert"' in refused.text) == (409, True)
    assert (await anonymous.post(f"{link}/page", data={"do": "cancel"})).status_code == 303
    # Who books by a page names nothing.
    await client.changed(f"booking-types/{type['id']}", {"assignment": "specific"})
    problem(await anonymous.get(path), 410, "link_ended")


async def test_tries_count_however_a_token_is_spelled(client, anonymous):
    _, path, _ = await page_of(client)
    # The last letter of the ids has two bits that say nothing; the secret has no underscore.
    ids, secret = path.rsplit("_", 1)
    place = LETTERS.index(ids[-1])
    spelled = [f"{ids[:-1]}{LETTERS[place + more]}_{secret}" for more in range(4)]
    nobody = {"starts_at": "2031-03-03T09:00:00Z"}
    statuses = [
        (await anonymous.post(f"{one}/book", json=nobody)).status_code for one in spelled * 6
    ]
    assert (statuses[0], statuses[-1]) == (409, 429)


async def test_a_repeated_request_books_once(client, anonymous):
    _, path, _ = await page_of(client, rooms=2)
    body = guest((await slots(anonymous, path))[0])
    headers = {"Idempotency-Key": uuid4().hex}
    first, again = [
        await anonymous.post(f"{path}/book", json=body, headers=headers) for _ in range(2)
    ]
    # The link is told once.
    assert (first.status_code, problem(again, 409)["code"]) == (201, "answer_not_kept")
    assert len((await client.read("bookings"))["data"]) == 1


@pytest.mark.parametrize("tag", ["en", "de", "ru"])
async def test_the_pages_need_no_scripts(client, anonymous, tag):
    _, path, _ = await page_of(client, durations=[30, 60])
    headers = {"accept-language": tag}
    words = {"en": "Later days", "de": "Spätere Tage", "ru": "Позже"}
    shown = await anonymous.get(f"{path}/page?from={day_ahead(7)}", headers=headers)
    assert (shown.status_code, words[tag] in shown.text, "script" in shown.text) == (
        *(200, True),
        False,
    )
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    slot = (await slots(anonymous, path, duration=60))[0]
    form = {**guest(slot), "starts_at": slot["start"], "duration": "60", "from": str(day_ahead(7))}
    wrong = {**form, "email": "<b>nowhere</b>"}
    again = await anonymous.post(f"{path}/page", data=wrong, headers=headers)
    assert (again.status_code, "&lt;b&gt;nowhere" in again.text) == (422, True)
    done = await anonymous.post(f"{path}/page", data=form, headers=headers)
    assert done.status_code == 303, done.text
    place = done.headers["location"]
    assert place.startswith("../../bookings/crm_booking_")
    link = f"/public/bookings/{place.split('/')[3]}"
    page = await anonymous.get(f"{link}/page?from={day_ahead(8)}", headers=headers)
    assert (page.status_code, "script" in page.text) == (200, False)
    taken = await anonymous.post(f"{path}/page", data=form, headers=headers)
    assert (taken.status_code, 'role="alert"' in taken.text) == (409, True)
    for _ in range(2):
        answer = await anonymous.post(f"{link}/page", data={"do": "cancel"}, headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "page")
    assert (await anonymous.get(link)).json()["status"] == "cancelled"
    odd = await anonymous.get(f"{path}/page?from=soon&duration=7", headers=headers)
    assert odd.status_code == 200
