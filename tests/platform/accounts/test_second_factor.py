"""Authenticators and recovery codes."""

import asyncio
import time

import pytest
from pyotp.totp import TOTP

from support.clients import pointers, problem
from support.people import invited
from support.waiting import patiently


async def login(api, person, code=None, **more):
    body = {"email": person.email, "password": person.password, **more}
    return await api.post("/v1/auth/login", json=body if code is None else {**body, "code": code})


def code_of(secret, steps=0):
    return TOTP(secret).at(int(time.time()) + 30 * steps)


@pytest.fixture
async def secret(as_person, person):
    """The seed of a confirmed authenticator; its code of the step before was used for that."""
    api = await as_person(person)
    begun = await api.post("/v1/me/totp", json={"password": person.password})
    assert begun.status_code == 200, begun.text
    found = begun.json()
    assert found["uri"].startswith("otpauth://totp/")
    confirmed = await api.post("/v1/me/totp/confirm", json={"code": code_of(found["secret"], -1)})
    assert confirmed.status_code == 200, confirmed.text
    person.codes = confirmed.json()["codes"]
    return found["secret"]


async def test_logging_in_takes_a_code(anonymous, person, secret, client, app):
    problem(await login(anonymous, person), 401, "second_factor_needed")
    problem(await login(anonymous, person, "000000"), 401, "wrong_code")
    answer = await login(anonymous, person, code_of(secret))
    assert answer.status_code == 200, answer.text
    events = await client.told(answer.json()["session_id"], 1, types="session.*")
    assert events[0]["data"]["methods"] == ["pwd", "otp", "mfa"]


async def test_the_half_of_a_login_is_no_failure_of_its_network(anonymous, person, secret, owner):
    counted = "SELECT coalesce(sum(failures), 0) FROM login_attempts WHERE subject LIKE 'address:%'"
    before = await owner.fetchval(counted)
    problem(await login(anonymous, person), 401, "second_factor_needed")
    assert await owner.fetchval(counted) == before
    problem(await login(anonymous, person, "000000"), 401, "wrong_code")
    assert await owner.fetchval(counted) == before + 1


async def test_a_wrong_password_is_told_first(anonymous, person, secret):
    answer = await login(anonymous, person, code_of(secret), password="not the one it is")
    problem(answer, 401, "wrong_credentials")
    # And the code is not used up by it.
    assert (await login(anonymous, person, code_of(secret))).status_code == 200


