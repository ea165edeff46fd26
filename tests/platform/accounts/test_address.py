"""Changing the address that one logs in with, and every way to get at somebody's login by it."""

import asyncio
import time

import pytest
from pyotp.totp import TOTP

from support.clients import pointers, problem
from support.letters import arrived, letters_to, token_in
from support.people import invited, joined, new_address
from support.waiting import patiently

CONFIRM = "/v1/auth/confirm-email"


@pytest.fixture
def asked(settings):
    """`await asked(api, person, email)`: the token that came to the address, once it has."""

    def tokens(email):
        letters = arrived(settings.mail_outbox, email.lower())
        return [token_in(each) for each in letters if each["subject"] == "Confirm your address"]

    async def ask(api, person, email, **more):
        before = tokens(email)
        body = {"email": email, "password": person.password, **more}
        answer = await api.post("/v1/me/email", json=body)
        assert (answer.status_code, answer.content) == (204, b""), answer.text
        async for _ in patiently():
            if new := set(tokens(email)).difference(before):
                break
        (token,) = new
        return token

    return ask


async def login(api, email, person):
    return await api.post("/v1/auth/login", json={"email": email, "password": person.password})


async def invalid_token(api, token):
    found = problem(await api.post(CONFIRM, json={"token": token}), 422)
    return (found["errors"][0]["pointer"], found["errors"][0]["code"]) == (
        "/token",
        "invalid_token",
    )


async def test_a_confirmed_address_takes_the_place_of_the_former(
    client, as_person, person, anonymous, asked, worker, settings
):
    api, another, new = await as_person(person), await as_person(person), new_address()
    token = await asked(api, person, new.upper())
    account = (await api.read("me"))["account"]
    assert (account["email"], account["new_email"]) == (person.email, new)
    assert (await login(anonymous, person.email, person)).status_code == 200
    assert (await anonymous.post(CONFIRM, json={"token": token})).status_code == 204
    problem(await login(anonymous, person.email, person), 401, "wrong_credentials")
    assert (await login(anonymous, new, person)).status_code == 200
    api.app.state.services.authenticator.forget()
    account = (await api.read("me"))["account"]
    assert (account["email"], account["new_email"]) == (new, None)
    problem(await another.get("/v1/me"), 401, "session_ended")
    assert await invalid_token(anonymous, token)
    subjects = [each["subject"] for each in await letters_to(settings.mail_outbox, person.email, 3)]
    assert "Another address for your login" in subjects
    assert "The address of your login was changed" in subjects
    told = {event["type"] for event in await client.told(person.user_id, 5)}
    assert {"user.email_change_begun", "user.email_changed"} <= told
    # What the organization knows its member by is its own.
    assert (await client.read(f"users/{person.user_id}"))["email"] == person.email


async def test_over_graphql_too(as_person, person, anonymous, worker, settings):
    api, new = await as_person(person), new_address()
    document = "mutation ($input: EmailChangeInput!) { beginEmailChange(input: $input) }"
    data = await api.data(document, input={"email": new, "password": person.password})
    assert data == {"beginEmailChange": True}
    (letter,) = await letters_to(settings.mail_outbox, new, 1)
    body = {"token": token_in(letter)}
    assert (await anonymous.post(CONFIRM, json=body)).status_code == 204
    assert (await login(anonymous, new, person)).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"password": "not the one it is"}, "/password"),
        ({"email": "no address"}, "/email"),
        ({"email": "a" * 400 + "@example.com"}, "/email"),
        ({"email": None}, "/email"),
        ({"code": "x"}, "/code"),
        ({"user_id": "x"}, "/user_id"),
    ],
)
async def test_what_is_refused(as_person, person, body, pointer):
    api = await as_person(person)
    body = {"email": new_address(), "password": person.password, **body}
    assert pointers(problem(await api.post("/v1/me/email", json=body), 422)) == [pointer]
    assert (await api.read("me"))["account"]["new_email"] is None


