"""The page of a quote: its words, its forms and what a browser is told of it."""

import re
from urllib.parse import urlencode

import pytest

from crm_api.domains.quote_links.page import PACKAGE
from crm_api.kit.documents.languages import languages
from support.clients import problem
from support.quoting import OPTIONS, act, link, offered, quote

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def sent(api, path, **values):
    return await api.post(f"{path}/page", content=urlencode(values, doseq=True), headers=FORM)


def alert(html):
    found = re.search(r'role="alert"[^>]*>(.*?)</(?:div|p)>', html, re.DOTALL)
    return found and re.sub(r"<[^>]+>", "", found[1]).strip()


def test_the_languages_say_the_same():
    known = languages(PACKAGE)
    assert set(known) == {"en", "de", "ru"}
    names = {name: set(words) for name, words in known.items()}
    assert names["de"] == names["en"] == names["ru"]
    for words in known.values():
        for name in ("is_accepted", "is_declined"):
            assert "{day}" in words[name]


async def test_it_is_shut_off_from_everything_else(client, anonymous):
    _, path = await offered(client, introduction="<script>alert(1)</script> & more")
    answer = await anonymous.get(f"{path}/page")
    assert answer.status_code == 200, answer.text
    headers = answer.headers
    assert headers["content-type"] == "text/html; charset=utf-8"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    html = answer.text
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in html
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", html)
    assert path.rpartition("/")[2] not in html


async def test_every_field_has_a_label(client, anonymous):
    _, path = await offered(client, **OPTIONS)
    html = (await anonymous.get(f"{path}/page")).text
    labelled = set(re.findall(r'<label for="([^"]+)"', html))
    fields = re.findall(r"<(?:input|textarea)[^>]*>", html)
    shown = [one for one in fields if 'type="hidden"' not in one]
    assert len(shown) > 10
    for one in shown:
        assert re.search(r' id="([^"]+)"', one)[1] in labelled, one
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("language", "spoken", "word"),
    [
        ("de", "de", "Angebot annehmen"),
        ("de-AT", "de-AT", "Angebot annehmen"),
        ("ru", "ru", "Принять предложение"),
        ("ja", "en", "Accept this proposal"),
    ],
)
async def test_it_speaks_as_the_quote_does(client, anonymous, language, spoken, word):
    _, path = await offered(client, language=language)
    html = (await anonymous.get(f"{path}/page")).text
    assert f'<html lang="{spoken}">' in html
    assert word in html


async def test_options_are_chosen_without_scripts(client, anonymous):
    made, path = await offered(client, **OPTIONS)
    shown = (await anonymous.get(path)).json()
    names = {line["name"]: line["id"] for line in shown["lines"]}
    first = (await anonymous.get(f"{path}/page")).text
    assert "€350.00" in first
    query = [
        ("chosen", "1"),
        ("option", names["Cushion"]),
        ("option-2", names["Full"]),
        ("utm_source", "mail"),
    ]
    html = (await anonymous.get(f"{path}/page?{urlencode(query)}")).text
    assert "€330.03" in html
    assert "€8.10" in html
    for wanted in ("Cushion", "Full"):
        assert f'name="option" value="{names[wanted]}"' in html
    both = [("chosen", "1"), ("option", names["Basic"]), ("option", names["Full"])]
    answer = await anonymous.get(f"{path}/page?{urlencode(both)}")
    assert answer.status_code == 422
    assert alert(answer.text) == "Of alternatives only one can be chosen."
    answer = await anonymous.get(f"{path}/page?chosen=1&option=nonsense")
    assert answer.status_code == 422
    options = [names["Cushion"], names["Full"]]
    answer = await sent(
        anonymous, path, do="accept", revision=1, name="Sample", chosen=1, option=options
    )
    assert answer.status_code == 303, answer.text
    assert (await client.read(f"quotes/{made['id']}"))["net"] == "338.13"


async def test_accepted_on_the_page(client, anonymous):
    made, path = await offered(client)
    assert (await anonymous.get(f"{path}/page")).status_code == 200
    answer = await sent(anonymous, path, do="accept", revision=1, name=" ", email="nonsense")
    assert answer.status_code == 422
    assert alert(answer.text).endswith("Please check what you have entered.")
    assert answer.text.count('aria-invalid="true" aria-describedby="error"') == 2
    assert 'value="nonsense"' in answer.text
    # Shown once more with what is wrong, it counts as seen once.
    assert (await client.read(f"quotes/{made['id']}/engagement"))["views"] == 1
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "viewed"
    values = {"do": "accept", "revision": 1, "name": "Sample Person"}
    answer = await sent(anonymous, path, **values)
    assert (answer.status_code, answer.headers["location"]) == (303, "page")
    # Clicked twice it is done once, and shown as done.
    assert (await sent(anonymous, path, **values)).status_code == 303
    other = await link(client, made["id"])
    answer = await sent(anonymous, other, **values)
    assert answer.status_code == 409
    assert "accepted already" in alert(answer.text)
    html = (await anonymous.get(f"{path}/page")).text
    assert "This proposal was accepted on" in html
    assert 'name="do" value="accept"' not in html
    assert len((await client.read("quote-decisions"))["data"]) == 1


