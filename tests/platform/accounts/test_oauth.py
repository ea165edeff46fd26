"""OAuth: apps in the names of users and for themselves, and every way to be refused."""

import asyncio
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from support.apps import (
    BACK,
    CHALLENGE,
    asked,
    by_code,
    code_of,
    made_app,
    refused,
    token,
)
from support.clients import Api, pointers, problem
from support.people import joined


async def test_an_app_works_in_the_name_of_a_user(client, anonymous, app, as_person, person):
    registered = await made_app(client)
    user = await as_person(person)
    answer = await token(anonymous, registered, **by_code(await code_of(user, registered)))
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", "contacts:write")
    async with Api(app, tokens["access_token"]) as api:
        made = await api.made("contacts", {"last_name": "Example"})
        assert made["created_by"] == person.user_id
        problem(await api.get("/v1/companies"), 403, "insufficient_scope")
        for method, path, body in (
            ("POST", "/v1/me/totp", {"password": person.password}),
            ("DELETE", "/v1/me/sessions", None),
            ("POST", "/v1/oauth/consents", asked(registered)),
            ("POST", "/v1/auth/switch", {"organization_id": person.organization_id}),
        ):
            problem(await api.request(method, path, json=body), 403, "not_for_apps")
    listed = (await user.get("/v1/me/sessions")).json()
    assert registered["id"] in {session["client_id"] for session in listed}
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    again = await token(anonymous, registered, **form)
    assert again.status_code == 200, again.text
    body = {"refresh_token": again.json()["refresh_token"]}
    problem(await anonymous.post("/v1/auth/refresh", json=body), 401, "invalid_refresh_token")


async def test_a_public_app_needs_no_secret(client, anonymous, as_person, person):
    public = await made_app(client, is_confidential=False)
    assert public["client_secret"] is None
    code = await code_of(await as_person(person), public)
    answer = await token(anonymous, public, auth=False, **by_code(code))
    assert answer.status_code == 200, answer.text
    form = {"grant_type": "client_credentials"}
    refused(await token(anonymous, public, auth=False, **form), "unauthorized_client")
    form = {"token": answer.json()["access_token"], "client_id": public["id"]}
    refused(await anonymous.post("/oauth/introspect", data=form), "unauthorized_client")


async def test_a_code_shown_again_ends_what_came_of_it(client, anonymous, app, as_person, person):
    registered = await made_app(client)
    code = await code_of(await as_person(person), registered)
    tokens = (await token(anonymous, registered, **by_code(code))).json()
    refused(await token(anonymous, registered, **by_code(code)), "invalid_grant")
    app.state.services.authenticator.forget()
    async with Api(app, tokens["access_token"]) as api:
        problem(await api.get("/v1/contacts"), 401, "session_ended")


async def test_a_code_opens_once_however_many_try(client, anonymous, as_person, person):
    registered = await made_app(client)
    code = await code_of(await as_person(person), registered)
    answers = await asyncio.gather(
        *(token(anonymous, registered, **by_code(code)) for _ in range(5))
    )
    assert [answer.status_code for answer in answers].count(200) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"code_verifier": "another-verifier-of-enough-letters-01234567"},
        {"code_verifier": CHALLENGE},
        {"code_verifier": "short"},
        {"redirect_uri": BACK + "&more=1"},
        {"redirect_uri": "https://app.example.com/callback"},
        {"code": "crm_code_" + "A" * 43 + "_" + "b" * 43},
        {"code": "nonsense"},
    ],
)
async def test_exchanges_that_are_refused(client, anonymous, as_person, person, more):
    registered = await made_app(client)
    code = await code_of(await as_person(person), registered)
    refused(await token(anonymous, registered, **by_code(code, **more)), "invalid_grant")
    assert (await token(anonymous, registered, **by_code(code))).status_code == 200


@pytest.mark.parametrize("missing", ["code", "redirect_uri", "code_verifier"])
async def test_exchanges_that_lack_something(client, anonymous, as_person, person, missing):
    registered = await made_app(client)
    form = by_code(await code_of(await as_person(person), registered))
    del form[missing]
    refused(await token(anonymous, registered, **form), "invalid_request")


