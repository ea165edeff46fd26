"""Whose deliveries are claimed, however many endpoints cannot go on."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from crm_api.api.services import open_database
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.ids import new_id
from crm_api.platform.webhooks.queue import FREE, Attempt, DeliveryQueue
from crm_api.platform.webhooks.repository import Deliveries
from crm_api.platform.webhooks.schedule import DELAYS_S, delay_of
from crm_api.platform.webhooks.service import WebhookService
from support.clients import tx_of
from support.waiting import patiently

MANY = 120
"""More than twice what has its turn at once."""
_COPIES = """
    INSERT INTO webhooks SELECT (jsonb_populate_record(w, jsonb_build_object('id', copy.id))).*
    FROM webhooks w, unnest($2::uuid[]) AS copy (id) WHERE w.id = $1
"""
_STATES = """
    INSERT INTO webhook_states (organization_id, webhook_id)
    SELECT organization_id, id FROM webhooks WHERE id = ANY($1)
"""
_DELIVERY = """
    INSERT INTO webhook_deliveries (organization_id, id, webhook_id, event_id, type, record_id,
        is_test, status, attempts, tries, run_at, lease_until, created_at)
    SELECT w.organization_id, given.id, w.id, gen_random_uuid(), 'contact.created', $2, false, $3, 0,
        0, now() + make_interval(secs => $4), now() + interval '1 hour', now()
    FROM unnest($1::uuid[], $5::uuid[]) given (webhook_id, id) JOIN webhooks w
        ON w.id = given.webhook_id
