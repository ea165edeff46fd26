"""Accepting, declining and asking by a link: what is written down, and what is refused."""

from datetime import date, timedelta
from uuid import uuid4

from support.clients import pointers, problem
from support.quoting import OPTIONS, act, approval_policy, approved, link, offered, quote, sellers
from support.working import at_work


async def test_accepted_with_everything_that_proves_it(client, anonymous):
    made, path = await offered(client)
    body = {"name": "Sample Person", "email": "sample@example.com", "role": "Buyer", "revision": 1}
    answer = await anonymous.post(
        f"{path}/accept", json=body, headers={"User-Agent": "Browser/1.0"}
    )
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["decision"], done["name"], done["net"]) == ("accepted", "Sample Person", "90.00")
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    (found,) = (await client.read("quote-decisions"))["data"]
    assert found["id"] == done["id"]
    assert found["quote_version_id"] == version["id"]
    assert found["content_hash"] == found["agreed_hash"] == version["content_hash"]
    assert (found["email"], found["role"]) == ("sample@example.com", "Buyer")
    assert found["address"]
    assert found["user_agent"] == "Browser/1.0"
    now = await client.read(f"quotes/{made['id']}")
    assert (now["status"], now["decided_by"]) == ("accepted", "Sample Person")
    told = await client.told(made["id"], 3)
    assert told[-1]["type"] == "quote.accepted"
    (event,) = await client.told(found["id"], 1)
    assert event["type"] == "quote_decision.made"
    (link_id,) = [one["id"] for one in (await client.read("quote-links"))["data"]]
    assert event["actor"]["id"] == link_id
    shown = (await anonymous.get(path)).json()
    assert (shown["status"], shown["can_accept"]) == ("accepted", False)


async def test_twice_is_once(client, anonymous):
    made, path = await offered(client)
    body = {"name": "Sample Person", "revision": 1}
    key = {"Idempotency-Key": str(uuid4())}
    first = await anonymous.post(f"{path}/accept", json=body, headers=key)
    assert first.status_code == 200, first.text
    again = await anonymous.post(f"{path}/accept", json=body, headers=key)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    # Without a key, and by whoever says it.
    for more in ({}, {"name": "Somebody else"}, {"selected": []}):
        other = await anonymous.post(f"{path}/accept", json={**body, **more})
        assert other.status_code == 200, other.text
        assert other.json() == first.json()
    stale = await anonymous.post(f"{path}/accept", json={**body, "revision": 2})
    problem(stale, 409, "superseded_version")
    elsewhere = await anonymous.post(f"{await link(client, made['id'])}/accept", json=body)
    assert not problem(elsewhere, 409, "already_accepted")["by_this_link"]
    problem(await anonymous.post(f"{path}/decline", json={"revision": 1}), 409, "already_accepted")
    assert len((await client.read("quote-decisions"))["data"]) == 1


async def test_a_key_is_of_the_link_alone(client, anonymous):
    key = {"Idempotency-Key": "mine"}
    _, first = await offered(client)
    _, second = await offered(client)
    for path in (first, second):
        answer = await anonymous.post(
            f"{path}/accept", json={"name": "Sample", "revision": 1}, headers=key
        )
        assert answer.status_code == 200, answer.text


async def test_with_other_options_the_quote_says_what_was_agreed(client, anonymous):
    made, path = await offered(client, **OPTIONS)
    shown = (await anonymous.get(path)).json()
    names = {line["name"]: line["id"] for line in shown["lines"]}
    assert [line["name"] for line in shown["lines"] if line["is_option"]] == [
        "Cushion", "Delivery", "Basic", "Full"
    ]  # fmt: skip
    wanted = [names["Cushion"], names["Full"]]
    offer = (await anonymous.post(f"{path}/options", json={"selected": wanted})).json()
    # 300 + 30.03, and 9 less 10 % each month
    assert (offer["net"], offer["selected"]) == ("338.13", wanted)
    done = (
        await anonymous.post(
            f"{path}/accept", json={"name": "Sample", "revision": 1, "selected": wanted}
        )
    ).json()
    assert (done["net"], done["selected"]) == ("338.13", wanted)
    assert done["agreed_hash"] != done["content_hash"]
    now = await client.read(f"quotes/{made['id']}")
    assert (now["net"], now["one_time"], now["mrr"]) == ("338.13", "330.03", "8.10")
    assert [line["name"] for line in now["lines"] if line["counts"]] == ["Chair", "Cushion", "Full"]
    diff = await client.read(f"quotes/{made['id']}/diff", **{"from": 1})
    assert {one["name"] for one in diff["changed"]} == {"Cushion", "Delivery", "Full"}
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    assert version["content"]["net"] == "350.00"
    (kept,) = (await client.read("quote-decisions"))["data"]
    assert (kept["net"], kept["totals"]) == ("338.13", now["totals"])


