"""What the edge refuses, allows and says with every answer."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from conftest import settings_of
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.main import create_app
from crm_api.platform.quotas.repository import set_quotas
from support.clients import Api, problem


@pytest.fixture
async def limited(settings, servers, database):
    """Makes clients of applications with their own settings."""
    async with AsyncExitStack() as stack:

        async def make(org, **given):
            app = create_app(
                settings_of(settings.database_url, servers, redis_url=settings.redis_url, **given)
            )
            await stack.enter_async_context(app.router.lifespan_context(app))
            return await stack.enter_async_context(Api(app, org.token))

        yield make


async def test_answers_say_what_is_left_and_then_refuse(limited, org):
    # A point comes back every six seconds.
    client = await limited(org, rate_limit_key=10)
    for turn in range(10):
        answer = await client.get("/v1/contacts")
        assert answer.status_code == 200
        assert answer.headers["ratelimit-policy"] == '"key";q=10;w=60'
        assert answer.headers["ratelimit"].startswith(f'"key";r={9 - turn};t=')
    for answer in (
        await client.get("/v1/contacts"),
        await client.get("/v1/contacts?nonsense=1"),
        await client.post("/v1/contacts", json={"last_name": "Person"}),
    ):
        found = problem(answer, 429, "rate_limited")
        assert "10 points within 60 s of this key" in found["detail"]
        assert 1 <= int(answer.headers["retry-after"]) <= 6
        assert answer.headers["ratelimit"].startswith('"key";r=0')
    answer = await client.post("/graphql", json={"query": "{ contacts { totalCount } }"})
    assert (answer.status_code, 1 <= int(answer.headers["retry-after"]) <= 6) == (429, True)
    # Whoever has no credential is told so, and costs nobody anything.
    async with Api(client.app) as stranger:
        problem(await stranger.get("/v1/contacts"), 401)


async def test_what_is_more_work_costs_more(limited, org):
    client = await limited(org, rate_limit_key=1_000)
    rates, spent = client.app.state.services.rates, []
    admit = rates.admit

    async def counted(organization_id, credential_id, points=1):
        spent.append(points)
        return await admit(organization_id, credential_id, points)

    rates.admit = counted

    async def cost(path, body):
        spent.clear()
        answer = await client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        assert "errors" not in answer.json()
        return sum(spent)

    items = [{"last_name": f"Person {n}"} for n in range(100)]
    assert await cost("/v1/contacts/query", {"limit": 200}) == 1
    assert await cost("/v1/contacts/bulk", {"items": items}) == 11
    operations = [{"op": "create", "entity": "contact", "data": item} for item in items[:50]]
    assert await cost("/v1/batch", {"operations": operations}) == 6
    mutation = "mutation($i: [ContactCreateInput!]!) { createContacts(inputs: $i) { stored } }"
    variables = {"i": [{"lastName": "P"} for _ in range(80)]}
    assert await cost("/graphql", {"query": mutation, "variables": variables}) == 9
    assert await cost("/graphql", {"query": "{ contacts { nodes { id } } }"}) == 1
    dear = "{ contacts(first: 200) { nodes { name employments { nodes { id } } } } }"
    assert await cost("/graphql", {"query": dear}) > 20


async def test_an_organization_may_have_quotas_of_its_own(limited, org, other_org, settings):
    from crm_api.api.services import open_database

    database = open_database(settings, role=WORKER_ROLE)
    quotas = {"key_requests_per_minute": 5, "requests_per_minute": 8}
    await set_quotas(database, org.id, quotas)
    await database.close()
    client, other = (
        await limited(org, rate_limit_key=50),
        await limited(other_org, rate_limit_key=50),
    )
    answers = [await client.get("/v1/contacts") for _ in range(6)]
    assert [a.status_code for a in answers] == [200] * 5 + [429]
    policy = answers[0].headers["ratelimit-policy"]
    assert policy == '"key";q=5;w=60, "organization";q=8;w=60'
    assert [(await other.get("/v1/contacts")).status_code for _ in range(6)] == [200] * 6
    shown = await other.read("usage")
    assert [rate["name"] for rate in shown["rates"]] == ["key"]
    assert shown["users"] == {"limit": None, "used": 0}


async def test_users_are_no_more_than_the_quota(client, org, settings):
    from crm_api.api.services import open_database

    database = open_database(settings, role=WORKER_ROLE)
    await set_quotas(database, org.id, {"users": 3})
    await database.close()

    async def invite(turn):
        body = {"email": f"member-{turn}@example.com", "name": "Sample Member"}
        return await client.post("/v1/users", json=body)

    answers = await asyncio.gather(*(invite(turn) for turn in range(12)))
    assert sorted(a.status_code for a in answers) == [201] * 3 + [409] * 9
    refused = next(a for a in answers if a.status_code == 409)
    found = problem(refused, 409, "quota_exceeded")
    assert (found["quota"], found["limit"]) == ("users", 3)
    assert (await client.read("usage"))["users"] == {"limit": 3, "used": 3}
    made = next(a.json() for a in answers if a.status_code == 201)
    path = f"/v1/users/{made['id']}"
    assert (await client.delete(path)).status_code == 204
    assert (await invite(50)).status_code == 201
    problem(await client.post(f"{path}/restore"), 409, "quota_exceeded")
    items = [{"email": f"bulk-{n}@example.com", "name": "Sample"} for n in range(2)]
    answer = await client.post("/v1/users/bulk", json={"items": items})
    assert answer.json()["errors"][0]["code"] == "quota_exceeded"
    document = "{ usage { users { limit used } rates { left } } }"
    shown = (await client.data(document))["usage"]
    assert shown == {"users": {"limit": 3, "used": 3}, "rates": []}


async def test_files_are_no_more_than_the_quota(client, org, worker_settings):
    from crm_api.api.services import open_database

    database = open_database(worker_settings, role=WORKER_ROLE)
    content = b"last_name\n" + b"Person\n" * 20
    await set_quotas(database, org.id, {"file_bytes": 3 * len(content) + 5})
    await database.close()

    async def upload():
        file = {"file": ("people.csv", content, "text/csv")}
        return await client.post("/v1/imports", data={"entity": "contact"}, files=file)

    answers = await asyncio.gather(*(upload() for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [201] * 3 + [409] * 3, answers[0].text
    found = problem(next(a for a in answers if a.status_code == 409), 409, "quota_exceeded")
    assert (found["quota"], found["limit"]) == ("file_bytes", 3 * len(content) + 5)
    used = (await client.read("usage"))["file_bytes"]
    assert used == {"limit": 3 * len(content) + 5, "used": 3 * len(content)}
    made = next(a.json() for a in answers if a.status_code == 201)
    assert (await client.delete(f"/v1/imports/{made['id']}")).status_code == 204
    assert (await upload()).status_code == 201


async def test_an_export_beyond_the_quota_fails(client, org, worker, worker_settings):
    from crm_api.api.services import open_database

    database = open_database(worker_settings, role=WORKER_ROLE)
    await set_quotas(database, org.id, {"file_bytes": 10})
    await database.close()
    await client.made("contacts", {"last_name": "Person"})
    answer = await client.post("/v1/contacts/export", json={"format": "csv"})
    job = await client.ended(answer.json()["job_id"], "failed")
    assert job["error"]["code"] == "quota_exceeded"
    assert (await client.read("usage"))["file_bytes"]["used"] == 0


async def test_the_application_cannot_change_quotas(database, org):
    with pytest.raises(Exception, match="permission denied"):
        await set_quotas(database, org.id, {"users": 99})


async def test_every_answer_has_headers_for_browsers(client, app):
    async with Api(app) as stranger:
        answers = [
            await client.get("/v1/contacts"),
            await stranger.get("/v1/contacts"),
            await client.get("/v1/nowhere"),
            await client.post("/v1/contacts", content=b"{"),
            await client.get("/healthz"),
        ]
        pages = [await stranger.get("/docs")]
        pages.append(await stranger.get("/graphql", headers={"Accept": "text/html"}))
        secure = await stranger.get("https://crm.test/healthz")
    for answer in answers + pages:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "strict-transport-security" not in answer.headers
        csp = answer.headers.get("content-security-policy")
        assert csp == (None if answer in pages else "default-src 'none'; frame-ancestors 'none'")
    assert secure.headers["strict-transport-security"].startswith("max-age=31536000")


async def test_an_answer_that_does_not_come_is_a_503(limited, org, owner):
    client = await limited(org, request_timeout_s=0.3)
    row = await client.made("contacts", {"last_name": "Person"})
    async with owner.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM contacts WHERE id = $1 FOR UPDATE", row["id"])
        answer = await client.patch(f"/v1/contacts/{row['id']}", json={"title": "Late"})
        problem(answer, 503, "timeout")
        assert answer.headers["retry-after"] == "5"
    # Nothing was done, and the connection is good again.
    assert (await client.read(f"contacts/{row['id']}"))["version"] == 1
    assert (await client.changed(f"contacts/{row['id']}", {"title": "Now"}))["version"] == 2
