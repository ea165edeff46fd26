"""Webhooks at both faces, and what is refused."""

from datetime import timedelta
from uuid import uuid4

import pytest

from crm_api.kit.jobs import forgetting
from crm_api.kit.outbound.addresses import Reach
from crm_api.platform.webhooks.queue import FORGET
from support.clients import pointers, problem

CREATE = """mutation($input: WebhookCreateInput!) { createWebhook(input: $input) {
    id url topics status headerNames secret } }"""
URL = "https://127.0.0.1:9/hook"


async def made(client, **more):
    return await client.made("webhooks", {"url": URL, "topics": ["contact.*"], **more})


async def test_everything_can_be_done_over_graphql(client):
    given = {"url": URL, "topics": ["contact.*"], "headers": {"X-Key": "one"}}
    shown = (await client.data(CREATE, input=given))["createWebhook"]
    assert shown["secret"].startswith("whsec_")
    assert shown["headerNames"] == ["x-key"]
    id = shown["id"]
    rotate = "mutation($id: UUID!) { rotateWebhookSecret(id: $id) }"
    rotated = (await client.data(rotate, id=id))["rotateWebhookSecret"]
    assert rotated.startswith("whsec_")
    assert rotated != shown["secret"]
    test = "mutation($id: UUID!) { testWebhook(id: $id) { id isTest status type } }"
    delivery = (await client.data(test, id=id))["testWebhook"]
    assert (delivery["isTest"], delivery["type"]) == (True, "contact.created")
    look = """query($id: UUID!, $delivery: UUID!) {
        webhookDeliveries(webhookId: $id) { data { id } nextCursor }
        webhookDelivery(id: $delivery) { id status log { number } }
        webhookHealth(id: $id) { waiting }
        eventTypes { type entity schema }
    }"""
    seen = await client.data(look, id=id, delivery=delivery["id"])
    assert [d["id"] for d in seen["webhookDeliveries"]["data"]] == [delivery["id"]]
    assert seen["webhookHealth"] == {"waiting": 1}
    rest = (await client.read("event-types"))["data"]
    assert [t["schema"] for t in seen["eventTypes"]] == [t["schema"] for t in rest]
    again = "mutation($id: UUID!) { redeliverWebhook(id: $id) { status } }"
    assert (await client.data(again, id=delivery["id"]))["redeliverWebhook"]["status"] == "pending"
    replay = "mutation($id: UUID!, $since: DateTime!) { replayWebhook(id: $id, since: $since) }"
    since = (await client.read("contacts"))["data"] or "2026-01-01T00:00:00Z"
    refused = await client.gql(replay, id=id, since=since)
    assert refused["errors"][0]["extensions"]["code"] == "validation"


async def test_secrets_are_shown_once(client, owner):
    hook = await made(client, headers={"Authorization": "Bearer hush"})
    assert "secret" not in await client.read(f"webhooks/{hook['id']}")
    row = await owner.fetchrow("SELECT * FROM webhooks WHERE id = $1", hook["id"])
    assert hook["secret"].removeprefix("whsec_") not in str(dict(row))
    assert "hush" not in str(dict(row))
    events = await client.told(hook["id"], 1)
    assert "hush" not in str(events)
    assert hook["secret"] not in str(events)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://example.com"}, "/url"),
        ({"url": "https://me@example.com"}, "/url"),
        ({"url": "http://127.1/"}, "/url"),
        ({"topics": ["contact.exploded"]}, "/topics/0"),
        ({"topics": ["contact.created", "nothing.*"]}, "/topics/1"),
        ({"topics": []}, "/topics"),
        ({"filter": {"nothing": 1}}, "/filter/nothing"),
        ({"filter": {"title": "x"}, "topics": ["contact.*", "company.*"]}, "/filter"),
        ({"filter": {"title": "x"}, "topics": ["*"]}, "/filter"),
        ({"headers": {"Host": "x"}}, "/headers"),
        ({"headers": {"Webhook-Id": "x"}}, "/headers"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "/headers/X-A"),
        ({"rate": 0}, "/rate"),
        ({"concurrency": 51}, "/concurrency"),
    ],
)
async def test_what_cannot_be_is_refused(client, body, pointer):
    answer = await client.post("/v1/webhooks", json={"url": URL, "topics": ["contact.*"], **body})
    assert pointers(problem(answer, 422))[0] == pointer


async def test_nobody_has_more_sent_than_they_see(client, keyed):
    """Whoever moves an endpoint elsewhere becomes the one whose eyes it has."""
    hook = await made(client)
    weak = await keyed("webhooks:write", "events:read", "companies:read")
    moved = await weak.patch(f"/v1/webhooks/{hook['id']}", json={"url": URL + "/mine"})
    problem(moved, 403, "insufficient_scope")
    moved = await weak.patch(
        f"/v1/webhooks/{hook['id']}", json={"url": URL + "/mine", "topics": ["company.*"]}
    )
    assert moved.status_code == 200, moved.text
    problem(await weak.post("/v1/webhooks", json={"url": URL, "topics": ["no_such.*"]}), 422)
    blind = await keyed("webhooks:write", "contacts:read")
    problem(await blind.post("/v1/webhooks", json={"url": URL, "topics": ["contact.*"]}), 403)


