"""From the won deal to the project that delivers its order."""

import asyncio
from uuid import UUID

from support.clients import problem
from support.ordering import accepted, act, order, order_of, win
from support.quoting import product
from support.waiting import patiently

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
TASK = {"key": "install", "name": "Install", "minutes": 480}


async def sold(api, quantity="4", **more):
    """An accepted quote for chairs that are installed, and for a service that recurs."""
    chair = await product(api)
    template = {"name": "Installation", "product_ids": [chair["id"]], "tasks": [TASK]}
    await api.made("project-templates", template)
    lines = [
        {"product_id": chair["id"], "quantity": quantity},
        {"name": "Support", "unit_price": "10", "interval": "month", "term": 12},
    ]
    return await accepted(api, lines=lines, **more)


async def delivered(api, id, quantity):
    return await api.post(f"/v1/deliverables/{id}/submit", json={"quantity": quantity})


async def test_a_deal_is_won_with_its_project(client):
    quote = await sold(client)
    won = await win(client, quote["deal_id"])
    made = await client.read(f"projects/{won['project_id']}")
    assert (made["order_id"], made["deal_id"]) == (won["order_id"], quote["deal_id"])
    # What falls due again and again is none of it.
    assert (made["revenue"], made["cost_budget"]) == ("400.00", quote["cost"])
    tasks = await client.read("project-tasks", **{"filter[project_id]": made["id"]})
    assert [one["name"] for one in tasks["data"]] == ["Install"]
    assert made["finishes_at"] == tasks["data"][0]["finishes_at"]
    (promised,) = (await client.read("deliverables"))["data"]
    assert (promised["name"], promised["quantity"]) == ("Chair", "4")
    order = await client.read(f"orders/{won['order_id']}")
    assert promised["line_id"] == order["lines"][0]["id"]
    again = await client.post(f"/v1/orders/{won['order_id']}/project")
    assert (again.status_code, again.json()["id"]) == (200, made["id"])
    document = """query($id: UUID!) { orderProject(id: $id) {
        id deal { status } order { id } tasks { nodes { name } } } }"""
    found = (await client.data(document, id=won["order_id"]))["orderProject"]
    assert found == {
        "id": made["id"],
        "deal": {"status": "won"},
        "order": {"id": won["order_id"]},
        "tasks": {"nodes": [{"name": "Install"}]},
    }


async def test_a_cancelled_order_is_neither_won_again_nor_delivered(client):
    quote = await sold(client)
    made = await order_of(client, quote["id"])
    await act(client, made["id"], "cancel")
    deal = f"deals/{quote['deal_id']}"
    for _ in range(2):
        allowed = (await client.read(f"{deal}/transitions"))["allowed"]
        (way,) = [one for one in allowed if one["verb"] == "win"]
        (blocker,) = way["blockers"]
        assert blocker["code"] == "order_cancelled"
        assert made["id"] in blocker["message"]
        found = await win(client, quote["deal_id"], 409)
        assert [one["code"] for one in found["errors"]] == ["order_cancelled"]
        assert (await client.read("projects"))["data"] == []
        # The ways out are those that are told.
        won = await win(client, quote["deal_id"], create_order=False)
        assert (won["order_id"], won["project_id"]) == (None, None)
        answer = await client.post(f"/v1/{deal}/reopen")
        assert answer.is_success, answer.text
    of = {"company_id": quote["company_id"], "deal_id": quote["deal_id"]}
    other = await accepted(client, **of, lines=[{"name": "Desk", "unit_price": "90"}])
    won = await win(client, quote["deal_id"], quote_id=other["id"])
    assert won["order_id"] != made["id"]


async def test_nothing_is_delivered_of_an_order_that_is_cancelled(client):
    won = await win(client, (await sold(client))["deal_id"])
    (one,) = (await client.read("deliverables"))["data"]
    body = {"name": "More", "project_id": won["project_id"]}
    other = await client.made("deliverables", body)
    share = {"kind": "milestone", "billing_percent": "50", **body}
    milestone = await client.made("project-tasks", share)
    assert (await client.post(f"/v1/deliverables/{one['id']}/submit")).status_code == 200
    await act(client, won["order_id"], "cancel")
    for id, verb in ((one["id"], "accept"), (other["id"], "submit")):
        answer = await client.post(f"/v1/deliverables/{id}/{verb}")
        assert problem(answer, 409, "order_cancelled")["order_status"] == "cancelled"
    answer = await client.post(f"/v1/project-tasks/{milestone['id']}/accept")
    problem(answer, 409, "order_cancelled")
    assert (await client.read(f"project-tasks/{milestone['id']}"))["billing_due_at"] is None
    body = {"reasons": ["Not wanted"]}
    assert (await client.post(f"/v1/deliverables/{one['id']}/reject", json=body)).is_success


