"""Workers die at any moment: everything arrives, and what arrives twice has the same id."""

import asyncio
import signal

from support.receivers import receiving
from support.waiting import patiently

PEOPLE = 60


async def test_killed_workers_lose_nothing(client, worker_process):
    async with receiving(delay_s=0.02) as receiver:
        made = await client.made(
            "webhooks",
            # Room for what dead workers hold until their leases run out.
            {"url": receiver.url, "topics": ["contact.created"], "rate": 100, "concurrency": 50},
        )
        workers = [worker_process()]

        async def write():
            for number in range(PEOPLE):
                await client.made("contacts", {"last_name": f"Person {number}"})

        writing = asyncio.create_task(write())
        for killed in range(2):
            await receiver.have(15 * (killed + 1))
            workers[-1].send_signal(signal.SIGKILL)
            workers.append(worker_process())
        await writing
        await receiver.heard(PEOPLE)
        async for _ in patiently():
            health = await client.read(f"webhooks/{made['id']}/health")
            if health["succeeded_24h"] == PEOPLE:
                break
        assert (health["succeeded_24h"], health["waiting"], health["sending"]) == (PEOPLE, 0, 0)
        told = {got.id: got.event["record_id"] for got in receiver.got}
        assert len(told) == len(set(told.values())) == PEOPLE
        feed = await client.read("events", types="contact.created", limit=200)
        assert {event["id"] for event in feed["data"]} == told.keys()


async def test_several_workers_send_each_once(client, worker_process):
    async with receiving() as receiver:
        for _ in range(2):
            await client.made(
                "webhooks", {"url": receiver.url, "topics": ["contact.created"], "rate": 100}
            )
        for _ in range(2):
            worker_process()
        items = [{"last_name": f"Person {number}"} for number in range(60)]
        answer = await client.post("/v1/contacts/bulk", json={"items": items})
        assert answer.status_code == 200
        await receiver.have(120)
        await asyncio.sleep(1)
        sent = [(got.id, got.headers["crm-webhook-endpoint"]) for got in receiver.got]
        assert len(sent) == len(set(sent)) == 120