async def test_a_code_expires_and_is_for_one_app(
    client, other, anonymous, as_person, person, owner
):
    registered, second = await made_app(client), await made_app(client)
    foreign = await made_app(other)
    user = await as_person(person)
    code = await code_of(user, registered)
    for stranger in (second, foreign):
        refused(await token(anonymous, stranger, **by_code(code)), "invalid_grant")
    past = "UPDATE authorization_codes SET expires_at = now() WHERE app_id = $1"
    await owner.execute(past, registered["id"])
    refused(await token(anonymous, registered, **by_code(code)), "invalid_grant")
    problem(await user.post("/v1/oauth/consents", json=asked(foreign)), 404, "not_found")


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"redirect_uri": "https://app.example.com/callback"}, "/redirect_uri"),
        ({"redirect_uri": BACK.upper()}, "/redirect_uri"),
        ({"code_challenge_method": "plain"}, "/code_challenge_method"),
        ({"code_challenge": "short"}, "/code_challenge"),
        ({"response_type": "token"}, "/response_type"),
        ({"scope": "companies:read"}, "/scope"),
        ({"scope": "contacts:read '; --"}, "/scope"),
        ({"client_id": "x"}, "/client_id"),
    ],
)
async def test_consents_that_are_refused(client, as_person, person, more, pointer):
    registered = await made_app(client)
    user = await as_person(person)
    answer = await user.post("/v1/oauth/consents", json=asked(registered, **more))
    assert pointers(problem(answer, 422)) == [pointer]


async def test_pkce_is_not_left_out(client, as_person, person):
    body = asked(await made_app(client))
    del body["code_challenge"]
    answer = await (await as_person(person)).post("/v1/oauth/consents", json=body)
    assert pointers(problem(answer, 422)) == ["/code_challenge"]


async def test_less_may_be_asked_for(client, anonymous, as_person, person):
    registered = await made_app(client)
    user = await as_person(person)
    dry = await user.post(
        "/v1/oauth/consents",
        json=asked(registered, scope="contacts:read"),
        params={"dry_run": "true"},
    )
    assert (dry.json()["app_name"], dry.json()["scopes"]) == ("Sample app", ["contacts:read"])
    code = parse_qs(urlsplit(dry.json()["redirect_to"]).query)["code"][0]
    refused(await token(anonymous, registered, **by_code(code)), "invalid_grant")
    code = await code_of(user, registered, scope="contacts:read")
    assert (await token(anonymous, registered, **by_code(code))).json()["scope"] == "contacts:read"


async def test_an_app_works_for_itself(client, anonymous, app, org):
    registered = await made_app(client, scopes=["companies:*"])
    answer = await token(anonymous, registered, grant_type="client_credentials")
    assert answer.status_code == 200, answer.text
    assert "refresh_token" not in answer.json() or answer.json()["refresh_token"] is None
    async with Api(app, answer.json()["access_token"]) as api:
        made = await api.made("companies", {"name": "Example"})
        assert made["created_by"] == registered["id"]
        me = await api.read("me")
        assert (me["kind"], me["id"], me["organization_id"]) == (
            "app",
            registered["id"],
            str(org.id),
        )
        problem(await api.get("/v1/contacts"), 403, "insufficient_scope")
        problem(await api.get("/v1/me/sessions"), 403, "no_person")
        (event,) = await client.told(made["id"], 1)
        assert event["actor"] == {"kind": "app", "id": registered["id"]}
        await client.changed(f"apps/{registered['id']}", {"scopes": ["companies:read"]})
        problem(await api.get("/v1/companies"), 401, "app_not_active")
    narrow = await token(
        anonymous, registered, grant_type="client_credentials", scope="companies:read"
    )
    async with Api(app, narrow.json()["access_token"]) as api:
        assert (await api.get("/v1/companies")).status_code == 200
        await client.delete(f"/v1/apps/{registered['id']}")
        problem(await api.get("/v1/companies"), 401, "app_not_active")
    refused(
        await token(anonymous, registered, grant_type="client_credentials"), "invalid_client", 401
    )


