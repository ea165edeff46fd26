"""Brute force is slowed, alike for accounts that are there and those that are not."""

import asyncio
import time
from statistics import median

import pytest

from crm_api.kit import attempts
from crm_api.kit.attempts import Attempts, network_of
from crm_api.platform.accounts.passwords import PASSWORDS
from support.clients import problem
from support.people import PASSWORD, joined, new_address

WRONG = "not the password at all"


async def login(api, email, password=WRONG):
    return await api.post("/v1/auth/login", json={"email": email, "password": password})


@pytest.mark.parametrize("known", [True, False])
async def test_five_failures_lock_for_a_while(client, anonymous, owner, known):
    email = (await joined(client)).email if known else new_address()
    answers = [await login(anonymous, email) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    found = problem(answers[-1], 429, "too_many_attempts")
    assert 50 <= int(answers[-1].headers["retry-after"]) <= 60
    assert email not in str(found)
    if known:
        # Not even the right password opens now.
        problem(await login(anonymous, email, PASSWORD), 429)


async def test_many_at_once_are_no_way_around(client, anonymous, monkeypatch):
    from crm_api.platform.accounts.passwords import PASSWORDS

    person = await joined(client)
    looked = []
    fits = PASSWORDS.fits

    async def counted(stored, password):
        looked.append(password)
        return await fits(stored, password)

    monkeypatch.setattr(PASSWORDS, "fits", counted)
    answers = await asyncio.gather(*(login(anonymous, person.email) for _ in range(18)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 13
    assert len(looked) == 5


async def test_each_lock_is_twice_as_long_up_to_an_hour(client, anonymous, owner):
    person = await joined(client)
    waits = []
    for _ in range(5):
        await login(anonymous, person.email)
    for _ in range(8):
        waits.append(int((await login(anonymous, person.email)).headers["retry-after"]))
        past = "now() - interval '1 second'"
        await owner.execute(f"UPDATE login_attempts SET locked_until = {past}")
        assert (await login(anonymous, person.email)).status_code == 401
    expected = [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert all(abs(wait - lock) <= 2 for wait, lock in zip(waits, expected, strict=True)), waits


async def test_success_and_quiet_begin_anew(client, anonymous, owner):
    person = await joined(client)
    for _ in range(4):
        await login(anonymous, person.email)
    assert (await login(anonymous, person.email, PASSWORD)).status_code == 200
    for _ in range(4):
        assert (await login(anonymous, person.email)).status_code == 401
    await owner.execute(
        "UPDATE login_attempts SET failed_at = now() - interval '16 minutes', locked_until = NULL"
    )
    answers = [(await login(anonymous, person.email)).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]


async def test_twenty_failures_lock_an_address(client, anonymous):
    answers = [(await login(anonymous, new_address())).status_code for _ in range(21)]
    assert answers == [401] * 20 + [429]
    person = await joined(client)
    problem(await login(anonymous, person.email, PASSWORD), 429)


async def test_an_account_of_ones_own_gives_no_more_tries(client, anonymous):
    person = await joined(client)
    answers = []
    for _ in range(25):
        answers.append((await login(anonymous, new_address())).status_code)
        await login(anonymous, person.email, PASSWORD)
    assert answers.count(401) <= 20


async def test_a_lock_is_told_without_personal_data(client, anonymous):
    person = await joined(client)
    for _ in range(6):
        await login(anonymous, person.email)
    (event,) = await client.told(person.user_id, 1, types="user.login_blocked")
    assert event["data"] == {"failures": 5}
    assert event["actor"] == {"kind": "system", "id": None}


async def test_both_ways_do_the_same_work(app, client, anonymous, statements):
    """So that neither what is answered nor how long it takes tells who has an account."""
    person = await joined(client)
    seen = []
    for email in (person.email, new_address()):
        # Those concerned are told later, of failures before this test as well; none waits for it.
        await app.state.services.accounts.logins.told()
        async with statements() as recorded:
            assert (await login(anonymous, email)).status_code == 401
        seen.append(recorded.work)
    assert seen[0]
    assert seen[0] == seen[1]


async def test_names_tell_no_addresses(client, anonymous, owner):
    email = new_address()
    await login(anonymous, email)
    text = await owner.fetchval("SELECT string_agg(t::text, '') FROM login_attempts t")
    assert email not in text
    assert "127.0.0.1" not in text


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        (None, "unknown", True),
        ("testclient", "testclient", True),
    ],
)
def test_addresses_of_one_party(one, other, same):
    assert (network_of(one) == network_of(other)) is same


async def test_what_locks_nobody_is_removed(database, owner):
    made = Attempts(database)
    for name in ("old", "new"):
        await made.count(made.account(name))
    old = made.account("old").name
    await owner.execute(
        "UPDATE login_attempts SET failed_at = now() - interval '1 day' WHERE subject = $1", old
    )
    await made.purge()
    left = [row[0] for row in await owner.fetch("SELECT subject FROM login_attempts")]
    assert left == [made.account("new").name]
    assert attempts.FREE_BY_ACCOUNT < attempts.FREE_BY_ADDRESS


@pytest.fixture
def comparisons(monkeypatch):
    """How many hashes were compared."""
    seen = []
    real = PASSWORDS._verify

    def counted(stored, password):
        seen.append(stored)
        return real(stored, password)

    monkeypatch.setattr(PASSWORDS, "_verify", counted)
    return seen


def claim(email):
    return {"email": email, "password": "not the password of anybody"}


async def test_unknown_addresses_cost_what_wrong_passwords_cost(
    anonymous, owner, person, comparisons
):
    """The same work, so the same time: counted, and measured as processor time."""

    async def spent(email):
        await owner.execute("DELETE FROM login_attempts")
        begun, before = time.process_time(), len(comparisons)
        problem(await anonymous.post("/v1/auth/login", json=claim(email)), 401, "wrong_credentials")
        assert len(comparisons) == before + 1
        return time.process_time() - begun

    known, unknown = [], []
    for _ in range(15):
        # In turns, so that whatever else the machine does falls on both.
        known.append(await spent(person.email))
        unknown.append(await spent(new_address()))
    assert 0.5 < median(known) / median(unknown) < 2, (known, unknown)


async def test_accounts_without_a_password_cost_the_same(anonymous, owner, person, comparisons):
    await owner.execute("UPDATE accounts SET password_hash = NULL WHERE email = $1", person.email)
    answer = await anonymous.post("/v1/auth/login", json=claim(person.email))
    problem(answer, 401, "wrong_credentials")
    assert len(comparisons) == 1
