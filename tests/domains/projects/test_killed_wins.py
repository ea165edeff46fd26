"""A server that is killed in the middle of wins: each of them happened wholly or not at all."""

import asyncio

import httpx

from support.ordering import accepted
from support.processes import Server
from support.quoting import product

DEALS = 16
TASKS = [
    {"key": "handover", "name": "Hand over"},
    {"key": "install", "name": "Install", "dependencies": [{"key": "handover"}]},
]


async def whole(client, deal_id):
    """Whether a deal was won, with all that follows; fails where there is only some of it."""
    deal = await client.read(f"deals/{deal_id}")
    won = (await client.read("events", types="deal.won", **{"filter[id]": deal_id}))["data"]
    orders = (await client.read(f"deals/{deal_id}/orders"))["data"]
    projects = (await client.read("projects", **{"filter[deal_id]": deal_id}))["data"]
    if deal["status"] == "open":
        assert (won, orders, projects) == ([], [], [])
        return False
    assert deal["status"] == "won"
    (_,), (order,), (project,) = won, orders, projects
    assert project["order_id"] == order["id"]
    listed = {"filter[project_id]": project["id"], "limit": 200}
    tasks = (await client.read("project-tasks", **listed))["data"]
    assert {task["name"] for task in tasks} == {"Hand over", "Install"}
    promised = (await client.read("deliverables", **{"filter[project_id]": project["id"]}))["data"]
    assert len(promised) == 1
    return True


async def test_a_server_that_is_killed_leaves_no_half_win(client, org, settings):
    chair = await product(client)
    body = {"name": "Installation", "product_ids": [chair["id"]], "tasks": TASKS}
    await client.made("project-templates", body)
    lines = [{"product_id": chair["id"], "quantity": "3"}]
    deals = [(await accepted(client, lines=lines))["deal_id"] for _ in range(DEALS)]
    server = Server(settings)
    await asyncio.to_thread(server.wait)
    answered = asyncio.Event()

    async def win(api, deal_id):
        key = {"Idempotency-Key": f"win-{deal_id}"}
        answer = await api.post(f"/v1/deals/{deal_id}/win", json={}, headers=key)
        assert answer.status_code == 200, answer.text
        answered.set()
        return answer.json()

    async with server.client(org) as api:
        asked = [asyncio.create_task(win(api, deal_id)) for deal_id in deals]
        await answered.wait()
        server.kill()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    told = [answer for answer in answers if isinstance(answer, dict)]
    lost = [answer for answer in answers if isinstance(answer, httpx.TransportError)]
    assert told
    assert lost
    assert len(told) + len(lost) == DEALS, answers
    won = [deal_id for deal_id in deals if await whole(client, deal_id)]
    assert {answer["id"] for answer in told} <= set(won)
    # Whoever asks again with the same key is told of the one win there is.
    for deal_id in deals:
        again = await win(client, deal_id)
        assert (again["status"], again["id"]) == ("won", deal_id)
        assert await whole(client, deal_id)
