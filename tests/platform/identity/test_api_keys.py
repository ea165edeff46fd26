"""Keys: shown once, never stronger than their maker, useless when expired or deleted."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from support.clients import Api, pointers, problem


async def test_token_is_shown_once_and_stored_as_a_hash(client, owner, org):
    made = await client.made("api-keys", {"name": "Example", "scopes": ["contacts:read"]})
    assert made["token"].startswith(f"crm_{made['prefix']}_")
    secret = made["token"].rpartition("_")[2]
    assert "token" not in await client.read(f"api-keys/{made['id']}")
    tables = ("api_keys", "events", "record_keys", "search_documents")
    for table in tables:
        text = f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t WHERE organization_id = $1"
        assert secret not in await owner.fetchval(text, org.id)


async def test_key_opens_until_it_is_deleted(client, app):
    made = await client.made("api-keys", {"name": "Example", "scopes": ["*"]})
    async with Api(app, made["token"]) as api:
        assert (await api.get("/v1/organization")).status_code == 200
        await client.delete(f"/v1/api-keys/{made['id']}")
        app.state.services.authenticator.forget()
        problem(await api.get("/v1/organization"), 401, "invalid_key")
        await client.post(f"/v1/api-keys/{made['id']}/restore")
        assert (await api.get("/v1/organization")).status_code == 200


async def test_expired_key_opens_nothing(client, app):
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    made = await client.made("api-keys", {"name": "E", "scopes": ["*"], "expires_at": past})
    async with Api(app, made["token"]) as api:
        problem(await api.get("/v1/organization"), 401, "expired_key")


async def test_key_that_expires_soon_is_not_remembered_longer(client, app):
    soon = (datetime.now(UTC) + timedelta(milliseconds=400)).isoformat()
    made = await client.made("api-keys", {"name": "E", "scopes": ["*"], "expires_at": soon})
    async with Api(app, made["token"]) as api:
        assert (await api.get("/v1/organization")).status_code == 200
        app.state.services.authenticator.forget()
        await asyncio.sleep(0.5)
        problem(await api.get("/v1/organization"), 401, "expired_key")


@pytest.mark.parametrize("scope", ["*", "contacts:write", "contacts:*", "*:read", "companies:read"])
async def test_key_never_holds_more_than_its_maker(keyed, scope):
    maker = await keyed("api_keys:write", "contacts:read")
    body = {"name": "Example", "scopes": ["contacts:read", scope]}
    found = problem(await maker.post("/v1/api-keys", json=body), 403, "exceeds_maker")
    assert pointers(found) == ["/scopes/1"]
    await maker.made("api-keys", {"name": "Example", "scopes": ["contacts:read"]})


async def test_scopes_cannot_be_changed_later(client):
    made = await client.made("api-keys", {"name": "Example", "scopes": ["contacts:read"]})
    answer = await client.patch(f"/v1/api-keys/{made['id']}", json={"scopes": ["*"]})
    problem(answer, 422, "validation")


@pytest.mark.parametrize(
    "scopes", [[], ["nonsense"], ["Contacts:read"], ["a:b:c"], [""], "*", None]
)
async def test_scopes_are_well_formed(client, scopes):
    answer = await client.post("/v1/api-keys", json={"name": "Example", "scopes": scopes})
    assert pointers(problem(answer, 422))[0].startswith("/scopes")


async def test_secret_of_another_key_does_not_fit(client, app):
    first = await client.made("api-keys", {"name": "E", "scopes": ["*"]})
    second = await client.made("api-keys", {"name": "E", "scopes": ["*"]})
    mixed = f"crm_{first['prefix']}_{second['token'].rpartition('_')[2]}"
    async with Api(app, mixed) as api:
        problem(await api.get("/v1/organization"), 401, "invalid_key")


async def test_scheme_is_read_in_any_case(app, org):
    async with Api(app) as api:
        for scheme in ("bearer", "BEARER", "Bearer"):
            headers = {"Authorization": f"{scheme} {org.token}"}
            assert (await api.get("/v1/organization", headers=headers)).status_code == 200
