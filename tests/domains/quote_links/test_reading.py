"""What whoever has a link reads, and who has none; what is written down of it."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from crm_api.api.middleware import route_of
from crm_api.domains.quote_links.repository import MOST_VIEWS
from crm_api.kit.ids import new_id
from crm_api.kit.tokens import Opaque, new_secret
from support.clients import problem
from support.quoting import act, link, offered, quote

HIDDEN = {"trace", "floor", "below_floor", "manual_percent", "price_reason", "product_id", "costs"}


async def test_a_link_opens_the_quote(client, anonymous):
    made, path = await offered(client, valid_until="2031-06-30", introduction="As agreed.")
    answer = await anonymous.get(path)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    (line,) = found["lines"]
    assert (line["name"], line["net"], line["counts"]) == ("Assembly", "90.00", True)
    assert not HIDDEN & (line.keys() | found.keys())
    assert (found["net"], found["revision"], found["status"]) == ("90.00", 1, "viewed")
    assert found["customer"]["name"] == "Example Industries"
    can = [found[f"can_{verb}"] for verb in ("accept", "decline", "choose")]
    assert can == [True, True, False]
    assert answer.headers["cache-control"] == "no-store"
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    assert found["content_hash"] == version["content_hash"]
    assert found["document"]["status"] == "pending"


async def test_the_token_is_told_once_and_not_kept(client, owner):
    made = await quote(client)
    new = await client.made("quote-links", {"quote_id": made["id"], "label": "Purchasing"})
    assert new["path"] == f"/public/quotes/{new['token']}/page"
    shown = await client.read(f"quote-links/{new['id']}")
    assert not {"token", "secret_hash"} & shown.keys()
    secret = new["token"].rpartition("_")[2]
    rows = await owner.fetch(
        "SELECT row_to_json(l)::text AS row FROM quote_links l WHERE id = $1 UNION ALL "
        "SELECT row_to_json(e)::text FROM events e WHERE record_id = $1",
        shown["id"],
    )
    assert len(rows) == 2
    assert not any(secret in row["row"] for row in rows)
    document = (
        "mutation($id: UUID!) { createQuoteLink(input: {quoteId: $id}) { id token path quoteId } }"
    )
    graph = (await client.data(document, id=made["id"]))["createQuoteLink"]
    assert graph["token"].startswith("crm_quote_")


async def test_views_are_logged_and_the_first_is_told(client, anonymous):
    made, path = await offered(client)
    other = await link(client, made["id"], label="Copy")
    for _ in range(2):
        await anonymous.get(path, headers={"User-Agent": "Browser/1.0"})
    await anonymous.get(other)
    problem(await anonymous.get(f"{path}/document"), 409, "document_pending")
    found = await client.read(f"quotes/{made['id']}/engagement")
    assert (found["views"], found["documents"], found["questions"]) == (3, 1, 0)
    assert [(one["label"], one["views"]) for one in found["links"]] == [(None, 2), ("Copy", 1)]
    assert {one["seen"] for one in found["recent"]} == {"quote", "document"}
    assert found["recent"][-1]["user_agent"] == "Browser/1.0"
    assert found["recent"][-1]["address"]
    graph = await client.data(
        "query($id: UUID!) { quoteEngagement(id: $id) { views links { label views } } }",
        id=made["id"],
    )
    assert graph["quoteEngagement"]["views"] == 3
    told = await client.told(made["id"], 3)
    assert [one["type"] for one in told] == ["quote.created", "quote.sent", "quote.viewed"]
    first = found["links"][0]["link_id"]
    told = await client.told(first, 2)
    assert [one["type"] for one in told] == ["quote_link.created", "quote_link.viewed"]
    problem(await client.get(f"/v1/quotes/{uuid4()}/engagement"), 404)


@pytest.fixture
async def fresh(owner):
    """No attempts before, or left to others."""
    await owner.execute("DELETE FROM login_attempts")
    yield
    await owner.execute("DELETE FROM login_attempts")


@pytest.mark.usefixtures("fresh")
async def test_a_made_up_token_opens_nothing(client, org, anonymous):
    _, path = await offered(client)
    token = path.rpartition("/")[2]
    (link_id,) = [one["id"] for one in (await client.read("quote-links"))["data"]]
    foreign = Opaque("quote", (org.id, new_id()), new_secret())
    others = [
        str(foreign),
        str(foreign._replace(ids=(new_id(), new_id()))),
        f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}",
        token.replace("crm_quote_", "crm_other_"),
        link_id,
        "nonsense",
    ]
    for other in others:
        at = f"/public/quotes/{other}"
        problem(await anonymous.get(at), 404, "unknown_link")
        problem(
            await anonymous.post(f"{at}/accept", json={"name": "Sample", "revision": 1}),
            404,
            "unknown_link",
        )
        page = await anonymous.get(f"{at}/page", headers={"Accept-Language": "de-DE,en;q=0.5"})
        assert page.status_code == 404
        assert "Hinter diesem Link ist nichts" in page.text
    # The one who makes up too many waits; whoever has a good one does not.
    answers = [await anonymous.get("/public/quotes/nonsense") for _ in range(10)]
    found = problem(answers[-1], 429, "too_many_attempts")
    assert found["status"] == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await anonymous.get(path)).status_code == 200


async def test_an_end_is_an_end(client, anonymous, owner):
    made = await quote(client)
    await act(client, made["id"], "send")
    for ended in ("revoked", "expired", "in the bin"):
        new = await client.made("quote-links", {"quote_id": made["id"]})
        path = f"/public/quotes/{new['token']}"
        assert (await anonymous.get(path)).status_code == 200
        if ended == "revoked":
            answer = await client.post(f"/v1/quote-links/{new['id']}/revoke")
            assert answer.json()["revoked_at"]
            again = await client.post(f"/v1/quote-links/{new['id']}/revoke")
            assert again.json() == answer.json()
        elif ended == "expired":
            sql = "UPDATE quote_links SET expires_at = now() WHERE id = $1"
            await owner.execute(sql, new["id"])
        else:
            await client.delete(f"/v1/quote-links/{new['id']}")
        problem(await anonymous.get(path), 410, "link_expired")
        for verb, body in (
            ("accept", {"name": "Sample", "revision": 1}),
            ("decline", {"revision": 1}),
            ("questions", {"text": "Why?"}),
            ("options", {"selected": []}),
        ):
            problem(await anonymous.post(f"{path}/{verb}", json=body), 410, "link_expired")
        problem(await anonymous.get(f"{path}/document"), 410, "link_expired")
        page = await anonymous.get(f"{path}/page")
        assert page.status_code == 410
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "viewed"
    assert (await client.read("quote-decisions"))["data"] == []


async def test_what_a_link_may_be_made_of(client, anonymous):
    made = await quote(client)
    body = {"quote_id": made["id"], "expires_at": "2020-01-01T00:00:00Z"}
    found = problem(await client.post("/v1/quote-links", json=body), 422)
    assert found["errors"][0]["code"] == "in_the_past"
    problem(await client.post("/v1/quote-links", json={"quote_id": str(uuid4())}), 422)
    # Before it is sent there is nothing to be read.
    path = await link(client, made["id"])
    problem(await anonymous.get(path), 409, "not_sent")
    await act(client, made["id"], "send")
    assert (await anonymous.get(path)).status_code == 200
    await client.delete(f"/v1/quotes/{made['id']}")
    problem(await anonymous.get(path), 410, "link_expired")


async def test_switched_off_there_is_nothing(client, anonymous):
    _, path = await offered(client)
    for key in ("quote_links", "quotes"):
        answer = await client.post(f"/v1/modules/{key}/read-only")
        assert answer.status_code == 200, answer.text
        assert (await anonymous.get(path)).status_code == 200
        answer = await anonymous.post(f"{path}/accept", json={"name": "Sample", "revision": 1})
        problem(answer, 409, "module_read_only")
        await client.post(f"/v1/modules/{key}/disable", params={"cascade": True})
        problem(await anonymous.get(path), 404, "module_disabled")
        problem(await anonymous.get(f"{path}/document"), 404, "module_disabled")
        answer = await anonymous.post(f"{path}/accept", json={"name": "Sample", "revision": 1})
        problem(answer, 404, "module_disabled")
        page = await anonymous.get(f"{path}/page")
        assert page.status_code == 404
        for one in ("quotes", "quote_links"):
            await client.post(f"/v1/modules/{one}/enable", params={"cascade": True})
    assert (await anonymous.get(path)).status_code == 200


async def test_the_document_is_that_of_the_version(client, anonymous, worker):
    made, path = await offered(client)
    await client.idle()
    answer = await anonymous.get(f"{path}/document")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")
    found = (await anonymous.get(path)).json()["document"]
    assert found["path"] == f"{path}/document"
    assert found["status"] == "ready"
    assert answer.headers["etag"] == f'"{found["sha256"]}"'
    mine = await client.get(f"/v1/quotes/{made['id']}/document")
    assert mine.content == answer.content


async def test_erased_with_the_person(client, anonymous, worker, owner):
    person = {"last_name": "Remover", "emails": [{"value": "remover@example.com"}]}
    contact = await client.made("contacts", person)
    made, _ = await offered(client)
    path = await link(client, made["id"], contact_id=contact["id"], label="Remover")
    await anonymous.get(path, headers={"User-Agent": "Remover's browser"})
    said = {"name": "Sam Remover", "email": "remover@example.com"}
    await anonymous.post(f"{path}/questions", json={"text": "When?", **said})
    (question,) = (await client.read("quote-questions"))["data"]
    reply = {"answer": "Dear Sam Remover, in May."}
    await client.post(f"/v1/quote-questions/{question['id']}/answer", json=reply)
    answer = await anonymous.post(f"{path}/accept", json={**said, "role": "Buyer", "revision": 1})
    assert answer.status_code == 200, answer.text
    await erased(client, contact["id"])
    (decision,) = (await client.read("quote-decisions"))["data"]
    assert (decision["decision"], decision["net"]) == ("accepted", "90.00")
    gone = ("name", "email", "role", "comment", "address", "user_agent")
    assert [decision[name] for name in gone] == [None] * len(gone)
    (question,) = (await client.read("quote-questions"))["data"]
    assert (question["name"], question["email"]) == (None, None)
    assert (question["text"], question["answer"]) == ("(erased)", "(erased)")
    engagement = await client.read(f"quotes/{made['id']}/engagement")
    assert all(one["user_agent"] is None for one in engagement["recent"])
    rows = await owner.fetch(
        "SELECT concat_ws(' ', data, previous) AS said FROM events WHERE record_id = ANY($1)",
        [decision["id"], question["id"]],
    )
    assert rows
    assert not any("Remover" in row["said"] for row in rows)


async def erased(client, person):
    """Have somebody erased."""
    made = await client.made("subject-requests", {"kind": "erasure", "record_id": person})
    at = f"/v1/subject-requests/{made['id']}"
    answer = await client.post(f"{at}/verify", json={"verification": "Known in person"})
    assert answer.status_code == 200, answer.text
    answer = await client.post(f"{at}/start")
    await client.ended(answer.json()["job_id"])


async def test_no_cache_keeps_anything(client, anonymous):
    _, path = await offered(client)
    answers = [
        await anonymous.get(path),
        await anonymous.get(f"{path}/document"),
        await anonymous.get(f"{path}/nothing"),
        await anonymous.get(f"{path[:-1]}-"),
        await anonymous.post(f"{path}/accept", json={"name": "Sample", "revision": 1}),
        await anonymous.post(f"{path}/accept", json={}),
    ]
    assert [answer.status_code for answer in answers] == [200, 409, 404, 404, 200, 422]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


def test_the_token_is_in_no_log():
    path = "/public/quotes/crm_quote_secret"
    assert route_of({"path": f"{path}/nothing"}) == "/public/"
    assert route_of({"path": "/v1/nothing"}) == "/v1/nothing"


async def test_what_is_between_those_who_sell_is_not_told(client, anonymous, owner):
    rate = {"name": "VAT", "country": "DE", "rate": "19", "valid_from": "2020-01-01"}
    await client.made("tax-rates", rate)
    past, future = date.today() - timedelta(days=3), date.today() + timedelta(days=30)
    made, path = await offered(client, country="DE", valid_until=str(future))
    found = await anonymous.get(path)
    assert found.json()["totals"][0]["taxes"][0]["amount"] == "17.10"
    assert "tax_rate_id" not in found.text
    assert "job_id" not in (await anonymous.get(f"{path}/document")).text
    # Of the next version that is worked on, neither where it stands nor till when it is to be.
    await act(client, made["id"], "revise")
    sql = "UPDATE quotes SET status = 'in_approval', valid_until = $2 WHERE id = $1"
    await owner.execute(sql, made["id"], past)
    found = (await anonymous.get(path)).json()
    assert (found["status"], found["blockers"]) == ("draft", [])
    assert found["valid_until"] == str(future)


async def test_whoever_goes_on_looking_fills_no_tables(client, anonymous, owner):
    made, path = await offered(client)
    await anonymous.get(path)
    await owner.execute(
        "INSERT INTO quote_views (organization_id, id, quote_id, link_id, revision, seen, at) "
        "SELECT organization_id, gen_random_uuid(), quote_id, link_id, 1, 'quote', at "
        "FROM quote_views, generate_series(2, $2) WHERE quote_id = $1",
        made["id"],
        MOST_VIEWS - 1,
    )
    for _ in range(3):
        assert (await anonymous.get(path)).status_code == 200
    assert (await client.read(f"quotes/{made['id']}/engagement"))["views"] == MOST_VIEWS
