"""Many letters leave over connections that are kept; one that is dropped was never sent."""

import asyncio
from email import message_from_bytes, policy

import pytest

from crm_api.kit.composing import composed
from crm_api.kit.errors import Unavailable
from crm_api.kit.mail import Letter
from crm_api.kit.relaying import FileRelay, NoRelay, SmtpRelay, new_relay
from crm_api.kit.smtp import LetterRefused, NotEnded
from support.mailings import sink

LETTER = Letter("one", "member@example.com", "Hello", "Some text\n.dot\n", message_id="one@x")


def read(raw):
    return message_from_bytes(raw, policy=policy.default)


async def leave(relay, letter):
    begun = await relay.begin(letter)
    begun.end()
    await begun.taken()


def test_a_composed_letter_reads_as_it_was_written():
    letter = Letter(
        "id",
        "Jörg <member@example.com>",
        "Приглашение " * 10,
        "Grüße,\nein Brief\n",
        html="<p>Grüße " + "lang " * 400 + "</p>",
        headers={"List-Unsubscribe": "<https://example.com/a>"},
        sender='"Ärger, GmbH" <news@example.com>',
    )
    made = read(composed(letter, "crm@example.org"))
    assert not made.defects
    assert made["subject"].strip() == letter.subject.strip()
    assert made["to"].addresses[0].display_name == "Jörg"
    assert made["from"].addresses[0].display_name == "Ärger, GmbH"
    assert made["message-id"] == "<id@example.org>"
    assert made["list-unsubscribe"] == "<https://example.com/a>"
    text, html = made.iter_parts()
    assert not text.defects
    assert text.get_content().replace("\r\n", "\n") == letter.text
    assert html.get_content().strip() == letter.html
    assert max(map(len, composed(letter, "crm@example.org").split(b"\r\n"))) < 998


@pytest.mark.parametrize("name", ["to", "sender"])
def test_no_header_makes_another(name):
    given = {"to": "a@example.com", "sender": "b@example.com", name: "a@example.com\nBcc: c@d"}
    with pytest.raises(ValueError, match="one line"):
        composed(Letter("id", given["to"], "Hi", "text", sender=given["sender"]), "c@example.org")


async def test_connections_are_kept_and_letters_come_whole():
    async with sink() as server:
        relay = SmtpRelay(server.url, "crm@example.org", 2)

        async def send(number):
            letter = Letter(
                str(number), "a@example.com", "Hi", "One\n.two\n", message_id=f"{number}@x"
            )
            await leave(relay, letter)

        await asyncio.gather(*(send(n) for n in range(20)))
        assert len(server.ids) == 20
        assert len(relay._idle) == 2
        assert "\r\n..two\r\n" in server.taken[0]
        await relay.close()


async def test_what_is_dropped_was_never_sent():
    async with sink() as server:
        relay = SmtpRelay(server.url, "crm@example.org", 1)
        await (await relay.begin(LETTER)).drop()
        await leave(relay, LETTER)
        assert server.ids == {"one@x": 1}
        await relay.close()


async def test_a_refusal_keeps_the_connection():
    async with sink() as server:
        server.refuses = {"gone": "550 5.1.1 no such user", "odd": "550 5.7.1 rule"}
        relay = SmtpRelay(server.url, "crm@example.org", 1)
        for to, is_unknown in (("gone@example.com", True), ("odd@example.com", False)):
            with pytest.raises(LetterRefused) as raised:
                await relay.begin(Letter("a", to, "Hi", "text"))
            assert raised.value.is_unknown_address == is_unknown
            assert raised.value.is_lasting
        await leave(relay, LETTER)
        assert len(server.taken) == 1
        await relay.close()


async def test_a_server_that_is_away_can_be_tried_again():
    async with sink() as server:
        url = server.url
    relay = new_relay(url, None, "crm@example.org", 1)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await relay.begin(LETTER)


async def test_files_are_written_at_the_end_alone(tmp_path):
    relay = new_relay(None, tmp_path, "crm@example.org", 1)
    assert isinstance(relay, FileRelay)
    begun = await relay.begin(LETTER)
    assert list(tmp_path.iterdir()) == []
    begun.end()
    await begun.taken()
    assert [one.name for one in tmp_path.iterdir()] == ["one.eml"]
    assert isinstance(new_relay(None, None, "x@y", 1), NoRelay)


async def test_an_end_that_could_not_be_sent_is_told_from_one_that_nobody_answered():
    async with sink() as server:
        relay = SmtpRelay(server.url, "crm@example.org", 1)
        begun = await relay.begin(LETTER)
        begun.line._client.close()
        await asyncio.sleep(0.05)
        begun.end()
        with pytest.raises(NotEnded):
            await begun.taken()
        server.hangs_up = True
        begun = await relay.begin(LETTER)
        begun.end()
        with pytest.raises(Unavailable) as raised:
            await begun.taken()
        assert not isinstance(raised.value, NotEnded)
        assert server.ids == {"one@x": 1}
        await relay.close()


async def test_long_letters_have_left_before_their_end():
    async with sink() as server:
        relay = SmtpRelay(server.url, "crm@example.org", 1)
        await leave(relay, Letter("a", "a@example.com", "Hi", "A line of text.\n" * 200_000))
        assert len(server.taken[0]) > 3_000_000
        await relay.close()