"""


@pytest.fixture
async def queue(own_database):
    """The deliveries of a database of its own, so that no worker takes any."""
    shared = open_database(own_database.app.state.services.settings, WORKER_ROLE)
    yield DeliveryQueue(shared)
    await shared.close()


async def endpoints(world, org, count, **more):
    """The ids of so many endpoints of an organization."""
    client = await world.client(org)
    body = {"url": "http://127.0.0.1:9/hook", "topics": ["contact.*"], **more}
    first = await client.made("webhooks", body)
    ids = [new_id() for _ in range(count - 1)]
    await world.owner.execute(_COPIES, first["id"], ids)
    await world.owner.execute(_STATES, ids)
    return [first["id"], *ids]


async def deliver(world, ids, record, status="pending", in_s=-1.0):
    """A delivery about a record for each of these endpoints."""
    own = [new_id() for _ in ids]
    await world.owner.execute(_DELIVERY, ids, record, status, in_s, own)


async def behind_a_head(world, ids):
    """Each has sent something of a record, tries that again in an hour, and has the next ready."""
    record = new_id()
    await deliver(world, ids, record, in_s=3_600.0)
    await deliver(world, ids, record)


async def out_of_rate(world, ids):
    """Each has sent all that it may for a while."""
    await world.owner.execute(
        "UPDATE webhook_states SET free_from = now() + interval '1 hour' WHERE webhook_id = ANY($1)",
        ids,
    )
    await deliver(world, ids, new_id())


async def at_its_most(world, ids):
    """Each is sending all that it may at a time."""
    await deliver(world, ids, new_id(), status="sending")
    await deliver(world, ids, new_id())


@pytest.mark.parametrize("stuck", [behind_a_head, out_of_rate, at_its_most])
async def test_endpoints_that_cannot_go_on_keep_nobody_waiting(own_database, queue, stuck):
    loud, quiet = [await own_database.org() for _ in range(2)]
    ids = await endpoints(own_database, loud, MANY, in_order=True, concurrency=1)
    await stuck(own_database, ids)
    assert await queue.claim(100) == []
    (other,) = await endpoints(own_database, quiet, 1)
    (own,) = await endpoints(own_database, loud, 1)
    # Longest ago those had their turn that are stuck.
    await own_database.owner.execute(
        "UPDATE webhook_states SET served_at = now() WHERE webhook_id = ANY($1)", [other, own]
    )
    await deliver(own_database, [other, own], new_id())
    assert [str(one.webhook_id) for one in await queue.claim(100)] == [other]
    if stuck is at_its_most:
        return  # so is their organization
    # Of their own organization the others come round, too.
    claimed = [one for _ in range(MANY // 50 + 1) for one in await queue.claim(100)]
    assert [str(one.webhook_id) for one in claimed] == [own]


async def test_workers_keep_to_the_most_of_an_organization_together(own_database, queue):
    loud, quiet = [await own_database.org() for _ in range(2)]
    await deliver(own_database, await endpoints(own_database, loud, MANY), new_id())
    (other,) = await endpoints(own_database, quiet, 1)
    async with own_database.owner.acquire() as holding, holding.transaction():
        # Whoever claims waits at its first delivery.
        await holding.execute("SELECT FROM webhook_deliveries FOR UPDATE")
        first = asyncio.create_task(queue.claim(100))
        await asyncio.sleep(0.15)
        await deliver(own_database, [other], new_id())
        # Another one goes on with others, and where there are none waits.
        assert [str(one.webhook_id) for one in await queue.claim(100)] == [other]
        second = asyncio.create_task(queue.claim(100))
        await asyncio.sleep(0.15)
        assert not second.done()
    assert (len(await first), len(await second)) == (50, 0)
    assert await queue.claim(100) == []


def attempt(claimed, outcome="pending", **more):
    """What came of an attempt: no answer, if nothing else is said."""
    given = {"error": "http_status", "status": 500, "delay_s": 5.0} | more
    return Attempt(claimed, outcome, claimed.at, 1, **given)


async def statuses(world, id):
    """How the deliveries of an endpoint stand, oldest first."""
    rows = await world.owner.fetch(
        "SELECT status FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY seq", id
    )
    return [row["status"] for row in rows]


async def test_what_is_being_sent_by_a_disabled_endpoint_is_not_tried_again(own_database, queue):
    org = await own_database.org()
    client = await own_database.client(org)
    (id,) = await endpoints(own_database, org, 1, concurrency=5)
    for _ in range(4):
        await deliver(own_database, [id], new_id())
    first, second, third = sorted((await queue.claim(3)), key=lambda one: one.id)
    await client.changed(f"webhooks/{id}", {"status": "disabled"})
    await queue.finish([attempt(first), attempt(second, "succeeded", status=204, error=None)])
    await own_database.owner.execute(
        "UPDATE webhook_deliveries SET lease_until = now() - interval '1 hour' WHERE id = $1",
        third.id,
    )
    await queue.sweep()
    assert await statuses(own_database, id) == ["cancelled", "succeeded", "cancelled", "cancelled"]
    await client.changed(f"webhooks/{id}", {"status": "enabled"})
    assert await queue.claim(10) == []


async def test_nothing_is_taken_up_for_an_endpoint_that_is_being_disabled(own_database):
    """Whoever reads the feed for it may have seen it enabled, and adds what it found later."""
    org = await own_database.org()
    client = await own_database.client(org)
    (id,) = await endpoints(own_database, org, 1)
    await client.made("contacts", {"last_name": "Lovelace"})
    async with unit_of_work(tx_of(own_database.database, org)) as tx:
        service = WebhookService(tx)
        # The horizon of the feed stands until the transactions of others have ended.
        async for _ in patiently():
            if found := [one.id for one in await service.records.behind(1, [])]:
                break
        assert found == [UUID(id)]
        assert (await service.records.get(UUID(id))).status == "enabled"
        off = asyncio.create_task(client.changed(f"webhooks/{id}", {"status": "disabled"}))
        await asyncio.sleep(0.3)
        row = {"id": new_id(), "type": "contact.created", "record_id": new_id()}
        await Deliveries(tx).add([(UUID(id), row)])
    await off
    assert await statuses(own_database, id) == ["cancelled"]


async def test_what_was_never_sent_is_not_counted_against_an_endpoint(own_database, queue):
    org = await own_database.org()
    (id,) = await endpoints(own_database, org, 1, concurrency=8)
    for _ in range(8):
        await deliver(own_database, [id], new_id())
    claimed = await queue.claim(8)
    causes = ["event_gone", "not_made", "unreadable_secret"] * 2
    unsent = [
        attempt(one, "failed", status=None, error=cause)
        for one, cause in zip(claimed, causes, strict=False)
    ]
    assert await queue.finish(unsent) == []
    known = "SELECT failures, stumbles, failing_since FROM webhook_states WHERE webhook_id = $1"
    assert tuple(await own_database.owner.fetchrow(known, id)) == (0, 0, None)
    tallied = "SELECT coalesce(sum(failed), 0) FROM webhook_tallies WHERE webhook_id = $1"
    assert await own_database.owner.fetchval(tallied, id) == 0
    (trouble,) = await queue.finish([attempt(claimed[6], status=None, error="timeout")])
    assert trouble.failures == 1
    assert await own_database.owner.fetchval(tallied, id) == 1


async def test_a_delivery_that_kills_its_workers_comes_to_its_end(own_database, queue):
    org = await own_database.org()
    (id,) = await endpoints(own_database, org, 1)
    await deliver(own_database, [id], new_id())
    owner, waits = own_database.owner, []
    while True:
        await owner.execute("UPDATE webhook_deliveries SET run_at = now()")
        await owner.execute("UPDATE webhook_states SET free_from = '-infinity'")
        if not await queue.claim(1):
            break
        await owner.execute("UPDATE webhook_deliveries SET lease_until = now() - interval '1 hour'")
        await queue.sweep()
        (wait,) = await owner.fetchrow(
            "SELECT extract(epoch FROM run_at - now())::float8 FROM webhook_deliveries"
        )
        waits.append(round(max(wait, 0.0) / 5) * 5)
    # Some deaths are free, further ones count as failures do.
    assert waits == [0] * FREE + [round(wait) for wait in DELAYS_S] + [0]
    assert await statuses(own_database, id) == ["failed"]
    client = await own_database.client(org)
    (sent,) = (await client.read(f"webhooks/{id}/deliveries"))["data"]
    assert (sent["last_error"], sent["attempts"]) == ("interrupted", len(waits))
    assert sent["finished_at"] is not None


@pytest.mark.parametrize(
    "said",
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2029 00:00:00 +99999999999999",
        "soon",
    ],
)
def test_a_time_that_there_is_not_is_nobodys_wish(said):
    now = datetime.now(UTC)
    assert 4 <= delay_of(1, retry_after=said, now=now) <= 6
