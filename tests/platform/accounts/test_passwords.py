"""Changing and resetting passwords."""

import pytest

from support.clients import Api, pointers, problem
from support.people import invited, logged_in

NEW = "another plain example, 2027"


async def login(api, person, password):
    return await api.post("/v1/auth/login", json={"email": person.email, "password": password})


async def test_a_new_password_ends_the_other_sessions(as_person, person, anonymous):
    one, two = await as_person(person), await as_person(person)
    body = {"current_password": person.password, "new_password": NEW}
    assert (await one.post("/v1/me/password", json=body)).status_code == 204
    assert (await one.get("/v1/me")).status_code == 200
    refreshed = await anonymous.post(
        "/v1/auth/refresh", json={"refresh_token": one.tokens["refresh_token"]}
    )
    assert refreshed.status_code == 200
    problem(
        await anonymous.post(
            "/v1/auth/refresh", json={"refresh_token": two.tokens["refresh_token"]}
        ),
        401,
        "session_ended",
    )
    problem(await login(anonymous, person, person.password), 401)
    assert (await login(anonymous, person, NEW)).status_code == 200


async def test_a_new_password_ends_sessions_in_other_organizations(
    as_person, person, other, anonymous
):
    _, token = await invited(other, person.email)
    accepted = await anonymous.post(
        "/v1/auth/accept-invitation", json={"token": token, "password": person.password}
    )
    there = await as_person(person, organization_id=accepted.json()["organization_id"])
    here = await as_person(person, organization_id=person.organization_id)
    data = await here.data(
        "mutation ($input: PasswordChangeInput!) { changePassword(input: $input) }",
        input={"currentPassword": person.password, "newPassword": NEW},
    )
    assert data == {"changePassword": True}
    await there.app.state.services.broadcast.tell("credentials", accepted.json()["organization_id"])
    there.app.state.services.authenticator.forget()
    problem(await there.get("/v1/me"), 401, "session_ended")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"current_password": "not the one it is", "new_password": NEW}, "/current_password"),
        ({"new_password": "password1234"}, "/new_password"),
        ({"new_password": "short"}, "/new_password"),
    ],
)
async def test_changes_that_are_refused(as_person, person, body, pointer):
    api = await as_person(person)
    body = {"current_password": person.password, **body}
    assert pointers(problem(await api.post("/v1/me/password", json=body), 422)) == [pointer]
    assert (await api.get("/v1/me")).status_code == 200


async def test_guessing_ones_password_is_slowed(as_person, person):
    api = await as_person(person)
    body = {"current_password": "not the one it is", "new_password": NEW}
    answers = [(await api.post("/v1/me/password", json=body)).status_code for _ in range(7)]
    assert answers == [422] * 5 + [429] * 2


async def test_dry_run_changes_no_password(as_person, person, anonymous):
    api = await as_person(person)
    body = {"current_password": person.password, "new_password": NEW}
    answer = await api.post("/v1/me/password", json=body, params={"dry_run": "true"})
    assert answer.status_code == 204
    assert (await login(anonymous, person, person.password)).status_code == 200


async def test_a_member_sets_a_forgotten_password(client, person, anonymous, app):
    tokens = await logged_in(app, person)
    reset = (await client.post(f"/v1/users/{person.user_id}/reset-password")).json()
    body = {"token": reset["token"], "new_password": NEW}
    assert (await anonymous.post("/v1/auth/reset-password", json=body)).status_code == 204
    problem(await anonymous.post("/v1/auth/reset-password", json=body), 422)
    problem(await login(anonymous, person, person.password), 401)
    assert (await login(anonymous, person, NEW)).status_code == 200
    app.state.services.authenticator.forget()
    async with Api(app, tokens["access_token"]) as api:
        problem(await api.get("/v1/me"), 401, "session_ended")


async def test_an_organization_does_not_reset_what_it_shares(client, other, person, anonymous):
    _, token = await invited(other, person.email)
    await anonymous.post(
        "/v1/auth/accept-invitation", json={"token": token, "password": person.password}
    )
    reset = f"/v1/users/{person.user_id}/reset-password"
    problem(await client.post(reset), 409, "shared_account")
    # Who is kept out there for now still has there what the account opens.
    (there,) = (await other.read("users", **{"filter[email]": person.email}))["data"]
    assert (await other.post(f"/v1/users/{there['id']}/suspend")).status_code == 200
    problem(await client.post(reset), 409, "shared_account")
    assert (await other.delete(f"/v1/users/{there['id']}")).status_code == 204
    problem(await client.post(reset), 409, "shared_account")


async def test_a_reset_expires_and_is_refused_when_weak(client, person, anonymous, owner):
    document = "mutation ($id: UUID!) { beginPasswordReset(userId: $id) { token } }"
    data = await client.data(document, id=person.user_id)
    body = {"token": data["beginPasswordReset"]["token"], "new_password": "password1234"}
    found = problem(await anonymous.post("/v1/auth/reset-password", json=body), 422)
    assert pointers(found) == ["/new_password"]
    await owner.execute("UPDATE accounts SET reset_until = now() WHERE email = $1", person.email)
    body["new_password"] = NEW
    found = problem(await anonymous.post("/v1/auth/reset-password", json=body), 422)
    assert pointers(found) == ["/token"]


async def test_who_has_not_joined_has_no_password(client):
    user, _ = await invited(client)
    problem(await client.post(f"/v1/users/{user['id']}/reset-password"), 409, "wrong_state")