async def test_the_present_address_is_refused(as_person, person):
    api = await as_person(person)
    body = {"email": person.email, "password": person.password}
    found = problem(await api.post("/v1/me/email", json=body), 422)
    assert found["errors"][0]["code"] == "same_address"


async def test_keys_have_no_address(client):
    body = {"email": new_address(), "password": "plainly an example of 2026"}
    problem(await client.post("/v1/me/email", json=body), 403, "no_person")


async def test_who_has_a_second_factor_needs_it(as_person, person, asked, worker, anonymous):
    api = await as_person(person)
    begun = (await api.post("/v1/me/totp", json={"password": person.password})).json()
    totp = TOTP(begun["secret"])
    code = totp.at(int(time.time()) - 30)
    assert (await api.post("/v1/me/totp/confirm", json={"code": code})).status_code == 200
    body = {"email": new_address(), "password": person.password}
    for more in ({}, {"code": "000000"}, {"code": code}):
        found = problem(await api.post("/v1/me/email", json={**body, **more}), 422)
        assert pointers(found) == ["/code"]
    token = await asked(api, person, body["email"], code=totp.now())
    assert (await anonymous.post(CONFIRM, json={"token": token})).status_code == 204


async def test_guessing_the_password_is_slowed(as_person, person):
    api = await as_person(person)
    body = {"email": new_address(), "password": "not the one it is"}
    codes = [(await api.post("/v1/me/email", json=body)).status_code for _ in range(7)]
    assert codes == [422] * 5 + [429] * 2


async def test_guessing_codes_is_slowed_although_the_password_is_right(as_person, person):
    api = await as_person(person)
    begun = (await api.post("/v1/me/totp", json={"password": person.password})).json()
    code = TOTP(begun["secret"]).now()
    assert (await api.post("/v1/me/totp/confirm", json={"code": code})).status_code == 200
    body = {"email": new_address(), "password": person.password, "code": "000000"}
    codes = [(await api.post("/v1/me/email", json=body)).status_code for _ in range(7)]
    assert codes == [422] * 5 + [429] * 2


async def test_nobody_sends_letters_without_end(as_person, person):
    api = await as_person(person)
    bodies = [{"email": new_address(), "password": person.password} for _ in range(7)]
    codes = [(await api.post("/v1/me/email", json=body)).status_code for body in bodies]
    assert codes == [204] * 5 + [429] * 2


async def test_nobody_learns_who_has_an_account(
    client, as_person, person, anonymous, asked, worker
):
    """Not before they read what came to the address."""
    api, holder = await as_person(person), await joined(client)
    token = await asked(api, person, holder.email)
    problem(await anonymous.post(CONFIRM, json={"token": token}), 409, "email_taken")
    assert (await login(anonymous, holder.email, holder)).status_code == 200
    assert (await login(anonymous, person.email, person)).status_code == 200


async def test_one_of_two_gets_an_address(client, as_person, anonymous, asked, worker):
    new, people = new_address(), [await joined(client), await joined(client)]
    tokens = [await asked(await as_person(each), each, new) for each in people]
    assert tokens[0] != tokens[1]
    answers = await asyncio.gather(
        *(anonymous.post(CONFIRM, json={"token": token}) for token in tokens)
    )
    assert sorted(answer.status_code for answer in answers) == [204, 409]


