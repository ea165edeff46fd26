"""Logging in by an outside provider, and every way to get in by one that must not be."""

import asyncio
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from joserfc import jwt

from crm_api.kit import clock
from crm_api.kit.db.json import encode
from support.apps import by_code, code_of, made_app, refused, token
from support.clients import Api, pointers, problem
from support.members import custom_role, role_of
from support.openid import CLIENT, SECRET, Provider, new_key, serving, signed, visited
from support.people import invited, joined, new_address

BACK = "https://crm.example.com/back?keep=1"


@dataclass
class Way:
    """An organization's provider, and a browser."""

    provider: Provider
    row: dict[str, Any]
    org: Any
    browser: Api

    async def begun(self, **more: Any) -> dict[str, Any]:
        body = {
            "organization_id": str(self.org.id),
            "provider_id": self.row["id"],
            "redirect_uri": BACK,
        }
        answer = await self.browser.post("/v1/auth/outside", json={**body, **more})
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()

    async def back(self, **more: Any) -> dict[str, str]:
        begun = await self.begun(**more)
        given = await visited(begun["authorization_url"])
        assert given.pop("keep") == "1"
        return {"flow": begun["flow"], **given}

    async def finish(self, given: dict[str, Any]) -> Any:
        return await self.browser.post("/v1/auth/outside/finish", json=given)

    async def login(self, **more: Any) -> Any:
        return await self.finish(await self.back(**more))

    async def changed(self, api: Api, **values: Any) -> None:
        await api.changed(f"identity-providers/{self.row['id']}", values)


def fault(answer):
    """Where the one mistake of a refused body is, and what."""
    (found,) = problem(answer, 422)["errors"]
    return found["pointer"], found["code"]


@pytest.fixture
async def way(client, anonymous, org):
    async with serving() as provider:
        provider.person["email"] = new_address()
        row = await client.made(
            "identity-providers",
            {
                "name": "Company login",
                "issuer": provider.issuer,
                "client_id": CLIENT,
                "client_secret": SECRET,
                "redirect_uris": [BACK],
            },
        )
        yield Way(provider, row, org, anonymous)


@pytest.fixture
async def member(way, client):
    """A member who has joined by the provider."""
    user, token = await invited(client, way.provider.person["email"])
    answer = await way.login(invitation=token)
    assert answer.status_code == 200, answer.text
    return user


async def test_an_invited_person_joins_and_comes_back(way, client, app):
    user, token = await invited(client, way.provider.person["email"])
    answer = await way.login(invitation=token)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["user_id"] == user["id"]
    again = await way.login()
    assert again.status_code == 200, again.text
    async with Api(app, again.json()["access_token"]) as api:
        found = await api.read("me")
        assert (found["id"], found["account"]["email"]) == (user["id"], user["email"])
        assert found["account"]["password_changed_at"] is None
        assert (await api.get("/v1/me/sessions")).json()[0]["methods"] == ["fed"]
        own = (await api.get("/v1/me/outside-logins")).json()
        assert [(o["issuer"], o["subject"]) for o in own] == [
            (way.provider.issuer, way.provider.person["sub"])
        ]
        listed = await api.data("{ outsideLogins { id providerName } }")
        assert listed["outsideLogins"] == [{"id": own[0]["id"], "providerName": "Company login"}]
    events = await client.told(user["id"], 4)
    assert {"user.login_linked", "user.joined"} <= {e["type"] for e in events}


async def test_the_secret_is_sealed_and_never_shown(way, client, owner):
    row = await client.read(f"identity-providers/{way.row['id']}")
    assert "client_secret" not in row
    stored = await owner.fetchval(
        "SELECT client_secret FROM identity_providers WHERE id = $1", way.row["id"]
    )
    assert stored.startswith("v1.")
    assert SECRET not in stored
    history = await client.get(f"/v1/identity-providers/{way.row['id']}/history")
    assert SECRET not in history.text
    await way.changed(client, client_secret=SECRET)
    assert (await client.read(f"identity-providers/{way.row['id']}"))["version"] == 1


async def test_nobody_unknown_gets_in(way):
    problem(await way.login(), 403, "unknown_login")


