"""A worker that is told to stop gives back what is under way, and ends well."""

import signal

from support.receivers import receiving
from support.waiting import patiently


async def test_a_worker_that_is_told_to_stop_gives_everything_back(client, owner, worker_process):
    async with receiving(delay_s=600) as receiver:
        topics = ["contact.created"]
        hook = await client.made("webhooks", {"url": receiver.url, "topics": topics})
        await client.made("contacts", {"last_name": "Told"})
        started = (await client.post("/v1/companies/export", json={"format": "csv"})).json()
        job = f"jobs/{started['job_id']}"
        async with owner.acquire() as holding, holding.transaction():
            await holding.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")
            process = worker_process()
            await receiver.have(1)
            async for _ in patiently():
                if (await client.read(job))["status"] == "running":
                    break
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            # As if nobody had begun with either.
            left = await client.read(job)
            assert (left["status"], left["attempts"], left["error"]) == ("queued", 0, None)
            (sent,) = (await client.read(f"webhooks/{hook['id']}/deliveries"))["data"]
            assert (sent["status"], sent["attempts"], sent["last_error"]) == ("pending", 0, None)