async def test_a_code_opens_once_however_many_try(anonymous, person, secret):
    code = code_of(secret)
    answers = await asyncio.gather(*(login(anonymous, person, code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    problem(await login(anonymous, person, code), 401, "wrong_code")


async def test_codes_of_other_times(anonymous, person, secret, owner):
    for steps in (-3, 3):
        problem(await login(anonymous, person, code_of(secret, steps)), 401, "wrong_code")
    await owner.execute("DELETE FROM login_attempts")
    # A clock that is a little fast; what came before is then past.
    assert (await login(anonymous, person, code_of(secret, 1))).status_code == 200
    problem(await login(anonymous, person, code_of(secret, 0)), 401, "wrong_code")


async def test_recovery_codes_open_once(anonymous, person, secret):
    assert len(set(person.codes)) == 10
    code = person.codes[3]
    answers = await asyncio.gather(*(login(anonymous, person, code) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    assert (await login(anonymous, person, person.codes[4].upper())).status_code == 200
    assert (await login(anonymous, person, person.codes[5].replace("-", " "))).status_code == 200


async def test_codes_and_seeds_are_not_stored_as_they_are(person, secret, owner):
    text = await owner.fetchval("SELECT string_agg(t::text, '') FROM accounts t")
    events = await owner.fetchval("SELECT string_agg(t::text, '') FROM events t")
    for stored in (text, events):
        for shown in (secret, *person.codes, *(c.replace("-", "") for c in person.codes)):
            assert shown not in stored


async def test_a_sealed_seed_opens_for_its_own_account_alone(
    client, as_person, person, secret, anonymous, owner
):
    from support.people import joined

    thief = await joined(client)
    await owner.execute(
        "UPDATE accounts t SET totp_secret = v.totp_secret, totp_confirmed_at = now() "
        "FROM accounts v WHERE t.email = $1 AND v.email = $2",
        thief.email,
        person.email,
    )
    answer = await login(anonymous, thief, code_of(secret))
    assert answer.status_code == 500


async def test_guessing_codes_is_slowed(anonymous, person, secret):
    answers = [await login(anonymous, person, "000000") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


async def test_the_factor_is_removed_and_codes_are_renewed(as_person, person, secret, anonymous):
    api = await as_person(person, code=code_of(secret))
    renew = "mutation ($p: String!, $c: String) { renewRecoveryCodes(password: $p, code: $c) }"
    answer = await api.gql(renew, p=person.password)
    assert (
        answer["errors"][0]["extensions"]["problem"]["errors"][0]["code"] == "second_factor_needed"
    )
    data = await api.data(renew, p=person.password, c=person.codes[0])
    problem(await login(anonymous, person, person.codes[1]), 401, "wrong_code")
    assert (await login(anonymous, person, data["renewRecoveryCodes"][0])).status_code == 200
    wrong = await api.post("/v1/me/totp/remove", json={"password": "not the one it is"})
    assert pointers(problem(wrong, 422)) == ["/password"]
    right = {"password": person.password}
    answer = await api.post("/v1/me/totp/remove", json=right)
    assert problem(answer, 422)["errors"][0]["code"] == "second_factor_needed"
    answer = await api.post("/v1/me/totp/remove", json={**right, "code": "000000"})
    assert problem(answer, 422)["errors"][0]["code"] == "wrong_code"
    code = data["renewRecoveryCodes"][1]
    assert (await api.post("/v1/me/totp/remove", json={**right, "code": code})).status_code == 204
    assert (await login(anonymous, person)).status_code == 200
    problem(await api.post("/v1/me/totp/remove", json=right), 409, "wrong_state")
    problem(await api.post("/v1/me/recovery-codes", json=right), 409, "wrong_state")


async def test_setting_up_over_graphql(as_person, person, anonymous):
    api = await as_person(person)
    data = await api.data(
        "mutation ($p: String!) { beginTotp(password: $p) { secret uri } }", p=person.password
    )
    secret = data["beginTotp"]["secret"]
    assert (await login(anonymous, person)).status_code == 200
    wrong = await api.gql('mutation { confirmTotp(code: "000000") }')
    assert wrong["errors"][0]["extensions"]["code"] == "validation"
    data = await api.data("mutation ($c: String!) { confirmTotp(code: $c) }", c=code_of(secret))
    assert len(data["confirmTotp"]) == 10
    problem(await login(anonymous, person), 401, "second_factor_needed")
    body = {"password": person.password}
    problem(await api.post("/v1/me/totp", json=body), 409, "wrong_state")
    assert (await api.read("me"))["account"]["second_factor"] is True


async def test_what_was_not_begun_is_not_confirmed(as_person, person):
    api = await as_person(person)
    problem(await api.post("/v1/me/totp/confirm", json={"code": "123456"}), 409, "wrong_state")


WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ILIKE '%accounts%'
"""


@pytest.mark.parametrize("confirmed_first", [True, False])
async def test_confirming_meets_another_start(as_person, anonymous, person, owner, confirmed_first):
    """Whichever of them comes second is refused, and what the first one said counts."""
    api = await as_person(person)
    begin = {"password": person.password}
    first = (await api.post("/v1/me/totp", json=begin)).json()["secret"]
    code = {"code": code_of(first, -1)}
    asked = [("/v1/me/totp/confirm", code), ("/v1/me/totp", begin)]
    running = []
    async with owner.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM accounts WHERE email = $1 FOR UPDATE", person.email)
        for path, body in asked if confirmed_first else asked[::-1]:
            running.append(asyncio.create_task(api.post(path, json=body)))
            async for _ in patiently():
                if await owner.fetchval(WAITING) == len(running):
                    break
    answers = await asyncio.gather(*running)
    if confirmed_first:
        assert answers[0].status_code == 200, answers[0].text
        problem(answers[1], 409, "wrong_state")
        problem(await login(anonymous, person), 401, "second_factor_needed")
        assert (await login(anonymous, person, code_of(first))).status_code == 200
    else:
        second = answers[0].json()["secret"]
        assert pointers(problem(answers[1], 422)) == ["/code"]
        assert (await login(anonymous, person)).status_code == 200
        code = {"code": code_of(second)}
        assert (await api.post("/v1/me/totp/confirm", json=code)).status_code == 200


async def test_an_invitation_takes_the_code_of_an_account(other, anonymous, person, secret):
    _, token = await invited(other, person.email)
    body = {"token": token, "password": person.password}
    answer = await anonymous.post("/v1/auth/accept-invitation", json=body)
    problem(answer, 401, "second_factor_needed")
    body["code"] = code_of(secret)
    assert (await anonymous.post("/v1/auth/accept-invitation", json=body)).status_code == 200


async def test_a_lost_authenticator_is_reset_by_the_own_organization(
    client, other, keyed, person, secret, anonymous
):
    path = f"/v1/users/{person.user_id}/reset-second-factor"
    problem(await other.post(path), 404, "not_found")
    problem(await (await keyed("users:write")).post(path), 403, "exceeds_maker")
    document = "mutation ($id: UUID!) { resetSecondFactor(userId: $id) }"
    assert await client.data(document, id=person.user_id) == {"resetSecondFactor": True}
    assert (await login(anonymous, person)).status_code == 200


@pytest.mark.parametrize("code", ["12345", "", "é23456", "1" * 41, 123456, None, "' OR 1=1"])
async def test_unreadable_codes(as_person, person, code):
    api = await as_person(person)
    found = problem(await api.post("/v1/me/totp/confirm", json={"code": code}), 422)
    assert pointers(found) == ["/code"]