async def test_admitted_domains_become_members(way, client, org):
    domain = {"email_domains": ["example.com"], "admits": True}
    await way.changed(client, **domain)
    answer = await way.login()
    assert answer.status_code == 200, answer.text
    user = await client.read(f"users/{answer.json()['user_id']}")
    assert (user["email"], user["name"]) == (way.provider.person["email"], "Sample Member")
    assert user["status"] == "active"
    await client.post(f"/v1/users/{user['id']}/suspend")
    problem(await way.login(), 403, "unknown_login")
    await client.delete(f"/v1/users/{user['id']}")
    problem(await way.login(), 403, "unknown_login")
    way.provider.person["sub"] = "another"
    problem(await way.login(), 403, "user_not_active")


async def test_who_is_admitted_has_the_providers_role(way, client, app):
    role = await role_of(client, "sales_rep")
    domain = {"email_domains": ["example.com"], "admits": True, "default_role_id": role}
    await way.changed(client, **domain)
    answer = await way.login()
    assert answer.status_code == 200, answer.text
    filters = {"filter[user_id]": answer.json()["user_id"]}
    given = (await client.read("role-assignments", **filters))["data"]
    assert [one["role_id"] for one in given] == [role]
    async with Api(app, answer.json()["access_token"]) as api:
        await api.made("contacts", {"last_name": "Example"})
        problem(await api.post("/v1/roles", json={"name": "x"}), 403)
    # Whoever comes back gets nothing anew.
    await client.delete(f"/v1/role-assignments/{given[0]['id']}")
    assert (await way.login()).status_code == 200
    assert (await client.read("role-assignments", **filters))["data"] == []


async def test_who_left_and_is_invited_again_comes_back(way, client, member, app):
    """By an account that opens nothing any more, and that never had a password."""
    assert (await client.delete(f"/v1/users/{member['id']}")).status_code == 204
    problem(await way.login(), 403)
    user, token = await invited(client, way.provider.person["email"])
    answer = await way.login(invitation=token)
    assert answer.status_code == 200, answer.text
    assert answer.json()["user_id"] == user["id"]
    assert (await way.login()).json()["user_id"] == user["id"]


async def test_what_opened_an_account_before_opens_it_no_more(way, client, anonymous, owner):
    email = way.provider.person["email"]
    former = await joined(client, email)
    assert (await client.delete(f"/v1/users/{former.user_id}")).status_code == 204
    _, token = await invited(client, email)
    assert (await way.login(invitation=token)).status_code == 200
    body = {"email": email, "password": former.password}
    problem(await anonymous.post("/v1/auth/login", json=body), 401, "wrong_credentials")


async def test_an_account_that_is_used_elsewhere_is_not_begun_anew(way, client, other):
    email = way.provider.person["email"]
    there = await joined(other, email)
    assert (await other.post(f"/v1/users/{there.user_id}/suspend")).status_code == 200
    _, token = await invited(client, email)
    problem(await way.login(invitation=token), 409, "link_needed")


async def test_who_was_invited_keeps_the_roles_of_the_invitation(way, client):
    role = await role_of(client, "admin")
    domain = {"email_domains": ["example.com"], "admits": True, "default_role_id": role}
    await way.changed(client, **domain)
    read_only = await role_of(client, "read_only")
    body = {"name": "Sample Member", "email": way.provider.person["email"]}
    user = await client.made("users", {**body, "role_ids": [read_only]})
    assert (await way.login()).json()["user_id"] == user["id"]
    found = await client.read("role-assignments", **{"filter[user_id]": user["id"]})
    assert [one["role_id"] for one in found["data"]] == [read_only]


async def test_a_default_role_is_one_that_there_is(way, client, other):
    path = f"/v1/identity-providers/{way.row['id']}"
    gone, foreign = await custom_role(client), await role_of(other, "admin")
    await client.delete(f"/v1/roles/{gone}")
    for role in (gone, foreign, "01890000-0000-7000-8000-000000000000"):
        answer = await client.patch(path, json={"default_role_id": role})
        assert fault(answer) == ("/default_role_id", "unknown_reference")
    document = """mutation ($id: UUID!, $input: IdentityProviderUpdateInput!) {
        updateIdentityProvider(id: $id, input: $input) { defaultRoleId } }"""
    answer = await client.gql(document, id=way.row["id"], input={"defaultRoleId": gone})
    assert "unknown_reference" in str(answer["errors"])