async def test_scopes_of_apps_are_bounded(client, anonymous, keyed):
    registered = await made_app(client)
    form = {"grant_type": "client_credentials", "scope": "contacts:write companies:read"}
    refused(await token(anonymous, registered, **form), "invalid_scope")
    weak = await keyed("apps:write", "contacts:read")
    answer = await weak.post("/v1/apps", json={"name": "A", "scopes": ["contacts:*"]})
    assert pointers(problem(answer, 403, "exceeds_maker")) == ["/scopes/0"]
    path = f"/v1/apps/{registered['id']}"
    problem(await weak.patch(path, json={"scopes": ["*"]}), 403, "exceeds_maker")
    problem(await weak.post(f"{path}/rotate-secret"), 403, "exceeds_maker")


async def test_with_other_scopes_users_are_asked_anew(client, anonymous, app, as_person, person):
    registered = await made_app(client)
    code = await code_of(await as_person(person), registered)
    tokens = (await token(anonymous, registered, **by_code(code))).json()
    await client.changed(f"apps/{registered['id']}", {"scopes": ["contacts:read"]})
    async with Api(app, tokens["access_token"]) as api:
        problem(await api.get("/v1/contacts"), 401, "session_ended")


async def test_secrets_are_rotated_and_not_stored(client, anonymous, owner):
    registered = await made_app(client)
    answer = await client.post(f"/v1/apps/{registered['id']}/rotate-secret")
    new = {**registered, "client_secret": answer.json()["client_secret"]}
    form = {"grant_type": "client_credentials"}
    refused(await token(anonymous, registered, **form), "invalid_client", 401)
    assert (await token(anonymous, new, **form)).status_code == 200
    data = await client.data(
        "mutation ($id: UUID!) { rotateAppSecret(id: $id) }", id=registered["id"]
    )
    assert len(data["rotateAppSecret"]) == 43
    for table in ("apps", "events", "authorization_codes"):
        text = await owner.fetchval(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t")
        assert new["client_secret"] not in text


@pytest.mark.parametrize(
    ("auth", "form", "error", "status"),
    [
        (None, {"grant_type": "client_credentials"}, "invalid_request", 400),
        (("x", "y"), {"grant_type": "client_credentials"}, "invalid_client", 401),
        ((str(uuid4()), "y"), {"grant_type": "client_credentials"}, "invalid_client", 401),
        (None, {"client_id": str(uuid4())}, "invalid_client", 400),
    ],
)
async def test_unknown_apps(anonymous, auth, form, error, status):
    answer = await anonymous.post("/oauth/token", data=form, auth=auth)
    refused(answer, error, status)
    assert ("www-authenticate" in answer.headers) is (status == 401)


async def test_forms_that_are_refused(client, anonymous):
    registered = await made_app(client)
    refused(await token(anonymous, registered, grant_type="password"), "unsupported_grant_type")
    refused(await token(anonymous, registered, grant_type=""), "unsupported_grant_type")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"grant_type=a&grant_type=b", b"a=%ff", b"&".join([b"a=1"] * 100), b"a=%00"):
        answer = await anonymous.post("/oauth/token", content=body, headers=headers)
        refused(answer, "invalid_request")
    problem(await anonymous.post("/oauth/token", json={}), 415)
    basic = {"Authorization": "Basic !!!", **headers}
    answer = await anonymous.post("/oauth/token", content=b"a=1", headers=basic)
    refused(answer, "invalid_client", 401)
    both = {"client_secret": registered["client_secret"], "grant_type": "client_credentials"}
    refused(await token(anonymous, registered, **both), "invalid_request")


async def test_tokens_are_revoked(client, anonymous, app, as_person, person):
    registered, stranger = await made_app(client), await made_app(client)
    user = await as_person(person)
    for kind in ("access_token", "refresh_token"):
        code = await code_of(user, registered)
        tokens = (await token(anonymous, registered, **by_code(code))).json()
        form = {"token": tokens[kind]}
        auth = (stranger["id"], stranger["client_secret"])
        assert (await anonymous.post("/oauth/revoke", data=form, auth=auth)).status_code == 200
        async with Api(app, tokens["access_token"]) as api:
            assert (await api.get("/v1/contacts")).status_code == 200
            auth = (registered["id"], registered["client_secret"])
            for _ in range(2):
                answer = await anonymous.post("/oauth/revoke", data=form, auth=auth)
                assert answer.status_code == 200
            app.state.services.authenticator.forget()
            problem(await api.get("/v1/contacts"), 401, "session_ended")
    answer = await anonymous.post("/oauth/revoke", data={"token": "nonsense"}, auth=auth)
    assert answer.status_code == 200


