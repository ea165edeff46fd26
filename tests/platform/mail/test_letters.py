"""Invitations and resets arrive, in the language of whom they are for, after the commit alone."""

from functools import partial

import pytest

from crm_api.platform.mail.rendering import LANGUAGES, exists, rendered
from support.clients import problem
from support.letters import letters_to, token_in
from support.people import invited, joined, new_address

TEMPLATES = ("invitation", "password-reset", "email-change")
VALUES = {"token": "crm_x", "until": "2026-01-01 10:00", "organization": "Example", "link": None}


@pytest.fixture(autouse=True)
async def no_attempts(owner):
    await owner.execute("DELETE FROM login_attempts")
    yield
    await owner.execute("DELETE FROM login_attempts")


@pytest.fixture
def letters(settings):
    """`await letters(address, count)`: what has arrived there, once it is so much."""
    return partial(letters_to, settings.mail_outbox)


def test_every_letter_is_there_in_every_language():
    for template in TEMPLATES:
        assert exists(template)
        texts = {rendered(template, language, VALUES) for language in LANGUAGES}
        assert len(texts) == len(LANGUAGES)
        for subject, text in texts:
            assert subject
            assert "crm_x" in text
            linked = rendered(template, "en", {**VALUES, "link": "https://example.com/#token=x"})
            assert "crm_x" not in linked[1]
    assert rendered("invitation", "fr", VALUES) == rendered("invitation", "en", VALUES)
    assert rendered("invitation", "de-AT", VALUES) == rendered("invitation", "de", VALUES)


async def test_an_invitation_arrives_and_is_accepted(client, anonymous, worker, letters):
    body = {"name": "Sample Member", "email": new_address(), "language": "de"}
    user = await client.made("users", body)
    answer = await client.post(f"/v1/users/{user['id']}/invite", params={"dry_run": "true"})
    assert answer.status_code == 200
    answer = await client.post(f"/v1/users/{user['id']}/invite")
    (letter,) = await letters(user["email"], 1)
    assert letter["subject"] == "Einladung zu Example"
    assert "https://crm.example.com/pages/invitation#token=" in letter.get_content()
    assert token_in(letter) == answer.json()["token"]
    body = {"token": token_in(letter), "password": "plainly an example of 2026"}
    assert (await anonymous.post("/v1/auth/accept-invitation", json=body)).status_code == 200


async def test_tokens_are_sealed_in_the_queue(client, owner, org):
    _, token = await invited(client)
    rows = await owner.fetch("SELECT args::text FROM jobs WHERE organization_id = $1", org.id)
    (stored,) = [row["args"] for row in rows if "invitation" in row["args"]]
    assert token not in stored
    assert token.rpartition("_")[2] not in stored
    assert '"v1.' in stored


async def test_who_forgets_a_password_is_sent_a_token(client, anonymous, worker, letters):
    person = await joined(client)
    await letters(person.email, 1)
    answer = await anonymous.post("/v1/auth/forgot-password", json={"email": person.email.upper()})
    assert answer.status_code == 204, answer.text
    found = await letters(person.email, 2)
    (letter,) = [letter for letter in found if "password" in letter["subject"]]
    body = {"token": token_in(letter), "new_password": "another plain example of 2026"}
    assert (await anonymous.post("/v1/auth/reset-password", json=body)).status_code == 204
    answer = await anonymous.post("/v1/auth/reset-password", json=body)
    problem(answer, 422)


async def test_who_left_everywhere_is_written_to_by_who_invites_them(
    client, anonymous, worker, letters
):
    former = await joined(client)
    assert (await client.delete(f"/v1/users/{former.user_id}")).status_code == 204
    _, token = await invited(client, former.email)
    ask = partial(anonymous.post, "/v1/auth/forgot-password")
    for more in ({}, {"invitation": "nonsense"}, {"invitation": (await invited(client))[1]}):
        assert (await ask(json={"email": former.email, **more})).status_code == 204
    assert (await ask(json={"email": former.email, "invitation": token})).status_code == 204
    found = await letters(former.email, 3)
    (letter,) = [letter for letter in found if "password" in letter["subject"]]
    new = "another plain example of 2026"
    body = {"token": token_in(letter), "new_password": new}
    assert (await anonymous.post("/v1/auth/reset-password", json=body)).status_code == 204
    body = {"token": token, "password": new}
    assert (await anonymous.post("/v1/auth/accept-invitation", json=body)).status_code == 200


async def test_nobody_learns_whether_an_address_is_known(client, anonymous, owner, app, org):
    person = await joined(client)
    known, unknown = [
        await anonymous.post("/v1/auth/forgot-password", json={"email": email})
        for email in (person.email, new_address())
    ]
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    for email in (person.email, new_address()):
        await owner.execute("DELETE FROM login_attempts")
        codes = [
            (await anonymous.post("/v1/auth/forgot-password", json={"email": email})).status_code
            for _ in range(7)
        ]
        assert codes == [204] * 5 + [429] * 2