async def test_a_default_role_in_the_bin_gives_nothing(way, client):
    role = await custom_role(client, permissions=["export"])
    domain = {"email_domains": ["example.com"], "admits": True, "default_role_id": role}
    await way.changed(client, **domain)
    await client.delete(f"/v1/roles/{role}")
    answer = await client.delete(f"/v1/roles/{role}?purge=true")
    found = problem(answer, 409, "still_referred_to")
    assert found["references"][0]["reference"] == "identity_providers.default_role_id"
    answer = await way.login()
    assert answer.status_code == 200, answer.text
    filters = {"filter[user_id]": answer.json()["user_id"]}
    assert (await client.read("role-assignments", **filters))["data"] == []
    await way.changed(client, default_role_id=None)
    assert (await client.delete(f"/v1/roles/{role}?purge=true")).status_code == 204


TAKEN_AWAY = {
    "deleted": lambda client, path: client.delete(path),
    "destroyed": lambda client, path: client.delete(f"{path}?purge=true"),
    "switched off": lambda client, path: client.patch(path, json={"is_active": False}),
    "another issuer": lambda client, path: client.patch(
        path, json={"issuer": "https://login.example.com"}
    ),
    "another client": lambda client, path: client.patch(path, json={"client_id": "another"}),
}


@pytest.mark.parametrize("taken", TAKEN_AWAY.values(), ids=TAKEN_AWAY)
async def test_what_began_by_a_provider_ends_with_it(
    way, member, client, app, as_person, person, anonymous, taken
):
    user, tokens = await as_person(person), (await way.login()).json()
    registered = await made_app(client)
    async with Api(app, tokens["access_token"]) as api:
        listed = (await api.get("/v1/me/sessions")).json()
        assert {one["provider_id"] for one in listed} == {way.row["id"]}
        answer = await token(anonymous, registered, **by_code(await code_of(api, registered)))
        assert answer.status_code == 200, answer.text
        late = await code_of(api, registered)
        refresh = {
            "grant_type": "refresh_token",
            "refresh_token": answer.json()["refresh_token"],
        }
        answer = await taken(client, f"/v1/identity-providers/{way.row['id']}")
        assert answer.status_code < 300, answer.text
        app.state.services.authenticator.forget()
        problem(await api.get("/v1/me"), 401, "session_ended")
    body = {"refresh_token": tokens["refresh_token"]}
    problem(await anonymous.post("/v1/auth/refresh", json=body), 401, "session_ended")
    refused(await token(anonymous, registered, **refresh), "invalid_grant")
    refused(await token(anonymous, registered, **by_code(late)), "invalid_grant")
    # Who has logged in otherwise goes on.
    assert (await user.get("/v1/me")).status_code == 200


async def test_what_changes_nothing_of_it_ends_nothing(way, member, client, app):
    tokens = (await way.login()).json()
    await way.changed(client, name="Another name", email_domains=["example.com"])
    path = f"/v1/identity-providers/{way.row['id']}"
    answer = await client.delete(path, params={"dry_run": "true"})
    assert answer.status_code == 204
    app.state.services.authenticator.forget()
    async with Api(app, tokens["access_token"]) as api:
        assert (await api.get("/v1/me")).status_code == 200


async def test_no_session_outlasts_a_provider_that_ends_at_the_same_time(
    way, member, client, app, owner
):
    path = f"/v1/identity-providers/{way.row['id']}"
    for _ in range(5):
        given = [await way.back() for _ in range(3)]
        answers = await asyncio.gather(
            *(way.finish(one) for one in given), client.patch(path, json={"is_active": False})
        )
        assert answers[-1].status_code == 200, answers[-1].text
        assert {answer.status_code for answer in answers[:-1]} <= {200, 422}
        left = await owner.fetchval(
            "SELECT count(*) FROM sessions WHERE provider_id = $1 AND ended_at IS NULL",
            way.row["id"],
        )
        assert left == 0
        await way.changed(client, is_active=True)


async def test_admitting_takes_domains(way, client):
    path = f"/v1/identity-providers/{way.row['id']}"
    assert fault(await client.patch(path, json={"admits": True}))[1] == "domains_needed"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"email_verified": False}, "domain_not_allowed"),
        ({"email_verified": "true"}, "domain_not_allowed"),
        ({"email_verified": None}, "domain_not_allowed"),
        ({"email": "member@example.com.evil.example.org"}, "domain_not_allowed"),
        ({"email": "member@example.org"}, "domain_not_allowed"),
        ({"email": 7}, "domain_not_allowed"),
        ({"email": "x@example.com\0"}, "domain_not_allowed"),
    ],
)
async def test_only_verified_addresses_of_the_domains_get_in(way, client, more, code):
    await way.changed(client, email_domains=["example.com"], admits=True)
    way.provider.claims = more
    problem(await way.login(), 403, code)


