"""Where quotes go, what stands in the way, what stays as it was sent; also at the same moment."""

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from crm_api.domains.quotes.jobs import expire
from support.clients import pointers, problem
from support.members import custom_role, member
from support.quoting import act, quote, ways

STEP = {"name": "Head of sales"}


async def test_from_draft_to_accepted(client):
    made = await quote(client)
    assert await ways(client, made["id"]) == {"submit": [], "send": []}
    sent = await act(client, made["id"], "send")
    assert (sent["status"], sent["revision"]) == ("sent", 1)
    assert sent["number"].startswith(f"Q-{date.today().year}-")
    assert set(await ways(client, made["id"])) == {
        "view", "accept", "decline", "withdraw", "expire", "revise"
    }  # fmt: skip
    assert (await act(client, made["id"], "view"))["status"] == "viewed"
    done = await act(client, made["id"], "accept", by="Sample Person", comment="Gladly.")
    assert (done["status"], done["decided_by"]) == ("accepted", "Sample Person")
    assert done["decided_at"] is not None
    assert await ways(client, made["id"]) == {}
    answer = await client.post(f"/v1/quotes/{made['id']}/accept")
    found = problem(answer, 409, "illegal_transition")
    assert (found["quote_status"], found["allowed"]) == ("accepted", [])
    told = await client.told(made["id"], 4)
    assert [event["type"] for event in told] == [
        "quote.created", "quote.sent", "quote.viewed", "quote.accepted"
    ]  # fmt: skip


async def test_what_blocks_is_named(client):
    empty = await client.made("quotes", {"currency": "EUR"})
    assert await ways(client, empty["id"]) == {
        "submit": ["no_account", "no_lines"],
        "send": ["no_account", "no_lines"],
    }
    answer = await client.post(f"/v1/quotes/{empty['id']}/send")
    assert pointers(problem(answer, 409, "blocked_transition")) == ["/company_id", "/lines"]
    body = {"sku": uuid4().hex, "name": "Chair", "type": "good"}
    sold = await client.made("products", body)
    late = await quote(client, lines=[{"product_id": sold["id"]}], valid_until="2026-01-01")
    assert (await ways(client, late["id"]))["send"] == ["expired", "no_price", "not_sold"]
    assert (await client.read(f"quotes/{late['id']}"))["number"] is None
    problem(await client.post(f"/v1/quotes/{uuid4()}/send"), 404)
    problem(await client.get(f"/v1/quotes/{uuid4()}/transitions"), 404)


async def test_what_was_sent_stays_as_it_is(client, owner):
    made = await quote(client)
    sent = await act(client, made["id"], "send")
    for change in ({"lines": []}, {"currency": "USD"}, {"name": "Other"}, {"clauses": []}):
        answer = await client.patch(f"/v1/quotes/{made['id']}", json=change)
        if change == {"clauses": []}:
            # As it is: no change.
            assert answer.status_code == 200
            continue
        assert pointers(problem(answer, 409, "quote_sent")) == [f"/{next(iter(change))}"]
    # What was not offered may change.
    after = await client.changed(f"quotes/{made['id']}", {"tags": ["large"]})
    assert (after["status"], after["tags"]) == ("sent", ["large"])
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    assert (version["revision"], version["number"]) == (1, sent["number"])
    assert version["content"]["gross"] == sent["gross"]
    assert version["customer"]["company"]["name"] == "Example Industries"
    assert len(version["content_hash"]) == 64
    # Whoever goes past the service is stopped by the database.
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(
            "UPDATE quote_versions SET content = '{}' WHERE id = $1", UUID(version["id"])
        )
    answer = await client.delete(f"/v1/quotes/{made['id']}", params={"purge": True})
    problem(answer, 409, "numbered")


