"""Invitations, logging in, and what a login opens."""

import asyncio
from uuid import uuid4

import pytest

from support.clients import Api, pointers, problem
from support.members import custom_role, member
from support.people import PASSWORD, invited, joined, logged_in, new_address


async def login(api, person, **more):
    body = {"email": person.email, "password": person.password, **more}
    return await api.post("/v1/auth/login", json=body)


async def test_a_member_joins_logs_in_and_works(client, person, as_person, org):
    api = await as_person(person)
    assert api.tokens["token_type"] == "Bearer"
    assert api.tokens["organization_id"] == str(org.id)
    made = await api.made("companies", {"name": "Example"})
    assert made["created_by"] == person.user_id
    assert (await client.read(f"users/{person.user_id}"))["status"] == "active"
    (event,) = await client.told(made["id"], 1)
    assert event["actor"] == {"kind": "user", "id": person.user_id}
    data = await api.data("{ me { kind id account { email secondFactor } organizations { id } } }")
    assert data["me"] == {
        "kind": "user",
        "id": person.user_id,
        "account": {"email": person.email, "secondFactor": False},
        "organizations": [{"id": str(org.id)}],
    }
    assert (await api.read("me"))["session_id"] == api.tokens["session_id"]


async def test_what_tokens_say_is_not_kept(app, person, owner):
    tokens = await logged_in(app, person)
    answer = await login(Api(app), person)
    assert answer.headers["cache-control"] == "no-store"
    for table in ("sessions", "events", "accounts", "users", "signing_keys", "login_attempts"):
        text = await owner.fetchval(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t")
        for secret in (
            person.password,
            tokens["refresh_token"][-43:],
            tokens["access_token"][-40:],
        ):
            assert secret not in text, table


async def test_an_unknown_address_and_a_wrong_password_are_told_alike(anonymous, person):
    wrong = await login(anonymous, person, password="not the password at all")
    unknown = await anonymous.post(
        "/v1/auth/login", json={"email": new_address(), "password": PASSWORD}
    )
    one, other = problem(wrong, 401, "wrong_credentials"), problem(unknown, 401)
    assert {**one, "request_id": 0} == {**other, "request_id": 0}


async def test_the_case_of_an_address_makes_no_difference(anonymous, person):
    assert (await login(anonymous, person, email=person.email.upper())).status_code == 200


async def test_an_address_has_one_account(client, other, app, anonymous):
    person = await joined(client)
    user, token = await invited(other, person.email.upper())
    body = {"token": token, "password": "another example of 2026"}
    problem(await anonymous.post("/v1/auth/accept-invitation", json=body), 401, "wrong_credentials")
    body["password"] = person.password
    answer = await anonymous.post("/v1/auth/accept-invitation", json=body)
    assert answer.json()["user_id"] == user["id"]
    found = problem(await login(anonymous, person), 409, "organization_needed")
    assert len(found["organizations"]) == 2
    for choice in found["organizations"]:
        tokens = await logged_in(app, person, organization_id=choice["id"])
        assert tokens["organization_id"] == choice["id"]
    problem(await login(anonymous, person, organization_id=str(uuid4())), 403, "no_membership")


async def test_who_accept_at_once_get_one_account(client, other, anonymous, owner):
    address = new_address()
    tokens = [(await invited(admin, address))[1] for admin in (client, other)]
    answers = await asyncio.gather(
        *(
            anonymous.post("/v1/auth/accept-invitation", json={"token": t, "password": PASSWORD})
            for t in tokens
        )
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await owner.fetchval("SELECT count(*) FROM accounts WHERE email = $1", address) == 1


async def test_an_invitation_is_good_once(client, anonymous):
    _, token = await invited(client)
    body = {"token": token, "password": PASSWORD}
    answers = await asyncio.gather(
        *(anonymous.post("/v1/auth/accept-invitation", json=body) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    for answer in answers:
        if answer.status_code == 422:
            assert pointers(problem(answer, 422)) == ["/token"]


async def test_a_second_invitation_takes_the_place_of_the_first(client, anonymous):
    user, first = await invited(client)
    second = (await client.post(f"/v1/users/{user['id']}/invite")).json()["token"]
    for token, status in ((first, 422), (second, 200), (second, 422)):
        body = {"token": token, "password": PASSWORD}
        answer = await anonymous.post("/v1/auth/accept-invitation", json=body)
        assert answer.status_code == status
    problem(await client.post(f"/v1/users/{user['id']}/invite"), 409, "wrong_state")


async def test_an_invitation_expires(client, anonymous, owner):
    user, token = await invited(client)
    await owner.execute("UPDATE users SET invited_until = now() WHERE id = $1", user["id"])
    body = {"token": token, "password": PASSWORD}
    found = problem(await anonymous.post("/v1/auth/accept-invitation", json=body), 422)
    assert found["errors"][0]["code"] == "expired_token"


@pytest.mark.parametrize(
    "token", ["x", "crm_invite_AAAA_BBBB", "crm_reset_" + "A" * 22 + "_" + "b" * 43]
)
async def test_what_is_no_invitation(anonymous, token):
    body = {"token": token, "password": PASSWORD}
    found = problem(await anonymous.post("/v1/auth/accept-invitation", json=body), 422)
    assert pointers(found) == ["/token"]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "short_password"),
        ("elevenchars", "short_password"),
        ("password1234", "weak_password"),
        ("aaaaaaaaaaaaaaaa", "weak_password"),
        ("qwertyuiop12", "weak_password"),
    ],
)
async def test_passwords_that_are_refused(client, anonymous, password, code):
    _, token = await invited(client)
    body = {"token": token, "password": password}
    found = problem(await anonymous.post("/v1/auth/accept-invitation", json=body), 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/password", code)]


async def test_ones_own_address_is_no_password(client, anonymous):
    user, token = await invited(client)
    body = {"token": token, "password": user["email"]}
    problem(await anonymous.post("/v1/auth/accept-invitation", json=body), 422)


@pytest.mark.parametrize(
    "password", ["\ud800" + "x" * 20, "x" * 129, "a\0" + "b" * 20, "", None, 7]
)
async def test_unreadable_passwords(anonymous, password):
    import json

    body = json.dumps({"email": "a@example.com", "password": password})
    headers = {"Content-Type": "application/json"}
    answer = await anonymous.post("/v1/auth/login", content=body, headers=headers)
    assert answer.status_code in {400, 422}, answer.text


async def test_passwords_are_the_same_on_every_keyboard(client, anonymous):
    composed, decomposed = "Beispiel für café № 2026", "Beispiel für café № 2026"
    person = await joined(client, password=composed)
    assert (await login(anonymous, person, password=decomposed)).status_code == 200


async def test_who_may_less_than_a_member_invites_nobody(client, keyed):
    writer = await keyed("users:write")
    user = await writer.made("users", {"name": "A", "email": new_address()})
    problem(await writer.post(f"/v1/users/{user['id']}/invite"), 403, "exceeds_maker")
    answer = await writer.gql(
        "mutation ($id: UUID!) { inviteUser(id: $id) { token } }", id=user["id"]
    )
    assert answer["errors"][0]["extensions"]["code"] == "exceeds_maker"
    person = await joined(client)
    for path in ("reset-password", "suspend"):
        answer = await writer.post(f"/v1/users/{person.user_id}/{path}")
        assert answer.status_code == (403 if path == "reset-password" else 200)
    problem(await writer.post(f"/v1/users/{person.user_id}/reactivate"), 403, "exceeds_maker")


async def test_users_of_others_are_not_invited(client, other):
    user = await client.made("users", {"name": "A", "email": new_address()})
    for path in ("invite", "suspend", "reactivate", "reset-password"):
        problem(await other.post(f"/v1/users/{user['id']}/{path}"), 404, "not_found")
    problem(await other.delete(f"/v1/users/{user['id']}/sessions"), 404, "not_found")


async def test_dry_run_invites_nobody(client, anonymous):
    user = await client.made("users", {"name": "A", "email": new_address()})
    dry = await client.post(f"/v1/users/{user['id']}/invite", params={"dry_run": "true"})
    body = {"token": dry.json()["token"], "password": PASSWORD}
    problem(await anonymous.post("/v1/auth/accept-invitation", json=body), 422)


async def test_the_hash_is_made_anew_when_its_parameters_change(person, anonymous, owner):
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(person.password)
    update = "UPDATE accounts SET password_hash = $1 WHERE email = $2"
    await owner.execute(update, weak, person.email)
    assert (await login(anonymous, person)).status_code == 200
    stored = "SELECT password_hash FROM accounts WHERE email = $1"
    assert "m=19456,t=2,p=1" in await owner.fetchval(stored, person.email)
    assert (await login(anonymous, person)).status_code == 200


async def test_an_invitation_ends_with_the_address_that_it_was_sent_to(client, anonymous):
    user, token = await invited(client)
    await client.changed(f"users/{user['id']}", {"email": new_address()})
    body = {"token": token, "password": PASSWORD}
    found = problem(await anonymous.post("/v1/auth/accept-invitation", json=body), 422)
    assert found["errors"][0]["code"] == "invalid_token"


async def test_an_address_is_changed_by_who_may_do_everything_or_its_user(client, person):
    clerk = await member(client, await custom_role(client, permissions=["manage_users"]))
    path = f"/v1/users/{person.user_id}"
    problem(await clerk.api.patch(path, json={"email": new_address()}), 403, "exceeds_maker")
    document = """mutation ($id: UUID!, $input: UserUpdateInput!) {
        updateUser(id: $id, input: $input) { email } }"""
    body = {"query": document, "variables": {"id": person.user_id, "input": {"email": "a@b.de"}}}
    (error,) = (await clerk.api.post("/graphql", json=body)).json()["errors"]
    assert error["extensions"]["code"] == "exceeds_maker"
    await clerk.api.changed(f"users/{person.user_id}", {"name": "Other Name"})
    own = new_address()
    assert (await clerk.api.changed(f"users/{clerk.id}", {"email": own}))["email"] == own
    await client.changed(f"users/{person.user_id}", {"email": new_address()})


async def test_a_letter_of_a_password_ends_with_the_address(client, anonymous, person):
    reset = (await client.post(f"/v1/users/{person.user_id}/reset-password")).json()
    await client.changed(f"users/{person.user_id}", {"email": new_address()})
    body = {"token": reset["token"], "new_password": "another plain example of 2026"}
    problem(await anonymous.post("/v1/auth/reset-password", json=body), 422)
