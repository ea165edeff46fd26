"""What happens reaches its receivers: signed, filtered, in full, and tried again."""

import asyncio
import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from support.clients import problem
from support.receivers import receiving
from support.waiting import patiently, settled

DELAYS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)


async def hook(client, receiver, *topics, **more):
    """A webhook that is sent these topics; with its secret."""
    body = {"url": receiver.url, "topics": topics or ["contact.*"], **more}
    return await client.made("webhooks", body)


async def person(client, name="Example", **more):
    return await client.made("contacts", {"last_name": name, **more})


async def deliveries(client, webhook, count, status=None):
    """The deliveries of a webhook, oldest first, once so many have this status."""
    async for _ in patiently():
        page = await client.read(f"webhooks/{webhook['id']}/deliveries", limit=200)
        found = [d for d in page["data"] if status is None or d["status"] == status]
        if len(found) >= count:
            break
    return found[::-1]


async def let_pass(owner, webhook, seconds):
    """Have time pass for what a webhook waits for."""
    async with owner.acquire() as connection:
        for statement in (
            (
                "UPDATE webhook_deliveries SET run_at = run_at - make_interval(secs => $2) "
                "WHERE webhook_id = $1 AND status = 'pending'"
            ),
            (
                "UPDATE webhook_states SET failing_since = failing_since - make_interval(secs => $2), "
                "rests_until = rests_until - make_interval(secs => $2) WHERE webhook_id = $1"
            ),
        ):
            await connection.execute(statement, webhook["id"], seconds)


async def waits(owner, webhook):
    """Seconds until the next attempt, as PostgreSQL sees it."""
    return await owner.fetchval(
        "SELECT extract(epoch FROM run_at - now())::float8 FROM webhook_deliveries "
        "WHERE webhook_id = $1 AND status = 'pending'",
        webhook["id"],
    )


async def test_what_happens_arrives_signed(worker, client):
    async with receiving() as receiver:
        made = await hook(client, receiver)
        contact = await person(client, first_name="Ada")
        await client.changed(f"contacts/{contact['id']}", {"first_name": "Eva"})
        first, second = await receiver.have(2)
        for got in (first, second):
            event = Webhook(made["secret"]).verify(got.body, got.headers)
            assert event["id"] == got.id
            assert event["timestamp"] == event["occurred_at"]
            with pytest.raises(WebhookVerificationError):
                Webhook(made["secret"]).verify(got.body + b" ", got.headers)
        created, updated = sorted((first.event, second.event), key=lambda e: e["version"])
        assert created["type"] == "contact.created"
        assert created["data"]["first_name"] == "Ada"
        assert created["previous"] is None
        assert updated["data"]["first_name"] == "Eva"
        assert updated["previous"]["first_name"] == "Ada"
        fed = await client.told(contact["id"], 2, types="contact.*")
        assert [event["id"] for event in fed] == [created["id"], updated["id"]]
        assert first.headers["content-type"] == "application/json"
        assert first.headers["crm-webhook-attempt"] == "1"
        assert first.headers["crm-webhook-endpoint"] == made["id"]
        done = await deliveries(client, made, 2, "succeeded")
        detail = await client.read(f"webhook-deliveries/{done[0]['id']}")
        assert [entry["status"] for entry in detail["log"]] == [204]
        assert len(b64decode(made["secret"].removeprefix("whsec_"))) == 32
        health = await client.read(f"webhooks/{made['id']}/health")
        assert (health["succeeded_24h"], health["waiting"]) == (2, 0)


async def test_topics_filters_and_fields_choose(worker, client):
    async with receiving() as all_, receiving() as some, receiving() as thin:
        await hook(client, all_, "*")
        await hook(
            client,
            some,
            "contact.*",
            filter={"title": {"eq": "Boss"}},
            fields=["last_name"],
            headers={"Authorization": "Bearer mine"},
        )
        await hook(client, thin, "company.deleted", payload="thin")
        await person(client, "Clerk", title="Clerk")
        await person(client, "Chief", title="Boss")
        company = await client.made("companies", {"name": "Example"})
        await client.delete(f"/v1/companies/{company['id']}")
        (only,) = await some.have(1)
        assert only.event["data"] == {"last_name": "Chief"}
        assert only.headers["authorization"] == "Bearer mine"
        (short,) = await thin.have(1)
        assert short.event["type"] == "company.deleted"
        assert not {"data", "previous"} & short.event.keys()
        kinds = {event.event["type"] for event in await all_.have(6)}
        assert {"contact.created", "company.created", "company.deleted"} <= kinds
        await asyncio.sleep(0.5)
        assert (len(some.got), len(thin.got)) == (1, 1)