async def test_versions_and_what_is_different(client):
    made = await quote(client, lines=[
        {"name": "Assembly", "unit_price": "90"}, {"name": "Desk", "unit_price": "10"}
    ])  # fmt: skip
    first = await act(client, made["id"], "send")
    draft = await act(client, made["id"], "revise")
    assert (draft["status"], draft["revision"], draft["number"]) == ("draft", 2, first["number"])
    kept = {name: draft["lines"][0][name] for name in ("id", "name", "unit_price")}
    lines = [{**kept, "quantity": "2"}, {"name": "Chair", "unit_price": "50", "kind": "service"}]
    lines[1]["id"] = str(uuid4())
    await client.changed(f"quotes/{made['id']}", {"lines": lines})
    found = await client.read(f"quotes/{made['id']}/diff", **{"from": 1})
    assert [line["name"] for line in found["added"]] == ["Chair"]
    assert [line["name"] for line in found["removed"]] == ["Desk"]
    (changed,) = found["changed"]
    assert {"field": "quantity", "before": "1", "after": "2"} in changed["fields"]
    assert {"field": "net", "before": "100.00", "after": "230.00"} in found["fields"]
    await act(client, made["id"], "send")
    again = await client.read(f"quotes/{made['id']}/diff", **{"from": 1, "to": 2})
    assert (again["added"], again["to_revision"]) == (found["added"], 2)
    query = """
        query($id: UUID!, $text: String!) { quoteDiff(id: $id, fromRevision: 1, toRevision: 2) {
            changed { name fields { field before after } } removed { name } }
          quoteVersions(where: {quoteId: {eq: $text}}) { nodes { revision supersededAt } } }
    """
    data = await client.data(query, id=made["id"], text=made["id"])
    assert [line["name"] for line in data["quoteDiff"]["removed"]] == ["Desk"]
    old = {v["revision"]: v["supersededAt"] for v in data["quoteVersions"]["nodes"]}
    assert old[1] is not None
    assert old[2] is None
    answer = await client.get(f"/v1/quotes/{made['id']}/diff", params={"from": 7})
    problem(answer, 404, "no_version")


async def test_a_clone_is_a_draft_of_its_own(client):
    made = await quote(client, tags=["large"], valid_until="2031-01-01")
    await act(client, made["id"], "send")
    answer = await client.post(f"/v1/quotes/{made['id']}/clone")
    assert answer.status_code == 201, answer.text
    copy = answer.json()
    assert answer.headers["Location"] == f"/v1/quotes/{copy['id']}"
    assert (copy["status"], copy["number"], copy["revision"]) == ("draft", None, 1)
    assert (copy["net"], copy["tags"], copy["valid_until"]) == ("90.00", ["large"], None)
    assert copy["lines"][0]["id"] != made["lines"][0]["id"]
    data = await client.data(
        "mutation($id: UUID!) { cloneQuote(id: $id) { status net } }", id=made["id"]
    )
    assert data["cloneQuote"] == {"status": "draft", "net": "90.00"}


async def test_a_rehearsal_sends_nothing(client):
    made = await quote(client)
    answer = await client.post(f"/v1/quotes/{made['id']}/send", params={"dry_run": True})
    assert answer.json()["status"] == "sent"
    assert (await client.read(f"quotes/{made['id']}"))["number"] is None
    assert (await client.read(f"quotes/{made['id']}/versions"))["data"] == []
    first = await act(client, made["id"], "send")
    assert first["number"].endswith("-00001")


# At the same moment