async def test_declined_and_asked_on_the_page(client, anonymous):
    made, path = await offered(client)
    answer = await sent(anonymous, path, do="ask", revision=1, text="Line one\r\nline two")
    assert answer.status_code == 303
    (question,) = (await client.read("quote-questions"))["data"]
    assert question["text"] == "Line one\nline two"
    await client.post(f"/v1/quote-questions/{question['id']}/answer", json={"answer": "In May."})
    html = (await anonymous.get(f"{path}/page")).text
    assert "In May." in html
    answer = await sent(anonymous, path, do="decline", revision=1, reason="Too expensive")
    assert answer.status_code == 303
    assert "was declined on" in (await anonymous.get(f"{path}/page")).text
    assert (await client.read(f"quotes/{made['id']}"))["decision_comment"] == "Too expensive"


async def test_what_was_read_is_what_is_answered(client, anonymous):
    made, path = await offered(client)
    values = {"do": "accept", "revision": 1, "name": "Sample"}
    await act(client, made["id"], "revise")
    html = (await anonymous.get(f"{path}/page")).text
    assert "newer version" in html
    answer = await sent(anonymous, path, **values)
    assert answer.status_code == 409
    assert alert(answer.text).endswith("Please read it before you answer.")
    await act(client, made["id"], "send")
    assert (await sent(anonymous, path, **values)).status_code == 409
    del values["revision"]
    assert (await sent(anonymous, path, **values)).status_code == 422
    assert (await client.read("quote-decisions"))["data"] == []


async def test_forms_that_no_page_has(client, anonymous):
    _, path = await offered(client)
    for body in (b"", b"do=purge", b"do=accept&revision=x&name=A", b"\xff", b"a=1&" * 1000):
        answer = await anonymous.post(f"{path}/page", content=body, headers=FORM)
        assert answer.status_code == 422, body
        assert answer.headers["content-type"].startswith("text/html")
    body = b"do=ask&text=" + b"x" * 300_000
    answer = await anonymous.post(f"{path}/page", content=body, headers=FORM)
    assert answer.status_code == 413
    assert (await client.read("quote-questions"))["data"] == []


async def test_before_it_is_sent(client, anonymous):
    made = await quote(client)
    path = await link(client, made["id"])
    answer = await anonymous.get(f"{path}/page", headers={"Accept-Language": "ru"})
    assert answer.status_code == 409
    assert "ещё не отправлено" in answer.text


async def test_remarks_are_lines_without_prices(client, anonymous):
    remark = {"kind": "text", "name": "As seen on site", "description": "In May."}
    made, path = await offered(client, lines=[remark, {"name": "A", "unit_price": "5"}])
    answer = await anonymous.get(f"{path}/page")
    assert answer.status_code == 200, answer.text
    assert "As seen on site" in answer.text
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "viewed"


async def test_what_was_agreed_is_shown(client, anonymous):
    _, path = await offered(client, **OPTIONS)
    shown = (await anonymous.get(path)).json()
    wanted = [line["id"] for line in shown["lines"] if line["name"] == "Cushion"]
    answer = await sent(
        anonymous, path, do="accept", revision=1, name="Sample", chosen=1, option=wanted
    )
    assert answer.status_code == 303
    html = (await anonymous.get(f"{path}/page")).text
    assert "€330.03" in html
    assert "€350.00" not in html
    found = (await anonymous.get(path)).json()
    assert (found["net"], found["selected"]) == ("330.03", wanted)
    assert [one["net"] for one in found["totals"] if one["interval"] is None] == ["330.03"]
    assert {one["name"]: one["counts"] for one in found["lines"]}["Cushion"] is True


async def test_days_are_those_of_the_organization(client, anonymous, owner, org):
    made, path = await offered(client)
    await act(client, made["id"], "accept")
    late = "UPDATE quotes SET decided_at = '2026-05-01T22:30:00Z' WHERE id = $1"
    await owner.execute(late, made["id"])
    zone = "UPDATE organizations SET time_zone = 'Europe/Berlin' WHERE id = $1"
    await owner.execute(zone, org.id)
    assert "was accepted on May 2, 2026" in (await anonymous.get(f"{path}/page")).text


async def test_more_than_can_be_stored_is_refused(client, anonymous):
    most = {"unit_price": "99999999990", "interval": "month", "term": 600, "is_optional": True}
    lines = [{"name": "A", "unit_price": "1"}, *({"name": f"B{n}", **most} for n in range(2))]
    made, path = await offered(client, lines=lines)
    options = [one["id"] for one in (await anonymous.get(path)).json()["lines"][1:]]
    query = urlencode({"chosen": 1, "option": options}, doseq=True)
    assert (await anonymous.get(f"{path}/page?{query}")).status_code == 422
    body = {"name": "Sample", "revision": 1, "selected": options}
    found = problem(await anonymous.post(f"{path}/accept", json=body), 422)
    assert [(e["code"], e["pointer"]) for e in found["errors"]] == [("too_large", "/selected")]
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "viewed"