async def test_former_events_and_those_of_others_are_not_sent(worker, client, other, keyed):
    await person(client, "Before")
    await other.made("companies", {"name": "Foreign"})
    reader = await keyed("webhooks:write", "events:read", "contacts:read")
    async with receiving() as receiver:
        answer = await reader.post(
            "/v1/webhooks", json={"url": receiver.url, "topics": ["company.*"]}
        )
        problem(answer, 403, "insufficient_scope")
        await hook(reader, receiver, "*")
        await client.made("companies", {"name": "Hidden"})
        await other.made("contacts", {"last_name": "Foreign"})
        await person(client, "After")
        (got,) = await receiver.have(1)
        assert got.event["data"]["last_name"] == "After"
        await asyncio.sleep(0.5)
        assert len(receiver.got) == 1


async def test_retries_keep_the_schedule(worker, client, owner):
    """Ten attempts over 75 hours and a half, each wait within a fifth of what the standard says."""
    async with receiving(answer=lambda _: (500, {}, b"x" * 2000)) as receiver:
        made = await hook(client, receiver)
        await person(client)
        for number, delay in enumerate(DELAYS, 1):
            await receiver.have(number)
            async for _ in patiently(0.02):
                left = await waits(owner, made)
                if left is not None and left > 0:
                    break
            assert delay * 0.8 - 1 <= left <= delay * 1.2, number
            await let_pass(owner, made, left)
        await receiver.have(10)
        (failed,) = await deliveries(client, made, 1, "failed")
        log = (await client.read(f"webhook-deliveries/{failed['id']}"))["log"]
        assert [entry["number"] for entry in log] == list(range(1, 11))
        assert {(entry["status"], entry["error"]) for entry in log} == {(500, "http_status")}
        assert len(log[0]["answer"]) == 1024
        assert len({got.id for got in receiver.got}) == 1
        assert [got.headers["crm-webhook-attempt"] for got in receiver.got] == [
            str(n) for n in range(1, 11)
        ]
        # Once more by hand, whatever came of it.
        receiver.answer = lambda _: 200
        again = await client.post(f"/v1/webhook-deliveries/{failed['id']}/redeliver")
        assert again.status_code == 202
        assert (await receiver.have(11))[10].id == receiver.got[0].id
        await deliveries(client, made, 1, "succeeded")