async def test_an_unverified_address_takes_no_invitation(way, client):
    _, token = await invited(client, way.provider.person["email"])
    way.provider.claims = {"email_verified": False}
    problem(await way.login(invitation=token), 403, "unverified_email")
    way.provider.claims = {"email": "somebody-else@example.com"}
    problem(await way.login(invitation=token), 403, "other_address")
    way.provider.claims = {}
    assert (await way.login(invitation=token)).status_code == 200
    way.provider.person["sub"] = "another"
    assert fault(await way.login(invitation=token))[1] == "invalid_token"


async def test_invitations_of_others_are_refused(way, other, anonymous):
    _, token = await invited(other, way.provider.person["email"])
    body = {"organization_id": str(way.org.id), "provider_id": way.row["id"], "redirect_uri": BACK}
    for text in (token, "nonsense"):
        answer = await anonymous.post("/v1/auth/outside", json={**body, "invitation": text})
        assert fault(answer) == ("/invitation", "invalid_token")


async def test_an_account_is_taken_over_by_nobody(way, client, other, app, as_person):
    """Neither one of this organization nor one that belongs to others alone."""
    await way.changed(client, email_domains=["example.com"], admits=True)
    here = await joined(client, way.provider.person["email"])
    problem(await way.login(), 409, "link_needed")
    elsewhere = await joined(other)
    way.provider.person |= {"sub": "second", "email": elsewhere.email}
    problem(await way.login(), 409, "link_needed")
    _, token = await invited(client, elsewhere.email)
    problem(await way.login(invitation=token), 409, "link_needed")
    user = await as_person(here)
    assert (await user.get("/v1/me/outside-logins")).json() == []


async def linked(way, user):
    body = {"provider_id": way.row["id"], "redirect_uri": BACK}
    answer = await user.post("/v1/me/outside-logins", json=body)
    assert answer.status_code == 200, answer.text
    given = await visited(answer.json()["authorization_url"])
    del given["keep"]
    return {"flow": answer.json()["flow"], **given}


async def test_a_member_links_a_login_to_their_account(way, client, app, as_person, person):
    user = await as_person(person)
    given = await linked(way, user)
    assert fault(await way.finish(given))[1] == "invalid_flow"
    stranger = await as_person(await joined(client))
    answer = await stranger.post("/v1/me/outside-logins/finish", json=given)
    assert fault(answer)[1] == "invalid_flow"
    answer = await user.post("/v1/me/outside-logins/finish", json=given)
    assert answer.status_code == 204, answer.text
    answer = await way.login()
    assert answer.json()["user_id"] == person.user_id
    taken = await linked(way, stranger)
    answer = await stranger.post("/v1/me/outside-logins/finish", json=taken)
    problem(answer, 409, "link_taken")
    (own,) = (await user.get("/v1/me/outside-logins")).json()
    problem(await stranger.delete(f"/v1/me/outside-logins/{own['id']}"), 404)
    removed = await user.data(f'mutation {{ removeOutsideLogin(id: "{own["id"]}") }}')
    assert removed == {"removeOutsideLogin": True}
    problem(await way.login(), 403, "unknown_login")


async def test_a_login_opens_no_other_organization(way, client, other, app, as_person, person):
    """A provider of one organization could say that anybody is anybody."""
    _, token = await invited(other, person.email)
    body = {"token": token, "password": person.password}
    answer = await way.browser.post("/v1/auth/accept-invitation", json=body)
    elsewhere = answer.json()["organization_id"]
    user = await as_person(person, organization_id=person.organization_id)
    given = await linked(way, user)
    assert (await user.post("/v1/me/outside-logins/finish", json=given)).status_code == 204
    tokens = (await way.login()).json()
    async with Api(app, tokens["access_token"]) as api:
        answer = await api.post("/v1/auth/switch", json={"organization_id": elsewhere})
        problem(answer, 403, "outside_login")
        found = await api.read("me")
        assert [o["id"] for o in found["organizations"]] == [person.organization_id]
    body = {"refresh_token": tokens["refresh_token"]}
    tokens = (await way.browser.post("/v1/auth/refresh", json=body)).json()
    async with Api(app, tokens["access_token"]) as api:
        answer = await api.post("/v1/auth/switch", json={"organization_id": elsewhere})
        problem(answer, 403, "outside_login")


