"""Where keys may be used, when they were, and how they are replaced."""

from datetime import datetime

import pytest

from support.clients import Api, pointers, problem
from support.members import custom_role, member


async def test_a_key_is_used_from_its_networks_alone(client, app):
    import httpx

    made = await client.made(
        "api-keys",
        {"name": "A", "scopes": ["*"], "allowed_addresses": ["192.0.2.7/24", "2001:db8::/32"]},
    )
    assert made["allowed_addresses"] == ["192.0.2.0/24", "2001:db8::/32"]
    for address, status in (
        ("192.0.2.200", 200),
        ("::ffff:192.0.2.1", 200),
        ("2001:db8::1", 200),
        ("192.0.3.1", 403),
        ("2001:db9::1", 403),
        ("testclient", 403),
    ):
        async with Api(app, made["token"]) as api:
            api._transport = httpx.ASGITransport(app=app, client=(address, 1))
            for _ in range(2):
                answer = await api.get("/v1/organization")
                assert answer.status_code == status, address
            if status == 403:
                problem(answer, 403, "address_not_allowed")
            answer = await api.post("/graphql", json={"query": "{ organization { name } }"})
            assert answer.status_code == status
    answer = await client.patch(f"/v1/api-keys/{made['id']}", json={"allowed_addresses": []})
    assert answer.status_code == 200, answer.text
    async with Api(app, made["token"]) as api:
        assert (await api.get("/v1/organization")).status_code == 200


@pytest.mark.parametrize("network", ["nowhere", "192.0.2.0/33", "192.0.2", "", "::/129"])
async def test_networks_that_are_none(client, network):
    body = {"name": "A", "scopes": ["*"], "allowed_addresses": [network]}
    answer = await client.post("/v1/api-keys", json=body)
    assert pointers(problem(answer, 422))[0].startswith("/allowed_addresses")


async def test_the_last_use_is_noted_by_the_dozen(client, app, statements):
    made = await client.made("api-keys", {"name": "A", "scopes": ["*"]})
    assert made["last_used_at"] is None
    auth = app.state.services.authenticator
    await auth.note_use()
    async with Api(app, made["token"]) as api:
        for _ in range(5):
            await api.get("/v1/organization")
    async with statements() as seen:
        await auth.note_use()
    assert len(seen) == 1
    read = await client.read(f"api-keys/{made['id']}")
    assert datetime.fromisoformat(read["last_used_at"])
    assert read["version"] == 1
    async with statements() as seen:
        await auth._database.ask("SELECT 1")
        auth._used.clear()
        await auth.note_use()
    assert len(seen) == 1


async def test_a_key_is_replaced_with_an_overlap(client, app):
    body = {"name": "A", "scopes": ["contacts:read"], "allowed_addresses": ["127.0.0.0/8"]}
    old = await client.made("api-keys", body)
    answer = await client.post(
        f"/v1/api-keys/{old['id']}/rotate", json={"grace_period_seconds": 3600}
    )
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["name"], new["scopes"]) == ("A", ["contacts:read"])
    assert new["allowed_addresses"] == ["127.0.0.0/8"]
    assert new["id"] != old["id"]
    assert answer.headers["location"] == f"/v1/api-keys/{new['id']}"
    for token in (old["token"], new["token"]):
        async with Api(app, token) as api:
            assert (await api.get("/v1/contacts")).status_code == 200
    assert (await client.read(f"api-keys/{old['id']}"))["expires_at"] is not None
    data = await client.data(
        "mutation ($id: UUID!) { rotateApiKey(id: $id, gracePeriodSeconds: 0) { id token } }",
        id=new["id"],
    )
    async with Api(app, new["token"]) as api:
        problem(await api.get("/v1/contacts"), 401, "expired_key")
    async with Api(app, data["rotateApiKey"]["token"]) as api:
        assert (await api.get("/v1/contacts")).status_code == 200


async def test_who_may_less_replaces_no_key(client, other, keyed):
    made = await client.made("api-keys", {"name": "A", "scopes": ["*"]})
    weak = await keyed("api_keys:write")
    path = f"/v1/api-keys/{made['id']}/rotate"
    problem(await weak.post(path, json={}), 403, "exceeds_maker")
    problem(await other.post(path, json={}), 404, "not_found")
    answer = await client.post(path, json={"grace_period_seconds": -1})
    assert pointers(problem(answer, 422)) == ["/grace_period_seconds"]


async def test_a_key_is_changed_by_who_could_have_made_it(client):
    body = {"name": "A", "scopes": ["*"], "allowed_addresses": ["192.0.2.0/24"]}
    wide = await client.made("api-keys", body)
    clerk = await member(client, await custom_role(client, permissions=["manage_keys"]))
    path = f"/v1/api-keys/{wide['id']}"
    answer = await clerk.api.patch(path, json={"allowed_addresses": []})
    problem(answer, 403, "exceeds_maker")
    document = """mutation ($id: UUID!) {
        updateApiKey(id: $id, input: {allowedAddresses: []}) { id } }"""
    found = await clerk.api.gql(document, id=wide["id"])
    assert found["errors"][0]["extensions"]["code"] == "exceeds_maker"
    assert (await client.read(f"api-keys/{wide['id']}"))["allowed_addresses"] == ["192.0.2.0/24"]
    own = await clerk.api.made("api-keys", {"name": "Own", "scopes": ["contacts:read"]})
    await clerk.api.changed(f"api-keys/{own['id']}", {"name": "Renamed"})
