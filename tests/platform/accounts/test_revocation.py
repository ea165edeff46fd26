"""What has ended opens nothing a second later, in any process; what is good costs no look."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from crm_api.main import create_app
from crm_api.platform.identity import authenticator
from support.clients import Api, problem
from support.people import logged_in
from support.waiting import patiently


@asynccontextmanager
async def another_process(settings, **changed):
    """An application beside the first, on the same servers."""
    app = create_app(settings.model_copy(update=changed))
    async with app.router.lifespan_context(app):
        # Long enough to be subscribed.
        await asyncio.sleep(0.2)
        yield app


async def refused(api):
    async for _ in patiently(0.01):
        answer = await api.get("/v1/organization")
        if answer.status_code == 401:
            break


async def ended(client, person, key, what):
    if what == "key":
        await client.delete(f"/v1/api-keys/{key['id']}")
    elif what == "user":
        await client.post(f"/v1/users/{person.user_id}/suspend")
    else:
        await client.delete(f"/v1/users/{person.user_id}/sessions")


@pytest.mark.parametrize("what", ["key", "user", "sessions"])
async def test_other_processes_are_told(client, app, settings, person, monkeypatch, what):
    monkeypatch.setattr(authenticator, "REMEMBERED_S", 1000.0)
    key = await client.made("api-keys", {"name": "Example", "scopes": ["*"]})
    token = key["token"] if what == "key" else (await logged_in(app, person))["access_token"]
    async with another_process(settings) as other, Api(other, token) as api:
        assert (await api.get("/v1/organization")).status_code == 200
        await ended(client, person, key, what)
        await refused(api)


@pytest.mark.parametrize("what", ["key", "user", "sessions"])
async def test_without_redis_they_ask_again(client, app, settings, person, what):
    key = await client.made("api-keys", {"name": "Example", "scopes": ["*"]})
    token = key["token"] if what == "key" else (await logged_in(app, person))["access_token"]
    async with another_process(settings, redis_url=None) as deaf, Api(deaf, token) as api:
        assert (await api.get("/v1/organization")).status_code == 200
        await ended(client, person, key, what)
        await asyncio.sleep(authenticator.REMEMBERED_S)
        problem(await api.get("/v1/organization"), 401)


async def test_a_known_credential_asks_nothing(client, app, person, statements):
    authenticate = app.state.services.authenticator.authenticate
    tokens = await logged_in(app, person)
    for token in (client.token, tokens["access_token"]):
        # What was made last may still be told, and has everybody asked for again.
        for _ in range(20):
            await authenticate(f"Bearer {token}")
            async with statements() as seen:
                for _ in range(50):
                    await authenticate(f"Bearer {token}")
            if not seen:
                break
        assert len(seen) == 0


async def test_many_requests_ask_together(client, app, statements):
    auth = app.state.services.authenticator
    auth.forget()
    async with statements() as seen:
        actors = await asyncio.gather(
            *(auth.authenticate(f"Bearer {client.token}") for _ in range(50))
        )
    assert len(set(map(id, actors))) == 1
    assert len(seen) <= 1


async def test_what_ends_while_it_is_asked_is_not_remembered(client, app, settings):
    """A revocation between the look and the remembering must not be lost."""
    key = await client.made("api-keys", {"name": "Example", "scopes": ["*"]})
    auth = app.state.services.authenticator
    for _ in range(20):
        auth.forget()
        asking = asyncio.create_task(auth.authenticate(f"Bearer {key['token']}"))
        for _ in range(3):
            await asyncio.sleep(0)  # the question is on its way
        auth.forget()
        await asking
        assert not [a for _, a in auth._known.values() if str(a.id) == key["id"]]


async def test_signing_keys_change(client, app, person, settings, owner):
    signer = app.state.services.accounts.signer
    old = await logged_in(app, person)
    before = {key["kid"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]}
    made = await signer.rotate(revoke=False)
    listed = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert {key["kid"] for key in listed} == before | {made}
    assert all("d" not in key and key["alg"] == "ES256" for key in listed)
    # It signs once others have seen it.
    again = await logged_in(app, person)
    assert kid_of(again) == kid_of(old)
    await owner.execute(
        "UPDATE signing_keys SET created_at = created_at - interval '61 min' WHERE id = $1", made
    )
    signer._read_at = float("-inf")
    assert kid_of(await logged_in(app, person)) == made
    async with Api(app, old["access_token"]) as api:
        assert (await api.get("/v1/me")).status_code == 200
        last = await signer.rotate(revoke=True)
        app.state.services.authenticator.forget()
        problem(await api.get("/v1/me"), 401, "unknown_key")
    assert kid_of(await logged_in(app, person)) == last


async def test_signing_keys_grow_old(client, app, person, owner):
    signer = app.state.services.accounts.signer
    token = (await logged_in(app, person))["access_token"]
    await owner.execute("UPDATE signing_keys SET created_at = created_at - interval '91 days'")
    signer._read_at = float("-inf")
    keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert len(keys) == 2
    async with Api(app, token) as api:
        assert (await api.get("/v1/me")).status_code == 200


async def test_one_process_reads_what_another_has_made(client, app, settings, person):
    async with another_process(settings) as other:
        await other.state.services.accounts.signer.published()
        await app.state.services.accounts.signer.rotate(revoke=True)
        tokens = await logged_in(app, person)
        other.state.services.accounts.signer._read_at -= 2
        async with Api(other, tokens["access_token"]) as api:
            assert (await api.get("/v1/me")).status_code == 200


def kid_of(tokens):
    import json
    from base64 import urlsafe_b64decode

    head = tokens["access_token"].split(".")[0]
    return json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
