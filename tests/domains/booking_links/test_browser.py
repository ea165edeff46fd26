"""The pages of bookings in a real browser: without scripts, by keyboard, on a phone, by names.

`CRM_PICTURES=docs/images` keeps what they look like.
"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from support.browsers import CONTRAST, MISSING, PROGRAM, browsing, picture
from support.processes import Server

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=MISSING)


@pytest.fixture(scope="module")
def server(settings):
    """The service where a browser reaches it."""
    made = Server(settings)
    made.wait()
    yield made
    made.kill()


@pytest.fixture
async def page(tmp_path):
    """A browser of its own."""
    async with browsing(tmp_path / "browser") as made:
        await made.size(1000)
        yield made


async def bookable(client):
    """The path of a page for visits in working time."""
    hours = [{"start": "09:00", "end": "12:00"}, {"start": "13:00", "end": "17:00"}]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    week = {"name": "Shop", "time_zone": "Europe/Berlin", "week": dict.fromkeys(days, hours)}
    calendar = await client.made("working-calendars", week)
    room = {"name": "Meeting room", "kind": "room", "calendar_id": calendar["id"]}
    await client.made("resources", room)
    body = {
        "name": "Consultation",
        "key": f"type-{uuid4().hex}",
        "description": "Half an hour about your new office.",
        "time_zone": "Europe/Berlin",
        "durations": [30, 60],
        "slot_step": 60,
        "price": "60.00",
        "currency": "EUR",
        "requirements": [{"kind": "room"}],
    }
    type = await client.made("booking-types", body)
    made = await client.made("booking-pages", {"booking_type_id": type["id"]})
    return f"/public/booking-pages/{made['token']}"


def monday():
    today = datetime.now(UTC).date()
    return today + timedelta(days=14 - today.weekday())


async def sound(page):
    """All that can be worked with has a name, and all text can be read."""
    assert await page.ask("document.querySelectorAll('h1').length") == 1
    assert [role for role, name in await page.named() if not name] == []
    least, where = await page.ask(CONTRAST)
    assert least >= 4.5, where


async def test_booked_moved_and_cancelled_by_keyboard(client, server, page, tmp_path):
    path = await bookable(client)
    await page.open(f"{server.url}{path}/page?from={monday()}")
    assert page.status == 200
    await sound(page)
    await picture(page, tmp_path, "booking-page-en.png")
    await page.ask("document.querySelectorAll('input[type=radio]')[1].focus()")
    await page.press(" ")
    for name, said in {
        "first_name": "Sample",
        "last_name": "Person",
        "email": f"{uuid4().hex}@example.com",
    }.items():
        await page.ask(f"document.querySelector('#{name}').focus()")
        await page.type(said)
    async with page.loading():
        await page.press("Enter")
    assert page.status == 200
    assert "/public/bookings/" in await page.ask("location.pathname")
    assert "booked" in await page.ask("document.querySelector('[role=status]').innerText")
    await sound(page)
    (kept,) = (await client.read("bookings"))["data"]
    assert kept["status"] == "confirmed"

    await page.ask("document.querySelectorAll('summary')[0].focus()")
    await page.press("Enter")
    await picture(page, tmp_path, "booking-en.png")
    await page.ask("document.querySelectorAll('input[type=radio]')[4].focus()")
    await page.press(" ")
    await page.ask("document.querySelector('form button').focus()")
    async with page.loading():
        await page.press("Enter")
    moved = await client.read(f"bookings/{kept['id']}")
    assert (moved["sequence"], moved["starts_at"] > kept["starts_at"]) == (1, True)

    await page.ask("document.querySelector('#reason').closest('details').open = true")
    await page.ask("document.querySelector('#reason').focus()")
    await page.type("Ill")
    async with page.loading():
        await page.press("Enter")
    gone = await client.read(f"bookings/{kept['id']}")
    assert (gone["status"], gone["cancel_reason"]) == ("cancelled", "Ill")
    assert await page.ask("document.querySelector('form')") is None
    assert all(url.startswith((server.url, "about:")) for url in page.asked)
    assert [said for said in page.complaints if "favicon" not in said] == []


async def test_on_a_phone(client, server, page, tmp_path):
    path = await bookable(client)
    await page.size(360, 740)
    await page.open(f"{server.url}{path}/page?from={monday()}")
    assert await page.ask("document.scrollingElement.scrollWidth") <= 360
    await picture(page, tmp_path, "booking-page-phone.png")