async def test_other_organizations_have_other_webhooks(client, other):
    hook = await made(client)
    test = await client.post(f"/v1/webhooks/{hook['id']}/test", json={})
    delivery = test.json()["id"]
    for method, path in (
        ("GET", f"webhooks/{hook['id']}/deliveries"),
        ("GET", f"webhooks/{hook['id']}/health"),
        ("POST", f"webhooks/{hook['id']}/test"),
        ("POST", f"webhooks/{hook['id']}/rotate-secret"),
        ("GET", f"webhook-deliveries/{delivery}"),
        ("POST", f"webhook-deliveries/{delivery}/redeliver"),
        ("GET", f"webhook-deliveries/{uuid4()}"),
    ):
        body = {"json": {}} if path.endswith(("test", "secret")) else {}
        problem(await other.request(method, f"/v1/{path}", **body), 404)


async def test_disabled_endpoints_send_nothing(client):
    hook = await made(client)
    delivery = (await client.post(f"/v1/webhooks/{hook['id']}/test", json={})).json()
    off = await client.changed(f"webhooks/{hook['id']}", {"status": "disabled"})
    assert off["disabled_reason"] == "switched_off"
    assert (await client.read(f"webhook-deliveries/{delivery['id']}"))["status"] == "cancelled"
    for verb in ("test", "replay"):
        body = {"since": "2026-11-25T00:00:00Z"} if verb == "replay" else {}
        answer = await client.post(f"/v1/webhooks/{hook['id']}/{verb}", json=body)
        problem(answer, 409, "webhook_disabled")
    again = await client.post(f"/v1/webhook-deliveries/{delivery['id']}/redeliver")
    problem(again, 409, "webhook_disabled")
    on = await client.changed(f"webhooks/{hook['id']}", {"status": "enabled"})
    assert on["disabled_reason"] is None


async def test_dry_runs_send_nothing(client, owner):
    hook = await made(client)
    tried = await client.post(
        f"/v1/webhooks/{hook['id']}/test", json={}, params={"dry_run": "true"}
    )
    assert tried.status_code == 202
    assert (await client.read(f"webhooks/{hook['id']}/deliveries"))["data"] == []


async def test_purged_endpoints_leave_nothing(client, owner):
    hook = await made(client)
    await client.post(f"/v1/webhooks/{hook['id']}/test", json={})
    purged = await client.delete(f"/v1/webhooks/{hook['id']}", params={"purge": "true"})
    assert purged.status_code == 204
    for table in ("webhook_deliveries", "webhook_states"):
        sql = f"SELECT count(*) FROM {table} WHERE webhook_id = $1"
        assert await owner.fetchval(sql, hook["id"]) == 0


async def test_the_log_is_kept_for_a_month(client, owner, database, tmp_path):
    hook = await made(client)
    ids = [
        (await client.post(f"/v1/webhooks/{hook['id']}/test", json={})).json()["id"]
        for _ in range(3)
    ]
    aged = (
        "UPDATE webhook_deliveries SET status = $2, created_at = now() - $3::interval WHERE id = $1"
    )
    for id, status, days in zip(ids, ("succeeded", "failed", "pending"), (31, 29, 31), strict=True):
        await owner.execute(aged, id, status, timedelta(days=days))
    await forgetting(FORGET)(database, tmp_path)
    page = await client.read(f"webhooks/{hook['id']}/deliveries")
    assert {delivery["id"] for delivery in page["data"]} == set(ids[1:])


CLOSED = [
    "http://169.254.169.254/latest/meta-data",
    "https://127.0.0.1/hook",
    "https://127.0.0.1:8443/hook",
    "https://[::1]/hook",
    "https://[::ffff:127.0.0.1]/hook",
    "https://[::ffff:a9fe:a9fe]/hook",
    "https://[64:ff9b::7f00:1]/hook",
    "https://10.1.2.3/hook",
    "https://0.0.0.0/hook",
    "https://8.8.8.8:22/hook",
    "https://hooks.example.com:6379/hook",
]


@pytest.mark.parametrize("url", CLOSED)
async def test_a_closed_address_is_refused_when_it_is_entered(client, monkeypatch, url):
    monkeypatch.setattr(client.app.state.services.database, "reach", Reach())
    body = {"url": "https://hooks.example.com/", "topics": ["contact.*"]}
    hook = await client.made("webhooks", body)
    for answer in (
        await client.post("/v1/webhooks", json={**body, "url": url}),
        await client.patch(f"/v1/webhooks/{hook['id']}", json={"url": url}),
    ):
        (found,) = problem(answer, 422)["errors"]
        assert (found["pointer"], found["code"]) == ("/url", "blocked_address")
    update = """mutation($id: UUID!, $input: WebhookUpdateInput!) {
        updateWebhook(id: $id, input: $input) { id } }"""
    for answer in (
        await client.gql(CREATE, input={**body, "url": url}),
        await client.gql(update, id=hook["id"], input={"url": url}),
    ):
        assert "blocked_address" in str(answer["errors"])
    assert (await client.read(f"webhooks/{hook['id']}"))["url"] == body["url"]


@pytest.mark.parametrize("url", ["https://8.8.8.8/hook", "https://localhost/", "http://a.example"])
async def test_what_a_name_leads_to_is_seen_when_it_is_sent_to(client, monkeypatch, url):
    monkeypatch.setattr(client.app.state.services.database, "reach", Reach())
    assert (await made(client, url=url))["status"] == "enabled"


async def test_named_networks_are_open(client, monkeypatch):
    monkeypatch.setattr(client.app.state.services.database, "reach", Reach(["10.1.0.0/16"]))
    assert (await made(client, url="https://10.1.2.3:9000/hook"))["status"] == "enabled"
    answer = await client.post(
        "/v1/webhooks", json={"url": "https://10.2.2.3/", "topics": ["contact.*"]}
    )
    assert pointers(problem(answer, 422)) == ["/url"]
