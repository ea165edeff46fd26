"""The page of a quote in a real browser: without scripts, by keyboard, on a phone, by its names.

`CRM_PICTURES=docs/images` keeps what it looks like.
"""

import pytest

from support.browsers import CONTRAST, MISSING, PROGRAM, browsing, picture
from support.processes import Server
from support.quoting import OPTIONS, link, quote

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=MISSING)
SENTENCE = "Wie besprochen bieten wir Ihnen die Einrichtung Ihres neuen Büros an."
NAMES = ("Bürostuhl", "Kissen", "Lieferung und Aufbau", "Grundpaket", "Vollpaket")


@pytest.fixture(scope="module")
def server(settings):
    """The service where a browser reaches it."""
    made = Server(settings)
    made.wait()
    yield made
    made.kill()


@pytest.fixture
async def page(tmp_path, worker):
    """A browser of its own."""
    async with browsing(tmp_path / "browser") as made:
        await made.size(1000)
        yield made


async def offer(client):
    """A quote in German whose document is there, and the path of its link."""
    company = await client.made(
        "companies",
        {
            "name": "Example Industries",
            "addresses": [{"street": "Musterstraße 1", "postal_code": "10115", "city": "Berlin",
                           "country": "DE", "primary": True}],
        },
    )  # fmt: skip
    await client.made(
        "tax-rates", {"name": "USt.", "country": "DE", "rate": "19", "valid_from": "2020-01-01"}
    )
    made = await quote(
        client,
        sections=[
            {"key": "base", "title": "Möbel"},
            {"key": "more", "title": "Dazu", "kind": "optional"},
            {"key": "care", "title": "Wartung", "kind": "alternatives"},
        ],
        lines=[{**line, "name": name} for line, name in zip(OPTIONS["lines"], NAMES, strict=True)],
        name="Neues Büro",
        company_id=company["id"],
        country="DE",
        language="de",
        valid_until="2031-06-30",
        introduction=SENTENCE,
        clauses=[{"title": "Lieferung", "text": "Wir liefern innerhalb von vier Wochen."}],
    )
    answer = await client.post(f"/v1/quotes/{made['id']}/send")
    assert answer.status_code == 200, answer.text
    await client.idle()
    return made["id"], await link(client, made["id"])


async def text(page, query):
    return await page.ask(f"document.querySelector({query!r}).innerText")


async def test_read_chosen_and_accepted_by_keyboard(client, server, page, tmp_path):
    id, path = await offer(client)
    await page.open(f"{server.url}{path}/page")
    assert page.status == 200
    assert await page.ask("document.documentElement.lang") == "de"
    assert await page.ask("document.querySelectorAll('h1').length") == 1
    names = await page.named()
    assert len(names) > 15
    assert [role for role, name in names if not name] == []
    least, where = await page.ask(CONTRAST)
    assert least >= 4.5, where
    await picture(page, tmp_path, "quote-page-de.png")

    # The first thing that the keyboard reaches leads past everything to the answer.
    await page.press("Tab")
    assert await page.ask("document.activeElement.className") == "skip"

    # An option is ticked, an alternative chosen, and the totals are asked for.
    await page.ask("document.querySelector('input[type=checkbox]').focus()")
    await page.press(" ")
    await page.ask("document.querySelectorAll('input[type=radio]')[1].focus()")
    await page.press(" ")
    await page.ask("document.querySelector('#choose button').focus()")
    async with page.loading():
        await page.press("Enter")
    totals = await text(page, "#totals")
    # 300 + 30,03 + 50 and 9 less 10 %, each with 19 % on it
    assert "452,24" in totals
    assert "9,64" in totals
    assert await page.ask("document.querySelectorAll('input[type=checkbox]:checked').length") == 2

    # Sent without a name it goes nowhere: the browser itself says so.
    await page.ask("document.querySelector('#accept-name').focus()")
    await page.press("Enter")
    assert await page.ask("document.querySelector('#accept-name:invalid') !== null")
    await page.type("Sample Person")
    async with page.loading():
        await page.press("Enter")
    assert page.status == 200
    assert "angenommen" in await text(page, "[role=status]")
    assert await page.ask("document.querySelector('#answer')") is None
    now = await client.read(f"quotes/{id}")
    assert (now["status"], now["decided_by"], now["net"]) == (
        "accepted", "Sample Person", "388.13"
    )  # fmt: skip

    # Nothing was asked of anybody else, and nothing was refused.
    assert all(url.startswith((server.url, "about:")) for url in page.asked)
    assert [said for said in page.complaints if "favicon" not in said] == []


async def test_on_a_phone(client, server, page, tmp_path):
    _, path = await offer(client)
    await page.size(360, 740)
    await page.open(f"{server.url}{path}/page")
    assert await page.ask("document.scrollingElement.scrollWidth") <= 360
    await picture(page, tmp_path, "quote-page-phone.png")


async def test_asked_and_declined_in_a_browser(client, server, page):
    id, path = await offer(client)
    await page.open(f"{server.url}{path}/page")
    await page.ask("document.querySelector('#ask-text').focus()")
    await page.type("Wann liefern Sie?")
    await page.ask(
        "document.querySelector('form[aria-label=\"Eine Frage stellen\"] button').focus()"
    )
    async with page.loading():
        await page.press("Enter")
    assert "Wann liefern Sie?" in await text(page, ".asked")
    await page.ask("document.querySelector('summary').focus()")
    await page.press("Enter")
    await page.ask("document.querySelector('#decline-reason').focus()")
    await page.type("Zu teuer")
    async with page.loading():
        await page.press("Enter")
    assert "abgelehnt" in await text(page, "[role=status]")
    assert (await client.read(f"quotes/{id}"))["decision_comment"] == "Zu teuer"


async def test_a_link_that_has_ended(client, server, page):
    id, _ = await offer(client)
    new = await client.made("quote-links", {"quote_id": id})
    await client.post(f"/v1/quote-links/{new['id']}/revoke")
    await page.open(f"{server.url}{new['path']}")
    assert page.status == 410
    assert await text(page, "[role=alert]")
