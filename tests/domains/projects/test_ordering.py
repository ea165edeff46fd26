"""From the won deal to the project that delivers its order."""

import asyncio

from support.clients import problem
from support.ordering import accepted, act, win
from support.quoting import product

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


async def test_what_was_delivered_stays_within_the_order(client):
    """Whichever way leads past it: the bin, another line, or a change of the order."""
    won = await win(client, (await sold(client))["deal_id"])
    (whole,) = (await client.read("deliverables"))["data"]
    order = await act(client, won["order_id"], "confirm")
    support = order["lines"][1]["id"]
    answer = await delivered(client, whole["id"], "4")
    assert answer.status_code == 200, answer.text
    path = f"/v1/deliverables/{whole['id']}"
    problem(await client.patch(path, json={"line_id": support}), 409, "more_than_ordered")
    fewer = {"action": "change", "line_id": whole["line_id"], "quantity": "3"}
    less = {"order_id": order["id"], "name": "Fewer", "changes": [fewer]}
    asked = await client.made("change-requests", less)
    at = f"/v1/change-requests/{asked['id']}"
    assert (await client.post(f"{at}/submit", json={})).json()["status"] == "approved"
    found = problem(await client.post(f"{at}/apply"), 409, "blocked_transition")
    assert [one["code"] for one in found["errors"]] == ["delivered"]
    # In the bin it counts no more, and so does not come back beside what took its place.
    assert (await client.delete(path)).status_code == 204
    body = {"name": "Chairs", "project_id": won["project_id"], "line_id": whole["line_id"]}
    other = await client.made("deliverables", {**body, "quantity": "1"})
    assert (await delivered(client, other["id"], "1")).status_code == 200
    problem(await client.post(f"{path}/restore"), 409, "more_than_ordered")
    assert (await client.post(f"/v1/deliverables/{other['id']}/accept")).status_code == 200
    problem(await client.delete(f"/v1/deliverables/{other['id']}"), 409, "accepted")
    assert (await client.post(f"{at}/apply")).status_code == 200
