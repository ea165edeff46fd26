"""Quotes and their approvals: what lets a discount pass, and where a quote stands meanwhile."""

from support.clients import pointers, problem
from support.quoting import act, approval_policy, approved, product, quote, sellers, ways


async def test_a_discount_passes_by_an_approval_that_is_about_the_lines(client):
    seller, boss = await sellers(client)
    fields = ["currency", "company_id"]
    policy = await approval_policy(client, boss, material_fields=fields)
    made = await quote(seller.api)
    await approved(seller.api, boss, made["id"])
    # The approval says nothing of discounts, so it goes on, and lets none pass.
    off = {"discounts": [{"percent": "95"}]}
    await seller.api.changed(f"quotes/{made['id']}", off)
    found = await ways(seller.api, made["id"])
    assert found == {"submit": ["discount_over_policy"], "send": ["discount_over_policy"]}
    answer = await seller.api.post(f"/v1/quotes/{made['id']}/send")
    assert pointers(problem(answer, 409, "blocked_transition")) == ["/lines/0"]
    # One that is about them lets it, and is voided by another discount.
    await client.changed(f"approval-policies/{policy['id']}", {"is_active": False})
    await approval_policy(client, boss, material_fields=["lines"])
    request = await approved(seller.api, boss, made["id"])
    await seller.api.changed(f"quotes/{made['id']}", {"discounts": [{"percent": "96"}]})
    assert (await client.read(f"approvals/{request}"))["status"] == "voided"
    await seller.api.changed(f"quotes/{made['id']}", off)
    await approved(seller.api, boss, made["id"])
    assert (await act(seller.api, made["id"], "send"))["net"] == "4.50"


async def test_the_last_pieces_are_sold_by_an_approval_that_is_about_the_lines(client):
    seller, boss = await sellers(client)
    ending = await product(client)
    made = await quote(seller.api, lines=[{"product_id": ending["id"]}])
    await client.changed(f"products/{ending['id']}", {"status": "discontinued"})
    assert await ways(seller.api, made["id"]) == {"submit": ["not_sold"], "send": ["not_sold"]}
    policy = await approval_policy(client, boss, material_fields=["company_id"])
    assert "not_sold" in (await ways(seller.api, made["id"]))["submit"]
    await client.changed(f"approval-policies/{policy['id']}", {"is_active": False})
    await approval_policy(client, boss, material_fields=["lines"])
    assert await ways(seller.api, made["id"]) == {"submit": [], "send": ["approval_needed"]}
    await approved(seller.api, boss, made["id"])
    assert (await act(seller.api, made["id"], "send"))["status"] == "sent"


async def test_what_nobody_wants_to_approve_is_refused_when_it_is_submitted(client):
    seller, _ = await sellers(client)
    made = await quote(seller.api, discounts=[{"percent": "50"}])
    over = ["discount_over_policy"]
    assert await ways(seller.api, made["id"]) == {"submit": over, "send": over}
    answer = await seller.api.post(f"/v1/quotes/{made['id']}/submit")
    assert pointers(problem(answer, 409, "blocked_transition")) == ["/lines/0"]
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "draft"
    await seller.api.changed(f"quotes/{made['id']}", {"discounts": [{"percent": "10"}]})
    assert (await act(seller.api, made["id"], "submit"))["status"] == "approved"


async def test_what_is_not_offered_voids_no_approval(client):
    seller, boss = await sellers(client)
    await approval_policy(client, boss)
    made = await quote(seller.api)
    request = await approved(seller.api, boss, made["id"])
    beside = {"tags": ["large"], "source": "Fair", "description": "Call first."}
    after = await seller.api.changed(f"quotes/{made['id']}", beside)
    assert after["status"] == "approved"
    assert (await client.read(f"approvals/{request}"))["status"] == "approved"
    after = await seller.api.changed(f"quotes/{made['id']}", {"introduction": "Dear customer"})
    assert after["status"] == "draft"
    assert (await client.read(f"approvals/{request}"))["status"] == "voided"


async def test_an_answer_tells_where_the_quote_stands(client):
    """A policy may hold material what is not offered: then the request ends with the change."""
    seller, boss = await sellers(client)
    await approval_policy(client, boss, material_fields=["tags", "lines"])
    made = await quote(seller.api)
    await act(seller.api, made["id"], "submit")
    rehearsed = await seller.api.patch(
        f"/v1/quotes/{made['id']}", json={"tags": ["large"]}, params={"dry_run": True}
    )
    assert rehearsed.json()["status"] == "draft"
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "in_approval"
    answer = await seller.api.patch(f"/v1/quotes/{made['id']}", json={"tags": ["large"]})
    now = await seller.api.read(f"quotes/{made['id']}")
    assert answer.json() == now
    assert now["status"] == "draft"
    etag = answer.headers["etag"]
    answer = await seller.api.patch(
        f"/v1/quotes/{made['id']}", json={"tags": []}, headers={"If-Match": etag}
    )
    assert answer.status_code == 200, answer.text


async def test_out_of_the_bin_comes_a_draft(client):
    seller, boss = await sellers(client)
    await approval_policy(client, boss)
    made = await quote(seller.api)
    request = await approved(seller.api, boss, made["id"])
    await client.delete(f"/v1/quotes/{made['id']}")
    answer = await client.post(f"/v1/quotes/{made['id']}/restore")
    assert answer.json()["status"] == "draft"
    assert (await client.read(f"approvals/{request}"))["status"] == "voided"
    assert await ways(seller.api, made["id"]) == {"submit": [], "send": ["approval_needed"]}
    await approved(seller.api, boss, made["id"])
    assert (await act(seller.api, made["id"], "send"))["status"] == "sent"


async def test_whoever_may_change_a_quote_recalls_it(client):
    seller, boss = await sellers(client)
    await approval_policy(client, boss)
    made = await quote(seller.api)
    await act(seller.api, made["id"], "submit")
    (request,) = (await boss.api.read("approvals/to-decide"))["data"]
    assert (await ways(boss.api, made["id"]))["recall"] == []
    assert (await act(boss.api, made["id"], "recall"))["status"] == "draft"
    assert (await client.read(f"approvals/{request['id']}"))["status"] == "recalled"
    told = [event["type"] for event in await client.told(made["id"], 3)]
    assert told == ["quote.created", "quote.submitted", "quote.recalled"]
    # Of the request alone only whoever made it, or manages the settings, does so.
    await act(seller.api, made["id"], "submit")
    (request,) = (await boss.api.read("approvals/to-decide"))["data"]
    answer = await boss.api.post(f"/v1/approvals/{request['id']}/recall")
    problem(answer, 403, "missing_right")