async def test_a_token_counts_once_however_many_send_it(
    as_person, person, anonymous, asked, worker
):
    token = await asked(await as_person(person), person, new_address())
    answers = await asyncio.gather(
        *(anonymous.post(CONFIRM, json={"token": token}) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422]


async def test_a_later_letter_takes_the_place_of_an_earlier_one(
    as_person, person, anonymous, asked, worker
):
    api = await as_person(person)
    first, second = [await asked(api, person, new_address()) for _ in range(2)]
    assert await invalid_token(anonymous, first)
    assert (await anonymous.post(CONFIRM, json={"token": second})).status_code == 204


async def test_a_token_expires(as_person, person, anonymous, asked, worker, owner):
    api = await as_person(person)
    token = await asked(api, person, new_address())
    await owner.execute(
        "UPDATE accounts SET new_email_until = now() WHERE email = $1", person.email
    )
    assert await invalid_token(anonymous, token)
    assert (await api.read("me"))["account"]["new_email"] is None


@pytest.mark.parametrize("how", ["changed", "reset"])
async def test_a_new_password_takes_the_request_back(
    client, as_person, person, anonymous, asked, worker, how
):
    api, password = await as_person(person), "another plain example, 2027"
    token = await asked(api, person, new_address())
    if how == "changed":
        body = {"current_password": person.password, "new_password": password}
        assert (await api.post("/v1/me/password", json=body)).status_code == 204
    else:
        reset = (await client.post(f"/v1/users/{person.user_id}/reset-password")).json()
        body = {"token": reset["token"], "new_password": password}
        assert (await anonymous.post("/v1/auth/reset-password", json=body)).status_code == 204
    assert await invalid_token(anonymous, token)


async def test_a_letter_to_the_former_address_sets_no_password(
    client, as_person, person, anonymous, asked, worker
):
    reset = (await client.post(f"/v1/users/{person.user_id}/reset-password")).json()
    token = await asked(await as_person(person), person, new_address())
    assert (await anonymous.post(CONFIRM, json={"token": token})).status_code == 204
    body = {"token": reset["token"], "new_password": "another plain example, 2027"}
    problem(await anonymous.post("/v1/auth/reset-password", json=body), 422)


async def test_a_changed_token_opens_nothing(as_person, person, anonymous, asked, worker):
    """Not for another session that would go on, nor for another account."""
    token = await asked(await as_person(person), person, new_address())
    ids, secret = token[len("crm_email_") : -44], token[-43:]
    for forged in (
        f"crm_email_{ids[:-4]}AAAA_{secret}",
        f"crm_email_{'A' * len(ids)}_{secret}",
        f"crm_email_{ids}_{secret[:-1]}{'a' if secret[-1] != 'a' else 'b'}",
        token[:-1],
        "nonsense",
    ):
        assert await invalid_token(anonymous, forged)
    assert (await anonymous.post(CONFIRM, json={"token": token})).status_code == 204


async def test_all_organizations_are_told_and_all_sessions_end(
    client, other, as_person, person, anonymous, asked, worker
):
    user, token = await invited(other, person.email)
    body = {"token": token, "password": person.password}
    there_id = (await anonymous.post("/v1/auth/accept-invitation", json=body)).json()[
        "organization_id"
    ]
    there = await as_person(person, organization_id=there_id)
    here = await as_person(person, organization_id=person.organization_id)
    token = await asked(here, person, new_address())
    assert (await anonymous.post(CONFIRM, json={"token": token})).status_code == 204
    told = await other.told(user["id"], 1, types="user.email_changed")
    assert [event["type"] for event in told] == ["user.email_changed"]
    here.app.state.services.authenticator.forget()
    problem(await there.get("/v1/me"), 401, "session_ended")
    assert (await here.get("/v1/me")).status_code == 200


async def test_dry_run_sends_nothing(as_person, person, settings, worker, client):
    api, new = await as_person(person), new_address()
    body = {"email": new, "password": person.password}
    answer = await api.post("/v1/me/email", json=body, params={"dry_run": "true"})
    assert answer.status_code == 204
    assert (await api.read("me"))["account"]["new_email"] is None
    await client.idle()
    assert arrived(settings.mail_outbox, new) == []


async def test_tokens_are_stored_as_hashes(as_person, person, asked, worker, owner, org):
    token = await asked(await as_person(person), person, new_address())
    secret = token.rpartition("_")[2]
    for table in ("accounts", "events", "jobs"):
        stored = await owner.fetchval(f"SELECT string_agg(t::text, '') FROM {table} t")
        assert secret not in stored