async def test_an_order_is_not_closed_while_something_is_due(client):
    chair = await product(client)
    share = {"key": "done", "name": "Handover", "kind": "milestone", "billing_percent": "100"}
    body = {"name": "Installation", "product_ids": [chair["id"]], "tasks": [share]}
    await client.made("project-templates", body)
    lines = [{"product_id": chair["id"], "quantity": "1"}]
    won = await win(client, (await accepted(client, lines=lines))["deal_id"])
    (mark,) = (await client.read("project-tasks"))["data"]
    assert (await client.post(f"/v1/projects/{won['project_id']}/start")).is_success
    for verb in ("confirm", "start", "fulfil"):
        await act(client, won["order_id"], verb)
    answer = await client.post(f"/v1/project-tasks/{mark['id']}/accept")
    assert answer.is_success, answer.text
    found = await act(client, won["order_id"], "close", 409)
    assert [(one["code"], one["message"]) for one in found["errors"]] == [
        ("open_billing", "Handover: due, and not billed.")
    ]
    (way,) = (await client.read(f"orders/{won['order_id']}/transitions"))["allowed"]
    assert [one["code"] for one in way["blockers"]] == ["open_billing"]
    answer = await client.post(f"/v1/project-tasks/{mark['id']}/bill", json={"reference": "1"})
    assert answer.is_success, answer.text
    assert (await act(client, won["order_id"], "close"))["status"] == "closed"


async def test_two_templates_share_their_tasks(client):
    chair, desk = await product(client), await product(client, name="Desk")
    tasks = (
        [TASK, {"key": "a", "name": "A"}],
        [{**TASK, "name": "Not this"}, {"key": "b", "name": "B"}],
    )
    for name, sold_one, own in zip(("One", "Two"), (chair, desk), tasks, strict=True):
        body = {"name": name, "product_ids": [sold_one["id"]], "tasks": own}
        await client.made("project-templates", body)
    lines = [{"product_id": one["id"], "quantity": "1"} for one in (chair, desk, chair)]
    won = await win(client, (await accepted(client, lines=lines))["deal_id"])
    found = await client.read("project-tasks", sort="position")
    assert [one["name"] for one in found["data"]] == ["Install", "A", "B"]
    assert len((await client.read("deliverables"))["data"]) == 3
    assert won["project_id"] == found["data"][0]["project_id"]


