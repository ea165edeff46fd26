"""The page of a form in a real browser: without scripts, by keyboard, on a phone, by names.

`CRM_PICTURES=docs/images` keeps what it looks like.
"""

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


async def form_of(client):
    """A form with all that there is to be seen."""
    words = {"name": "Newsletter", "purpose": "newsletter", "body": "Yes, send me the newsletter."}
    text = await client.made("consent-texts", words)
    fields = [
        {"key": "last_name", "is_required": True},
        {"key": "email", "is_required": True},
        {"key": "industry", "options": ["bank", "shop"]},
        {"key": "description"},
    ]
    body = {
        "name": "Offers",
        "title": "Ask for an offer",
        "introduction": "An answer comes within a day.",
        "fields": fields,
        "consents": [{"text_id": text["id"], "is_required": True}],
    }
    return await client.made("lead-forms", body)


async def sound(page):
    """All that can be worked with has a name, and all text can be read."""
    assert await page.ask("document.querySelectorAll('h1').length") == 1
    assert [role for role, name in await page.named() if not name] == []
    least, where = await page.ask(CONTRAST)
    assert least >= 4.5, where


async def test_filled_in_by_keyboard(client, server, page, tmp_path):
    form = await form_of(client)
    await page.open(f"{server.url}{form['path']}?utm_source=fair")
    assert page.status == 200
    await sound(page)
    await picture(page, tmp_path, "lead-form-en.png")
    mail = f"{uuid4().hex}@example.com"
    for name, said in {"last_name": "Person", "email": mail, "description": "Hello"}.items():
        await page.ask(f"document.querySelector('#f-{name}').focus()")
        await page.type(said)
    # What the browser itself sees is missing, it does not send.
    await page.ask("document.querySelector('form button').focus()")
    await page.press("Enter")
    assert (await client.read(f"lead-forms/{form['id']}/submissions"))["data"] == []
    await page.ask("document.querySelector('input[type=checkbox]').focus()")
    await page.press(" ")
    # Nobody is faster than that; a program would be, which alone is no reason.
    await page.ask("document.querySelector('form button').focus()")
    async with page.loading():
        await page.press("Enter")
    assert page.status == 200
    assert await page.ask("location.search") == "?sent=done"
    assert "Thank you" in await page.ask("document.querySelector('[role=status]').innerText")
    await sound(page)
    (kept,) = (await client.read(f"lead-forms/{form['id']}/submissions"))["data"]
    assert (kept["status"], kept["utm"]) == ("accepted", {"source": "fair"})
    lead = await client.read(f"leads/{kept['lead_id']}")
    assert (lead["email"], lead["description"]) == (mail, "Hello")
    assert all(url.startswith((server.url, "about:")) for url in page.asked)
    assert [said for said in page.complaints if "favicon" not in said] == []


async def test_on_a_phone(client, server, page, tmp_path):
    form = await form_of(client)
    await page.size(360, 740)
    await page.open(f"{server.url}{form['path']}")
    assert await page.ask("document.scrollingElement.scrollWidth") <= 360
    await picture(page, tmp_path, "lead-form-phone.png")