async def test_retry_after_counts_within_bounds(worker, client, owner):
    later = (datetime.now(UTC) + timedelta(days=3)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    for said, least, most in (("1", 58, 60), ("600", 595, 600), (later, 3590, 3600)):
        async with receiving(answer=lambda _, s=said: (503, {"Retry-After": s}, b"")) as receiver:
            made = await hook(client, receiver)
            await person(client)
            await receiver.have(1)
            await deliveries(client, made, 1, "pending")
            async for _ in patiently(0.02):
                left = await waits(owner, made)
                if left is not None and left > 0:
                    break
            assert least <= left <= most, said
            await client.delete(f"/v1/webhooks/{made['id']}")


async def test_gone_and_failing_endpoints_are_disabled(worker, client, owner):
    async with receiving() as watcher, receiving(answer=lambda _: 410) as gone:
        await hook(client, watcher, "webhook.*")
        made = await hook(client, gone)
        await person(client)
        async for _ in patiently():
            found = await client.read(f"webhooks/{made['id']}")
            if found["status"] == "disabled":
                break
        assert found["disabled_reason"] == "gone"
        await person(client, "Unsent")
        async with receiving(answer=lambda _: 500) as failing:
            made = await hook(client, failing)
            await person(client)
            for number, delay in enumerate(DELAYS, 1):
                await failing.have(number)
                await deliveries(client, made, 1, "pending")
                await asyncio.sleep(0.05)
                await let_pass(owner, made, delay * 1.2)
            await failing.have(10)
            await deliveries(client, made, 1, "failed")
            found = await client.read(f"webhooks/{made['id']}")
            assert found["status"] == "enabled"
            await let_pass(owner, made, 120 * 3600)
            await person(client, "Last straw")
            async for _ in patiently():
                found = await client.read(f"webhooks/{made['id']}")
                if found["status"] == "disabled":
                    break
            assert found["disabled_reason"] == "failing"
            assert len(gone.got) == 1
        told = [got.event["type"] for got in await watcher.have(6)]
        assert told.count("webhook.disabled") == 2
        assert told.count("webhook.failing") == 2


async def test_rotated_secrets_sign_side_by_side(worker, client, owner):
    async with receiving() as receiver:
        made = await hook(client, receiver)
        answer = await client.post(f"/v1/webhooks/{made['id']}/rotate-secret", json={})
        assert answer.headers["cache-control"] == "no-store"
        secret = answer.json()["secret"]
        await person(client)
        (got,) = await receiver.have(1)
        assert got.headers["webhook-signature"].count("v1,") == 2
        for one in (made["secret"], secret):
            Webhook(one).verify(got.body, got.headers)
        await client.post(
            f"/v1/webhooks/{made['id']}/rotate-secret", json={"grace_period_seconds": 0}
        )
        await person(client)
        last = (await receiver.have(2))[1]
        with pytest.raises(WebhookVerificationError):
            Webhook(made["secret"]).verify(last.body, last.headers)
        stored = await owner.fetchval(
            "SELECT secrets::text FROM webhooks WHERE id = $1", made["id"]
        )
        assert secret.removeprefix("whsec_") not in stored


async def test_examples_and_replays(worker, client, owner):
    async with receiving() as receiver:
        made = await hook(client, receiver, "contact.*", filter={"title": {"eq": "Boss"}})
        sent = await client.post(f"/v1/webhooks/{made['id']}/test", json={"type": "invoice.paid"})
        problem(sent, 422, "validation")
        sent = await client.post(
            f"/v1/webhooks/{made['id']}/test", json={"type": "contact.created"}
        )
        assert sent.status_code == 202, sent.text
        (example,) = await receiver.have(1)
        assert example.event["test"] is True
        Webhook(made["secret"]).verify(example.body, example.headers)
        await person(client, title="Boss")
        await person(client, title="Clerk")
        real = (await receiver.have(2))[1]
        # Switched off it misses one, which a replay sends.
        await client.changed(f"webhooks/{made['id']}", {"status": "disabled"})
        await person(client, "Missed", title="Boss")
        await settled(owner)
        await client.changed(f"webhooks/{made['id']}", {"status": "enabled"})
        since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
        asked = await client.post(f"/v1/webhooks/{made['id']}/replay", json={"since": since})
        job = await client.ended(asked.json()["job_id"])
        assert job["result"] == {"sent": 2}
        got = await receiver.have(4)
        assert [g.id for g in got].count(real.id) == 2
        assert (
            got[-1].event["data"]["last_name"] == "Missed"
            or got[-2].event["data"]["last_name"] == "Missed"
        )
        only = await client.post(
            f"/v1/webhooks/{made['id']}/replay", json={"since": since, "only": "failed"}
        )
        assert (await client.ended(only.json()["job_id"]))["result"] == {"sent": 0}
        early = {"since": "2020-01-01T00:00:00Z"}
        problem(await client.post(f"/v1/webhooks/{made['id']}/replay", json=early), 422)


async def test_records_keep_their_order_where_asked(worker, client, owner):
    """The second event of a record waits until the first was received, however long that takes."""
    async with receiving(answer=lambda _: 500) as receiver:
        made = await hook(client, receiver, in_order=True)
        contact = await person(client, "One")
        await receiver.have(1)
        await client.changed(f"contacts/{contact['id']}", {"last_name": "Two"})
        await person(client, "Free")
        got = await receiver.have(2)
        assert got[1].event["data"]["last_name"] == "Free"
        await asyncio.sleep(0.5)
        assert len(got) == 2
        receiver.answer = lambda _: 200
        await let_pass(owner, made, 30)
        told = [g.event for g in await receiver.have(5)]
        mine = [e["version"] for e in told if e["record_id"] == contact["id"]]
        assert mine == [1, 1, 2]


async def test_no_more_at_a_time_than_an_endpoint_bears(worker, client):
    async with receiving(delay_s=0.1) as receiver:
        await hook(client, receiver, concurrency=3, rate=100)
        await client.post(
            "/v1/contacts/bulk",
            json={"items": [{"last_name": f"P{n}"} for n in range(30)]},
        )
        await receiver.have(30)
        assert receiver.busiest == 3


async def test_long_bodies_go_without_their_values(worker, client):
    async with receiving() as receiver:
        await hook(client, receiver)
        await person(client, description="ä" * 20_000, custom={}, tags=["x" * 50 for _ in range(1)])
        (got,) = await receiver.have(1)
        assert json.loads(got.body)["data"]["description"] == "ä" * 20_000


async def test_bodies_above_64_kib_have_no_values(worker, client):
    async with receiving() as receiver:
        made = await hook(client, receiver)
        contact = await person(client, description="ä" * 20_000)
        notes = {"description": "é" * 20_000}
        await client.changed(f"contacts/{contact['id']}", notes)
        got = await receiver.have(2)
        for one in got:
            event = Webhook(made["secret"]).verify(one.body, one.headers)
            known = "data" in event
            assert len(one.body) <= 65_536
            assert known == (event["version"] == 1)
            assert event.get("truncated", False) != known
        second = next(one.event for one in got if one.event["version"] == 2)
        # What it was about is read by its id.
        assert "previous" not in second
        assert second["record_id"] == contact["id"]