async def test_tokens_are_looked_into(client, other, anonymous, as_person, person):
    registered, foreign = await made_app(client), await made_app(other)
    user = await as_person(person)
    tokens = (await token(anonymous, registered, **by_code(await code_of(user, registered)))).json()

    async def look(text, by):
        auth = (by["id"], by["client_secret"])
        return (await anonymous.post("/oauth/introspect", data={"token": text}, auth=auth)).json()

    for kind in ("access_token", "refresh_token"):
        found = await look(tokens[kind], registered)
        assert found["active"] is True
        assert (found["client_id"], found["sub"]) == (registered["id"], person.user_id)
        assert await look(tokens[kind], foreign) == {"active": False}
    assert await look("nonsense", registered) == {"active": False}
    await client.post(f"/v1/users/{person.user_id}/suspend")
    for kind in ("access_token", "refresh_token"):
        assert await look(tokens[kind], registered) == {"active": False}


async def test_the_metadata_is_true(anonymous, app):
    found = (await anonymous.get("/.well-known/oauth-authorization-server")).json()
    paths = app.openapi()["paths"]
    for name, value in found.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.removeprefix(found["issuer"]) in paths
    assert found["code_challenge_methods_supported"] == ["S256"]


CONSENT = "https://crm.example.com/consent?from=oauth"


@pytest.mark.parametrize("own_database", [{"consent_url": CONSENT}], indirect=True)
async def test_browsers_are_sent_to_the_page_that_asks(own_database):
    world = own_database
    admin = await world.client(await world.org())
    registered = await made_app(admin)
    query = {**asked(registered), "nonce": "unknown parameters are ignored"}
    browser = await world.client()
    answer = await browser.get("/oauth/authorize", params=query)
    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    assert target.geturl().startswith("https://crm.example.com/consent?from=oauth&")
    assert {k: v[0] for k, v in parse_qs(target.query).items()} == {"from": "oauth", **query}
    query["redirect_uri"] = "https://evil.example.com/"
    answer = await browser.get("/oauth/authorize", params=query)
    assert pointers(problem(answer, 422)) == ["redirect_uri"]
    query["client_id"] = str(uuid4())
    problem(await browser.get("/oauth/authorize", params=query), 404)


async def test_without_such_a_page_nobody_is_sent(client, anonymous):
    answer = await anonymous.get("/oauth/authorize", params=asked(await made_app(client)))
    problem(answer, 404, "no_consent_page")


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.com/",
        "https://app.example.com/#part",
        "https://user@app.example.com/",
        "javascript:alert(1)",
        "https://",
        "//app.example.com/",
        "https://app.example.com/ x",
        "https://é.example.com/",
        "http://127.0.0.1.evil.example.com/",
    ],
)
async def test_redirect_uris_that_are_refused(client, uri):
    answer = await client.post(
        "/v1/apps", json={"name": "A", "scopes": ["contacts:read"], "redirect_uris": [uri]}
    )
    assert pointers(problem(answer, 422)) == ["/redirect_uris/0"]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8765/cb", "com.example.app:/back", BACK])
async def test_redirect_uris_that_are_taken(client, uri):
    assert (await made_app(client, redirect_uris=[uri]))["redirect_uris"] == [uri]


async def test_a_member_of_another_organization_cannot_allow_an_app(client, other, as_person):
    registered = await made_app(client)
    stranger = await as_person(await joined(other))
    problem(await stranger.post("/v1/oauth/consents", json=asked(registered)), 404, "not_found")
    problem(await client.post("/v1/oauth/consents", json=asked(registered)), 403, "no_person")