def part(value):
    raw = value if isinstance(value, bytes) else encode(value)
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def without_signature(claims):
    return f"{part({'alg': 'none'})}.{part(claims)}."


def by_public_key(provider):
    """HMAC with the public key as its secret, which everybody knows."""

    def sign(claims):
        header = {"alg": "HS256", "kid": provider.keys[0].kid}
        signed = f"{part(header)}.{part(claims)}"
        secret = provider.keys[0].as_pem(private=False)
        # By hand: no library would still do it.
        return f"{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"

    return sign


FORGED = {
    "no signature": lambda _: without_signature,
    "public key as secret": by_public_key,
    "another key by the same name": lambda p: (
        lambda claims: jwt.encode({"alg": "RS256", "kid": p.keys[0].kid}, claims, new_key())
    ),
    "an unknown key": lambda _: lambda claims: signed(new_key(), claims),
    "a changed token": lambda p: lambda claims: signed(p.keys[0], claims)[:-8] + "AAAAAAAA",
    "a cut token": lambda p: lambda claims: signed(p.keys[0], claims).rpartition(".")[0],
    "not a token": lambda _: lambda _: "nonsense",
    "nothing": lambda _: lambda _: "",
    "a huge token": lambda _: lambda _: "a" * 20_000,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_forged_id_tokens_are_refused(way, member, forge):
    way.provider.sign = forge(way.provider)
    problem(await way.login(), 401, "outside_login_refused")
    way.provider.sign = None
    assert (await way.login()).status_code == 200


WRONG = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "somebody else"},
    "no audience": {"aud": None},
    "several audiences": {"aud": [CLIENT, "somebody else"]},
    "asked for by somebody else": {"aud": [CLIENT, "somebody else"], "azp": "somebody else"},
    "another issuer": {"iss": "https://evil.example.com"},
    "no issuer": {"iss": None},
    "expired": {"exp": 1},
    "no expiry": {"exp": None},
    "expiry of another type": {"exp": "later"},
    "of a time to come": {"iat": 4_000_000_000},
    "not yet": {"nbf": 4_000_000_000},
    "nobody": {"sub": None},
    "a number": {"sub": 7},
    "a long subject": {"sub": "a" * 256},
    "a subject of control characters": {"sub": "a\0b"},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
async def test_wrong_claims_are_refused(way, member, claims):
    way.provider.claims = claims
    problem(await way.login(), 401, "outside_login_refused")