async def test_of_two_sends_one_counts(client):
    made = await quote(client)
    answers = await asyncio.gather(
        *(client.post(f"/v1/quotes/{made['id']}/send") for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert len((await client.read(f"quotes/{made['id']}/versions"))["data"]) == 1
    other = await act(client, (await quote(client))["id"], "send")
    assert other["number"].endswith("-00002")


async def test_what_is_sent_is_what_was_seen_or_what_was_changed(client):
    """Either the change came before and is sent, or it is refused: never a third."""
    for n in range(6):
        made = await quote(client)
        change = {"lines": [{"name": "Assembly", "unit_price": f"{n + 1}"}]}
        sent, changed = await asyncio.gather(
            client.post(f"/v1/quotes/{made['id']}/send"),
            client.patch(f"/v1/quotes/{made['id']}", json=change),
        )
        assert sent.status_code == 200, sent.text
        assert changed.status_code in {200, 409}
        (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
        now = await client.read(f"quotes/{made['id']}")
        assert version["content"]["net"] == now["net"]
        assert now["net"] == (f"{n + 1}.00" if changed.status_code == 200 else "90.00")
        old = await act(client, made["id"], "revise")
        answer = await client.post(
            f"/v1/quotes/{made['id']}/send", headers={"If-Match": f'"{old["version"] - 1}"'}
        )
        problem(answer, 412)


async def test_numbers_have_no_gaps_whatever_is_rolled_back(client):
    """20 writers at once, of whom every second one comes to nothing."""
    made = [await quote(client) for _ in range(20)]

    async def send(n):
        params = {"dry_run": True} if n % 2 else {}
        return await client.post(f"/v1/quotes/{made[n]['id']}/send", params=params)

    answers = await asyncio.gather(*(send(n) for n in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    numbers = sorted(answers[n].json()["number"] for n in range(0, 20, 2))
    assert [number[-5:] for number in numbers] == [f"{n:05}" for n in range(1, 11)]
    for n in range(1, 20, 2):
        assert (await client.read(f"quotes/{made[n]['id']}"))["number"] is None
    (sequence,) = (await client.read("number-sequences", **{"filter[key]": "quote"}))["data"]
    assert sequence["next_number"] == 11


async def test_a_sequence_in_the_bin_is_not_begun_again(client):
    made = [await quote(client) for _ in range(2)]
    query = "mutation($id: UUID!) { sendQuote(id: $id) { number status } }"
    found = await client.data(query, id=made[0]["id"])
    assert found["sendQuote"]["number"].endswith("-00001")
    (sequence,) = (await client.read("number-sequences", **{"filter[key]": "quote"}))["data"]
    answer = await client.delete(f"/v1/number-sequences/{sequence['id']}")
    assert answer.status_code == 204, answer.text
    problem(await client.post(f"/v1/quotes/{made[1]['id']}/send"), 409, "sequence_in_bin")
    assert (await client.read(f"quotes/{made[1]['id']}"))["status"] == "draft"
    await client.post(f"/v1/number-sequences/{sequence['id']}/restore")
    assert (await act(client, made[1]["id"], "send"))["number"].endswith("-00002")


async def test_accepted_once_and_in_time(client, owner, database, app):
    made = await quote(client, valid_until=str(date.today() + timedelta(days=30)))
    await act(client, made["id"], "send")
    answers = await asyncio.gather(
        *(client.post(f"/v1/quotes/{made['id']}/accept") for _ in range(4)),
        *(client.post(f"/v1/quotes/{made['id']}/revise") for _ in range(4)),
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    late = await quote(client, valid_until=str(date.today() + timedelta(days=30)))
    await act(client, late["id"], "send")
    await owner.execute(
        "UPDATE quotes SET valid_until = current_date - 3 WHERE id = $1", UUID(late["id"])
    )
    answer = await client.post(f"/v1/quotes/{late['id']}/accept")
    assert pointers(problem(answer, 409, "blocked_transition")) == ["/valid_until"]
    await expire(database, app.state.services.files)
    assert (await client.read(f"quotes/{late['id']}"))["status"] == "expired"
    assert (await client.read(f"quotes/{made['id']}"))["status"] in {"accepted", "draft"}
    assert [e["type"] for e in await client.told(late["id"], 3)][-1] == "quote.expired"


# Approval


async def test_a_discount_beyond_the_policy_takes_an_approval(client):
    reach = dict.fromkeys(("read", "create", "update", "delete"), "all")
    role = await custom_role(client, levels={"*": reach})
    seller, boss = await member(client, role), await member(client, role)
    body = {"name": "Sellers", "role_id": role, "max_percent": "10"}
    await client.made("discount-policies", body)
    line = {"name": "Desk", "unit_price": "100", "discounts": [{"percent": "25"}]}
    made = await quote(seller.api, lines=[line])
    assert (await ways(seller.api, made["id"]))["send"] == ["discount_over_policy"]
    answer = await seller.api.post(f"/v1/quotes/{made['id']}/send")
    assert pointers(problem(answer, 409, "blocked_transition")) == ["/lines/0"]
    policy = {
        "name": "Discounts",
        "target": "quote",
        "purpose": "discount",
        "filter": {"manual_percent": {"gt": "10"}},
        "steps": [{**STEP, "approvers": [{"kind": "user", "id": boss.id}]}],
    }
    answer = await client.post("/v1/approval-policies", json=policy)
    assert answer.status_code == 201, answer.text
    assert (await ways(seller.api, made["id"]))["send"] == ["approval_needed"]
    asked = await act(seller.api, made["id"], "submit", comment="Please.")
    assert asked["status"] == "in_approval"
    (request,) = (await boss.api.read("approvals/to-decide"))["data"]
    assert request["record_id"] == made["id"]
    answer = await boss.api.post(f"/v1/approvals/{request['id']}/approve")
    assert answer.status_code == 200, answer.text
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "approved"
    # A material change voids it, and the quote is a draft again.
    line["discounts"] = [{"percent": "30"}]
    changed = await seller.api.changed(f"quotes/{made['id']}", {"lines": [line]})
    assert changed["status"] == "draft"
    assert (await client.read(f"approvals/{request['id']}"))["status"] == "voided"
    answer = await seller.api.post(f"/v1/quotes/{made['id']}/send")
    problem(answer, 409, "blocked_transition")
    await act(seller.api, made["id"], "submit")
    (request,) = (await boss.api.read("approvals/to-decide"))["data"]
    answer = await boss.api.post(
        f"/v1/approvals/{request['id']}/reject", json={"comment": "Too much."}
    )
    assert answer.status_code == 200, answer.text
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "draft"
    await act(seller.api, made["id"], "submit")
    assert (await act(seller.api, made["id"], "recall"))["status"] == "draft"
    await act(seller.api, made["id"], "submit")
    (request,) = (await boss.api.read("approvals/to-decide"))["data"]
    await boss.api.post(f"/v1/approvals/{request['id']}/approve")
    sent = await act(seller.api, made["id"], "send")
    assert (sent["status"], sent["net"]) == ("sent", "70.00")


async def test_without_a_policy_it_is_approved_at_once(client):
    made = await quote(client)
    assert (await act(client, made["id"], "submit"))["status"] == "approved"
    # What nobody offered is no material change.
    assert (await client.changed(f"quotes/{made['id']}", {"tags": ["x"]}))["status"] == "approved"
    assert (await client.changed(f"quotes/{made['id']}", {"name": "New"}))["status"] == "draft"


async def test_costs_are_hidden_with_those_of_products(client):
    reach = dict.fromkeys(("read", "create", "update", "delete"), "all")
    hidden = await custom_role(client, levels={"*": reach}, masks={"product": {"hidden": ["cost"]}})
    seller = await member(client, hidden)
    body = {"sku": uuid4().hex, "name": "Chair", "type": "good", "status": "active"}
    priced = {"list_price": "100", "cost": "40", "currency": "EUR"}
    sold = await client.made("products", {**body, **priced})
    made = await quote(client, lines=[{"product_id": sold["id"]}])
    assert (made["margin"], made["costs"][0]["cost"]) == ("60.00", "40.00")
    seen = await seller.api.read(f"quotes/{made['id']}")
    assert (seen["cost"], seen["margin"], seen["margin_percent"]) == (None, None, None)
    assert seen["costs"] == []
    assert "40.00" not in str(seen["lines"])
    lines = [{"product_id": sold["id"]}]
    answer = await seller.api.post("/v1/quotes/calculate", json={"currency": "EUR", "lines": lines})
    assert (answer.json()["costs"], answer.json()["cost"]) == ([], None)
    await act(client, made["id"], "send")
    (version,) = (await seller.api.read(f"quotes/{made['id']}/versions"))["data"]
    assert version["costs"] == []
    answer = await seller.api.get("/v1/quotes", params={"filter[margin][gt]": "5"})
    problem(answer, 403, "hidden_field")


async def test_other_organizations_find_nothing(client, other):
    made = await quote(client)
    await act(client, made["id"], "send")
    for path in ("transitions", "versions", "diff?from=1", "document", "document-status"):
        problem(await other.get(f"/v1/quotes/{made['id']}/{path}"), 404)
    for verb in ("send", "revise", "accept", "clone", "submit", "recall"):
        problem(await other.post(f"/v1/quotes/{made['id']}/{verb}"), 404)