async def test_what_was_approved_stays_approved(client, anonymous):
    first, _ = await sellers(client)
    await approval_policy(client, first)
    made = await quote(client, **OPTIONS)
    request = await approved(client, first, made["id"])
    await act(client, made["id"], "send")
    path = await link(client, made["id"])
    body = {"name": "Sample", "revision": 1, "selected": []}
    answer = await anonymous.post(f"{path}/accept", json=body)
    assert answer.status_code == 200, answer.text
    assert (await client.read(f"approvals/{request}"))["status"] == "approved"


async def test_only_the_newest_version_is_accepted(client, anonymous):
    made, path = await offered(client)
    await act(client, made["id"], "revise")
    shown = (await anonymous.get(path)).json()
    assert (shown["status"], shown["can_accept"], shown["can_decline"]) == ("draft", False, False)
    body = {"name": "Sample Person", "revision": 1}
    for verb in ("accept", "decline"):
        problem(await anonymous.post(f"{path}/{verb}", json=body), 409, "superseded_version")
    await client.changed(f"quotes/{made['id']}", {"lines": [{"name": "A", "unit_price": "80"}]})
    await act(client, made["id"], "send")
    for verb in ("accept", "decline"):
        found = problem(await anonymous.post(f"{path}/{verb}", json=body), 409)
        assert (found["code"], found["revision"]) == ("superseded_version", 2)
    answer = await anonymous.post(f"{path}/options", json={"selected": [], "revision": 1})
    problem(answer, 409, "superseded_version")
    done = await anonymous.post(f"{path}/accept", json={**body, "revision": 2})
    assert (done.json()["net"], done.json()["revision"]) == ("80.00", 2)


async def test_whoever_answers_says_what_they_read(client, anonymous):
    _, path = await offered(client)
    for verb, body in (("accept", {"name": "Sample Person"}), ("decline", {})):
        found = problem(await anonymous.post(f"{path}/{verb}", json=body), 422)
        assert pointers(found) == ["/revision"]
    assert (await anonymous.get(path)).json()["status"] == "viewed"


async def test_what_is_written_down_is_of_the_version_that_is_named(client):
    made = await quote(client)
    await act(client, made["id"], "send")
    path = f"/v1/quotes/{made['id']}/accept"
    found = problem(await client.post(path, json={"revision": 2}), 409, "superseded_version")
    assert found["revision"] == 1
    text = """mutation ($id: UUID!, $revision: Int) {
        acceptQuote(id: $id, revision: $revision) { status } }"""
    refused = await client.gql(text, id=made["id"], revision=2)
    assert refused["errors"][0]["extensions"]["code"] == "superseded_version"
    done = await client.gql(text, id=made["id"], revision=1)
    assert done["data"]["acceptQuote"]["status"] == "accepted"


async def test_what_is_over_is_not_accepted(client, anonymous, owner):
    withdrawn, path = await offered(client)
    await act(client, withdrawn["id"], "withdraw")
    answer = await anonymous.post(f"{path}/accept", json={"name": "Sample", "revision": 1})
    problem(answer, 409, "illegal_transition")
    late, path = await offered(client, valid_until=str(date.today() + timedelta(days=30)))
    # The day passes before anything has it expire.
    past = date.today() - timedelta(days=3)
    await owner.execute("UPDATE quotes SET valid_until = $2 WHERE id = $1", late["id"], past)
    shown = (await anonymous.get(path)).json()
    assert (shown["can_accept"], [b["code"] for b in shown["blockers"]]) == (False, ["expired"])
    answer = await anonymous.post(f"{path}/accept", json={"name": "Sample", "revision": 1})
    assert pointers(problem(answer, 409, "blocked_transition")) == ["/valid_until"]
    answer = await anonymous.post(f"{path}/decline", json={"revision": 1, "reason": "Too late"})
    assert answer.status_code == 200
    assert len((await client.read("quote-decisions"))["data"]) == 1


async def test_declined_with_a_reason(client, anonymous):
    made, path = await offered(client)
    body = {"revision": 1, "reason": "Too expensive", "comment": "Next year, perhaps."}
    answer = await anonymous.post(f"{path}/decline", json=body)
    assert answer.json()["decision"] == "declined", answer.text
    now = await client.read(f"quotes/{made['id']}")
    assert (now["status"], now["decision_comment"]) == ("declined", "Next year, perhaps.")
    again = await anonymous.post(f"{path}/decline", json=body)
    assert (again.status_code, again.json()) == (200, answer.json())
    elsewhere = await anonymous.post(f"{await link(client, made['id'])}/decline", json=body)
    problem(elsewhere, 409, "already_declined")
    # A next version is another offer.
    await act(client, made["id"], "revise")
    await act(client, made["id"], "send")
    answer = await anonymous.post(f"{path}/accept", json={"name": "Sample", "revision": 2})
    assert answer.status_code == 200, answer.text
    found = (await client.read("quote-decisions", sort="created_at"))["data"]
    assert [(one["decision"], one["revision"]) for one in found] == [
        ("declined", 1), ("accepted", 2)
    ]  # fmt: skip


