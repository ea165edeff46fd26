"""Customers rate how a case was closed by a link, without a login."""

import asyncio

from support.clients import problem
from support.sla import SUBJECT, act


async def opened(api, **more):
    """A link of a case that is closed, and where it leads."""
    case = await api.made("cases", SUBJECT)
    await act(api, case, "resolve", resolution="Another cable")
    await act(api, case, "close")
    link = await api.made("case-links", {"case_id": case["id"], **more})
    return link, case, f"/public/cases/{link['token']}"


async def test_a_customer_rates_once(client, anonymous):
    link, case, path = await opened(client, label="Mail")
    found = (await anonymous.get(path)).json()
    assert (found["number"], found["can_rate"], found["score"]) == (case["number"], True, None)
    problem(await anonymous.post(f"{path}/rate", json={"score": 6}), 422)
    rated = (await anonymous.post(f"{path}/rate", json={"score": 4, "comment": "Fast"})).json()
    assert (rated["score"], rated["comment"], rated["can_rate"]) == (4, "Fast", False)
    again = await anonymous.post(f"{path}/rate", json={"score": 1})
    assert problem(again, 409, "already_rated")["by_this_link"] is True
    kept = await client.read(f"cases/{case['id']}")
    assert (kept["score"], kept["score_comment"]) == (4, "Fast")
    shown = await client.read(f"case-links/{link['id']}")
    assert shown["first_viewed_at"] <= shown["rated_at"]
    problem(await anonymous.get(f"{path}x"), 404, "unknown_link")
    # Another link tells nothing of what was said by this one.
    other = await client.made("case-links", {"case_id": case["id"]})
    found = (await anonymous.get(f"/public/cases/{other['token']}")).json()
    assert (found["score"], found["can_rate"]) == (None, False)


async def test_a_case_that_is_worked_on_is_not_rated(client, anonymous):
    case = await client.made("cases", SUBJECT)
    link = await client.made("case-links", {"case_id": case["id"]})
    path = f"/public/cases/{link['token']}"
    assert (await anonymous.get(path)).json()["can_rate"] is False
    problem(await anonymous.post(f"{path}/rate", json={"score": 5}), 409, "case_not_closed")


async def test_of_many_ratings_at_once_one_counts(client, anonymous):
    _, case, path = await opened(client)
    answers = await asyncio.gather(
        *(anonymous.post(f"{path}/rate", json={"score": n}) for n in (1, 2, 3, 4, 5))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 4]
    (said,) = [answer.json()["score"] for answer in answers if answer.is_success]
    assert (await client.read(f"cases/{case['id']}"))["score"] == said


async def test_a_revoked_link_opens_nothing(client, anonymous):
    link, _, path = await opened(client)
    document = "mutation($id: UUID!) { revokeCaseLink(id: $id) { revokedAt } }"
    assert (await client.data(document, id=link["id"]))["revokeCaseLink"]["revokedAt"]
    problem(await anonymous.get(path), 410)
    problem(await anonymous.post(f"{path}/rate", json={"score": 5}), 410)
    assert (await anonymous.get(f"{path}/page")).status_code == 410


async def test_the_page_has_a_form_that_needs_no_scripts(client, anonymous):
    _, case, path = await opened(client)
    asks = {"en": "How well", "de": "Wie gut", "ru": "Насколько"}
    for tag, ask in asks.items():
        shown = await anonymous.get(f"{path}/page", headers={"accept-language": tag})
        assert (shown.status_code, ask in shown.text, "script" in shown.text) == (200, True, False)
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    form = {"score": "9", "comment": "An <b>example</b>"}
    again = await anonymous.post(f"{path}/page", data=form)
    assert (again.status_code, "An &lt;b&gt;example" in again.text) == (422, True)
    for _ in range(2):
        done = await anonymous.post(f"{path}/page", data={**form, "score": "5"})
        assert (done.status_code, done.headers["location"]) == (303, "page")
    after = await anonymous.get(f"{path}/page")
    assert "Thank you" in after.text
    assert "<form" not in after.text
    assert (await client.read(f"cases/{case['id']}"))["score"] == 5