async def test_a_state_comes_back_once(way, member):
    given = await way.back()
    answers = await asyncio.gather(*(way.finish(given) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    assert fault(await way.finish(given))[1] == "used_flow"


async def test_a_replayed_code_opens_nothing(way, member):
    given = await way.back()
    assert (await way.finish(given)).status_code == 200
    another = await way.back()
    replayed = {**another, "code": given["code"]}
    problem(await way.finish(replayed), 401, "outside_login_refused")
    assert fault(await way.finish(another))[1] == "used_flow"


async def test_a_stolen_code_opens_nothing_in_another_browser(way, member):
    mine, theirs = await way.back(), await way.back()
    mixed = {**mine, "flow": theirs["flow"]}
    assert fault(await way.finish(mixed)) == ("/state", "wrong_state")
    injected = {**theirs, "code": mine["code"]}
    problem(await way.finish(injected), 401, "outside_login_refused")


async def test_a_provider_is_not_taken_for_another(way, member):
    given = await way.back()
    mixed_up = {**given, "iss": "https://evil.example.com"}
    assert fault(await way.finish(mixed_up)) == ("/iss", "wrong_issuer")
    del given["iss"]
    assert fault(await way.finish(given))[1] == "wrong_issuer"


async def test_what_is_written_on_one_providers_flow_is_not_read_by_another(way, member, client):
    given = await way.back()
    async with serving() as second:
        await way.changed(client, issuer=second.issuer)
        assert fault(await way.finish(given))[1] == "invalid_flow"
        # The same subject of another issuer is somebody else.
        second.person = dict(way.provider.person)
        problem(await way.login(), 403, "unknown_login")


async def test_a_login_takes_ten_minutes_at_most(way, member):
    given = await way.back()
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=True):
        assert fault(await way.finish(given))[1] == "expired_flow"


@pytest.mark.parametrize("flow", ["nonsense", "v1.abc.def.ghi", "v1...", "ä"])
async def test_a_made_up_flow_is_refused(way, flow):
    given = {"flow": flow, "state": "a", "code": "b"}
    assert fault(await way.finish(given))[1] == "invalid_flow"


async def test_a_key_is_changed(way, member):
    way.provider.rotate()
    assert (await way.login()).status_code == 200
    before = way.provider.asked.count("/keys")
    assert (await way.login()).status_code == 200
    assert way.provider.asked.count("/keys") == before


async def test_what_is_off_or_gone_opens_nothing(way, member, client, anonymous):
    body = {"organization_id": str(way.org.id), "provider_id": way.row["id"], "redirect_uri": BACK}
    given = await way.back()
    await way.changed(client, is_active=False)
    assert fault(await way.finish(given))[1] == "unknown_provider"
    assert fault(await anonymous.post("/v1/auth/outside", json=body))[1] == "unknown_provider"
    await way.changed(client, is_active=True)
    wrong = {**body, "redirect_uri": "https://evil.example.com/back"}
    assert fault(await anonymous.post("/v1/auth/outside", json=wrong))[1] == "unknown_redirect_uri"
    await client.delete(f"/v1/identity-providers/{way.row['id']}?purge=true")
    assert fault(await anonymous.post("/v1/auth/outside", json=body))[1] == "unknown_provider"


async def test_a_member_who_is_let_in_no_more_is_refused(way, member, client):
    await client.post(f"/v1/users/{member['id']}/suspend")
    problem(await way.login(), 403, "unknown_login")
    await client.post(f"/v1/users/{member['id']}/reactivate")
    assert (await way.login()).status_code == 200
    await client.delete(f"/v1/users/{member['id']}?purge=true")
    problem(await way.login(), 403, "unknown_login")


async def test_a_provider_of_another_organization_is_none(way, other_org, anonymous):
    body = {"organization_id": str(other_org.id), "provider_id": way.row["id"]}
    answer = await anonymous.post("/v1/auth/outside", json={**body, "redirect_uri": BACK})
    assert fault(answer)[1] == "unknown_provider"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example.com"},
        {"jwks_uri": None},
        {"token_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_a_provider_that_publishes_nonsense_is_not_trusted(way, anonymous, metadata):
    way.provider.metadata = metadata
    body = {"organization_id": str(way.org.id), "provider_id": way.row["id"], "redirect_uri": BACK}
    problem(await anonymous.post("/v1/auth/outside", json=body), 503, "provider_unavailable")


async def test_a_provider_that_is_away_is_said_to_be(client, org, anonymous):
    row = await client.made(
        "identity-providers",
        {
            "name": "Away",
            "issuer": "http://127.0.0.1:9",
            "client_id": "x",
            "redirect_uris": [BACK],
        },
    )
    body = {"organization_id": str(org.id), "provider_id": row["id"], "redirect_uri": BACK}
    # The second time nobody is asked.
    for _ in range(2):
        answer = await anonymous.post("/v1/auth/outside", json=body)
        problem(answer, 503, "provider_unavailable")
        assert answer.headers["retry-after"]


async def test_setting_a_provider_up_takes_all_rights(way, client, keyed):
    weak = await keyed("identity_providers:write", "*:read")
    path = f"/v1/identity-providers/{way.row['id']}"
    problem(await weak.patch(path, json={"issuer": "https://evil.example.com"}), 403)
    document = f'mutation {{ updateIdentityProvider(id: "{way.row["id"]}", input: {{name: "x"}}) {{ id }} }}'
    answer = await weak.gql(document)
    assert answer["errors"][0]["extensions"]["code"] == "exceeds_maker"


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.example.com",
        "https://user@login.example.com",
        "https://login.example.com?x=1",
        "https://login.example.com#x",
        "ftp://login.example.com",
        "https://",
        "login.example.com",
    ],
)
async def test_issuers_that_cannot_be_are_refused(client, issuer):
    body = {"name": "x", "issuer": issuer, "client_id": "x"}
    answer = await client.post("/v1/identity-providers", json=body)
    assert pointers(problem(answer, 422)) == ["/issuer"]