async def test_asked_and_answered(client, anonymous):
    made, path = await offered(client)
    other = await link(client, made["id"])
    answer = await anonymous.post(
        f"{path}/questions", json={"text": "When do you deliver?", "name": "Sample Person"}
    )
    assert answer.status_code == 201, answer.text
    id = answer.json()["id"]
    (event,) = await client.told(id, 1)
    assert event["type"] == "quote_question.asked"
    answer = await client.post(f"/v1/quote-questions/{id}/answer", json={"answer": "In May."})
    assert answer.json()["answered_at"], answer.text
    (shown,) = (await anonymous.get(path)).json()["questions"]
    assert (shown["text"], shown["answer"]) == ("When do you deliver?", "In May.")
    assert (await anonymous.get(other)).json()["questions"] == []
    document = (
        'mutation($id: UUID!) { answerQuoteQuestion(id: $id, answer: "In June.") '
        "{ answer quote { id } link { id } } }"
    )
    graph = (await client.data(document, id=id))["answerQuoteQuestion"]
    assert (graph["answer"], graph["quote"]["id"]) == ("In June.", made["id"])
    engagement = await client.read(f"quotes/{made['id']}/engagement")
    assert (engagement["questions"], engagement["unanswered"]) == (1, 0)


async def test_bad_bodies_are_named_and_do_nothing(client, anonymous):
    made, path = await offered(client)
    tried = [
        ("accept", {}, "/name"),
        ("accept", {"name": ""}, "/name"),
        ("accept", {"name": "A", "email": "nonsense"}, "/email"),
        ("accept", {"name": "A", "selected": ["x"]}, "/selected/0"),
        ("accept", {"name": "A", "selected": [str(uuid4())], "revision": 1}, "/selected/0"),
        ("accept", {"name": "A", "revision": 0}, "/revision"),
        ("accept", {"name": "A", "status": "accepted"}, "/status"),
        ("accept", {"name": "A", "organization_id": str(uuid4())}, "/organization_id"),
        ("decline", {"reason": "x" * 201}, "/reason"),
        ("questions", {"text": ""}, "/text"),
        ("options", {}, "/selected"),
    ]
    for verb, body, at in tried:
        found = problem(await anonymous.post(f"{path}/{verb}", json=body), 422)
        assert at in pointers(found), (verb, body, found)
    headers = {"Content-Type": "application/json"}
    problem(await anonymous.post(f"{path}/accept", content=b"{", headers=headers), 400)
    problem(await anonymous.post(f"{path}/accept", content=b"name=A"), 415)
    now = await client.read(f"quotes/{made['id']}")
    assert now["status"] == "sent"
    assert (await client.read("quote-decisions"))["data"] == []
    assert (await client.read("quote-questions"))["data"] == []


async def test_a_link_is_no_credential(client, anonymous, org):
    """What it opens is its quote; as a token of the API it is worth nothing."""
    made, path = await offered(client)
    token = path.rpartition("/")[2]
    headers = {"Authorization": f"Bearer {token}"}
    problem(await anonymous.get(f"/v1/quotes/{made['id']}", headers=headers), 401)
    answer = await anonymous.post("/graphql", json={"query": "{me{id}}"}, headers=headers)
    assert answer.status_code == 401


async def test_others_see_nothing_of_it(client, other):
    made, _ = await offered(client)
    assert (await other.read("quote-links"))["data"] == []
    problem(await other.get(f"/v1/quotes/{made['id']}/engagement"), 404)
    problem(await other.post("/v1/quote-links", json={"quote_id": made["id"]}), 422)


async def test_what_was_accepted_before_it_was_printed_names_its_document(
    client, anonymous, worker_settings
):
    made, path = await offered(client)
    said = await anonymous.post(f"{path}/accept", json={"name": "Sample", "revision": 1})
    assert (said.status_code, said.json()["document_sha256"]) == (200, None)
    async with at_work(worker_settings):
        await client.idle()
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    assert version["document_sha256"] is not None
    (decided,) = (await client.read("quote-decisions"))["data"]
    assert decided["document_sha256"] == version["document_sha256"]
    assert [e["type"] for e in await client.told(decided["id"], 2)] == [
        "quote_decision.made",
        "quote_decision.documented",
    ]


async def test_what_is_accepted_after_it_was_printed_names_its_document(client, anonymous, worker):
    made, path = await offered(client)
    await client.idle()
    said = await anonymous.post(f"{path}/accept", json={"name": "Sample", "revision": 1})
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    assert version["document_sha256"] is not None
    assert said.json()["document_sha256"] == version["document_sha256"]