async def test_of_an_order_there_is_one_project(client):
    quote = await accepted(client)
    order = (await client.post(f"/v1/quotes/{quote['id']}/order")).json()
    path = f"/v1/orders/{order['id']}/project"
    problem(await client.get(path), 404, "no_project")
    answers = await asyncio.gather(*(client.post(path) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [*[200] * 5, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await client.get(path)).json()["id"] == answers[0].json()["id"]
    assert (await client.read("projects"))["data"][0]["name"] == "Office"


async def test_no_more_is_delivered_than_was_ordered(client):
    won = await win(client, (await sold(client))["deal_id"])
    (whole,) = (await client.read("deliverables"))["data"]
    await client.changed(f"deliverables/{whole['id']}", {"quantity": "1"})
    body = {"name": "Chairs", "project_id": won["project_id"], "line_id": whole["line_id"]}
    parts = [await client.made("deliverables", body) for _ in range(6)]
    answers = await asyncio.gather(*(delivered(client, part["id"], "1") for part in parts))
    assert sorted(answer.status_code for answer in answers) == [*[200] * 4, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    found = problem(refused, 409, "more_than_ordered")
    assert (found["ordered"], found["left"]) == ("4", "0")
    # What is rejected counts no more.
    done = next(a.json() for a in answers if a.status_code == 200)
    answer = await client.post(
        f"/v1/deliverables/{done['id']}/reject", json={"reasons": ["Scratched"]}
    )
    assert answer.status_code == 200, answer.text
    assert (await delivered(client, whole["id"], "1")).status_code == 200
    assert (await delivered(client, done["id"], "1")).status_code == 409
    other = {**body, "line_id": won["order_id"]}
    answer = await client.post("/v1/deliverables", json=other)
    assert problem(answer, 422)["errors"][0]["pointer"] == "/line_id"


async def test_without_the_module_deals_are_won_all_the_same(client):
    quote = await sold(client)
    closed = await client.post("/v1/modules/projects/disable", params={"cascade": "true"})
    assert closed.is_success, closed.text
    won = await win(client, quote["deal_id"])
    assert won["project_id"] is None
    assert won["order_id"] is not None


async def changing(api, order_id, *changes):
    """A change request that is approved, or what stands in its way."""
    body = {"order_id": order_id, "name": "An example", "changes": list(changes)}
    made = await api.made("change-requests", body)
    answer = await api.post(f"/v1/change-requests/{made['id']}/submit")
    return made["id"], answer


async def test_an_order_keeps_what_is_delivered(client):
    won = await win(client, (await sold(client))["deal_id"])
    (whole,) = (await client.read("deliverables"))["data"]
    assert (await delivered(client, whole["id"], "3")).status_code == 200
    of_line = {"line_id": whole["line_id"]}
    for change, at in (
        ({"action": "change", "quantity": "2.5", **of_line}, "/changes/0/quantity"),
        ({"action": "remove", **of_line}, "/changes/0/line_id"),
    ):
        await client.post(f"/v1/orders/{won['order_id']}/confirm")
        id, answer = await changing(client, won["order_id"], change)
        found = problem(answer, 409, "blocked_transition")
        assert [(one["code"], one["pointer"]) for one in found["errors"]] == [("delivered", at)]
        allowed = (await client.read(f"change-requests/{id}/transitions"))["allowed"]
        assert [b["code"] for b in allowed[0]["blockers"]] == ["delivered"]
    just = {"action": "change", "quantity": "3", **of_line}
    id, answer = await changing(client, won["order_id"], just)
    assert (await client.post(f"/v1/change-requests/{id}/apply")).status_code == 200
    assert (await delivered(client, whole["id"], "4")).status_code == 409


async def queued(owner, order_id, *requests):
    """The answers to requests that wait for an order, the first one first."""
    waiting = []
    async with owner.acquire() as held, held.transaction():
        await held.fetch("SELECT FROM orders WHERE id = $1 FOR UPDATE", UUID(order_id))
        for one in requests:
            waiting.append(asyncio.create_task(one))
            async for _ in patiently():
                if await owner.fetchval(WAITING) == len(waiting):
                    break
    return [await one for one in waiting]


async def test_of_a_delivery_and_a_smaller_order_one_happens(client, owner):
    """Whoever comes second sees what the first has done, although it has waited for it."""
    for comes_first in (0, 1):
        won = await win(client, (await sold(client))["deal_id"])
        found = await client.read("deliverables", **{"filter[project_id]": won["project_id"]})
        (whole,) = found["data"]
        await client.post(f"/v1/orders/{won['order_id']}/confirm")
        less = {"action": "change", "quantity": "1", "line_id": whole["line_id"]}
        id, _ = await changing(client, won["order_id"], less)
        both = [
            client.post(f"/v1/change-requests/{id}/apply"),
            delivered(client, whole["id"], "4"),
        ]
        turns = (both[comes_first], both[1 - comes_first])
        answers = await queued(owner, won["order_id"], *turns)
        assert [one.status_code for one in answers] == [200, 409], answers[1].text


async def test_what_was_delivered_stays_within_the_order(client):
    """Whichever way leads past it: the bin, or another line."""
    won = await win(client, (await sold(client))["deal_id"])
    (whole,) = (await client.read("deliverables"))["data"]
    order = await act(client, won["order_id"], "confirm")
    support = order["lines"][1]["id"]
    answer = await delivered(client, whole["id"], "4")
    assert answer.status_code == 200, answer.text
    path = f"/v1/deliverables/{whole['id']}"
    problem(await client.patch(path, json={"line_id": support}), 409, "more_than_ordered")
    # In the bin it counts no more, and so does not come back beside what took its place.
    assert (await client.delete(path)).status_code == 204
    body = {"name": "Chairs", "project_id": won["project_id"], "line_id": whole["line_id"]}
    other = await client.made("deliverables", {**body, "quantity": "1"})
    assert (await delivered(client, other["id"], "1")).status_code == 200
    problem(await client.post(f"{path}/restore"), 409, "more_than_ordered")
    assert (await client.post(f"/v1/deliverables/{other['id']}/accept")).status_code == 200
    problem(await client.delete(f"/v1/deliverables/{other['id']}"), 409, "accepted")


async def test_a_draft_keeps_what_is_delivered_of_it(client):
    made = await order(client)
    answer = await client.post(f"/v1/orders/{made['id']}/project")
    assert answer.status_code == 201, answer.text
    (promised,) = (await client.read("deliverables"))["data"]
    assert (await delivered(client, promised["id"], "2")).status_code == 200
    (line,) = made["lines"]
    own = {"id": line["id"], "name": "Assembly", "unit_price": "90"}
    path = f"/v1/orders/{made['id']}"
    cut = await client.patch(path, json={"lines": [{**own, "quantity": "1"}]})
    assert problem(cut, 409, "delivered")["errors"][0]["pointer"] == "/lines/0/quantity"
    other = [{"name": "Other", "unit_price": "1", "quantity": "9"}]
    gone = await client.patch(path, json={"lines": other})
    assert problem(gone, 409, "delivered")["errors"][0]["pointer"] == "/lines"
    await client.changed(f"orders/{made['id']}", {"lines": [{**own, "quantity": "3"}]})


async def test_changes_of_several_projects_do_not_wait_in_a_ring(client):
    rows = []
    for name in ("One", "Two"):
        of = (await client.made("projects", {"name": name}))["id"]
        rows.append([await client.made("deliverables", {"name": "A", "project_id": of})])
    ids = [row["id"] for part in rows for row in part]
    bodies = [
        {
            "op": "update",
            "items": [{"id": id, "patch": {"description": f"{n}"}} for id in ids[:: 1 - n % 2 * 2]],
        }
        for n in range(8)
    ]
    answers = await asyncio.gather(
        *(client.post("/v1/deliverables/bulk", json=body) for body in bodies)
    )
    assert [answer.status_code for answer in answers] == [200] * 8, answers[0].text


async def test_a_project_comes_back_within_its_order(client):
    """In the bin it counts no more, and the order may become less than it has delivered."""
    won = await win(client, (await sold(client))["deal_id"])
    (whole,) = (await client.read("deliverables"))["data"]
    await act(client, won["order_id"], "confirm")
    assert (await delivered(client, whole["id"], "4")).status_code == 200
    path = f"/v1/projects/{won['project_id']}"
    assert (await client.delete(path)).status_code == 204
    less = {"action": "change", "quantity": "2", "line_id": whole["line_id"]}
    id, _ = await changing(client, won["order_id"], less)
    assert (await client.post(f"/v1/change-requests/{id}/apply")).status_code == 200
    found = problem(await client.post(f"{path}/restore"), 409, "more_than_ordered")
    assert found["lines"] == [whole["line_id"]]
    assert found["errors"][0]["message"] == "Chair: 4 are delivered, 2 are ordered."
    more = {**less, "quantity": "4"}
    id, _ = await changing(client, won["order_id"], more)
    assert (await client.post(f"/v1/change-requests/{id}/apply")).status_code == 200
    assert (await client.post(f"{path}/restore")).status_code == 200


async def test_what_a_change_adds_is_delivered_as_well(client):
    won = await win(client, (await sold(client))["deal_id"])
    (whole,) = (await client.read("deliverables"))["data"]
    await act(client, won["order_id"], "confirm")
    of_line = {"action": "change", "line_id": whole["line_id"]}
    desk = {"name": "Desk", "unit_price": "50", "quantity": "3"}
    care = {"name": "Care", "unit_price": "5", "interval": "month", "term": 12}

    async def applied(*changes):
        id, _ = await changing(client, won["order_id"], *changes)
        answer = await client.post(f"/v1/change-requests/{id}/apply")
        assert answer.status_code == 200, answer.text
        found = (await client.read("deliverables", sort="id"))["data"]
        return [(one["name"], one["quantity"]) for one in found]

    added = [{"action": "add", "line": line} for line in (desk, care)]
    found = await applied({**of_line, "quantity": "6"}, *added)
    assert found == [("Chair", "4"), ("Chair", "2"), ("Desk", "3")]
    path = f"projects/{won['project_id']}"
    assert (await client.post(f"/v1/{path}/start")).status_code == 200
    allowed = (await client.read(f"{path}/transitions"))["allowed"]
    (closing,) = [one for one in allowed if one["verb"] == "complete"]
    open_ones = [one["message"] for one in closing["blockers"] if one["code"] == "not_accepted"]
    assert open_ones == ["Chair: draft.", "Chair: draft.", "Desk: draft."]
    # What is promised already, and what became less, is not promised again.
    assert await applied({**of_line, "quantity": "5"}) == found
    assert await applied({**of_line, "quantity": "6"}) == found
    # Of what is closed nothing is promised any more.
    assert (await client.post(f"/v1/{path}/cancel")).status_code == 200
    assert await applied({**of_line, "quantity": "9"}) == found


async def test_a_delivery_and_a_bigger_order_do_not_wait_in_a_ring(client, owner):
    for comes_first in (0, 1):
        won = await win(client, (await sold(client))["deal_id"])
        filter = {"filter[project_id]": won["project_id"]}
        (whole,) = (await client.read("deliverables", **filter))["data"]
        await act(client, won["order_id"], "confirm")
        more = {"action": "change", "quantity": "5", "line_id": whole["line_id"]}
        id, _ = await changing(client, won["order_id"], more)
        both = [
            client.post(f"/v1/change-requests/{id}/apply"),
            delivered(client, whole["id"], "4"),
        ]
        turns = (both[comes_first], both[1 - comes_first])
        answers = await queued(owner, won["order_id"], *turns)
        assert [one.status_code for one in answers] == [200, 200], answers
        found = (await client.read("deliverables", sort="id", **filter))["data"]
        assert [one["quantity"] for one in found] == ["4", "1"]
