"""What is about a module that is switched off waits until it is on again."""

from support.receivers import receiving
from support.waiting import patiently
from support.working import at_work


async def switch(client, state):
    answer = await client.post(f"/v1/modules/leads/{state}", params={"cascade": "true"})
    assert answer.status_code == 200, answer.text


async def delivery(client, hook):
    (one,) = (await client.read(f"webhooks/{hook['id']}/deliveries", type="lead.created"))["data"]
    return one


async def test_events_of_a_disabled_module_wait(client, settings):
    async with receiving() as receiver:
        topics = ["lead.created", "contact.created"]
        hook = await client.made("webhooks", {"url": receiver.url, "topics": topics})
        lead = await client.made("leads", {"last_name": "Waits"})
        await switch(client, "disable")
        contact = await client.made("contacts", {"last_name": "Goes"})
        async with at_work(settings):
            await receiver.have(1)
            async for _ in patiently():
                waits = await delivery(client, hook)
                if waits["last_error"] is not None:
                    break
            assert (waits["status"], waits["last_error"]) == ("pending", "module_disabled")
            assert waits["attempts"] == 0
            assert [got.event["record_id"] for got in receiver.got] == [contact["id"]]
            await switch(client, "enable")
            await receiver.have(2)
            assert receiver.got[1].event["record_id"] == lead["id"]


async def test_what_waits_for_another_try_waits_for_the_module(client, worker):
    async with receiving() as receiver:
        receiver.answer = lambda _: 500
        topics = ["lead.created"]
        hook = await client.made("webhooks", {"url": receiver.url, "topics": topics})
        await client.made("leads", {"last_name": "Waits"})
        await receiver.have(1)
        await switch(client, "disable")
        receiver.answer = lambda _: 204
        again = await delivery(client, hook)
        async for _ in patiently():
            again = await delivery(client, hook)
            if again["last_error"] == "module_disabled":
                break
        assert again["attempts"] == len(receiver.got)
        before = len(receiver.got)
        await switch(client, "enable")
        await receiver.have(before + 1)
