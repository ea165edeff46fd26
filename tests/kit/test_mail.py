"""Letters leave by SMTP or as files, as they should look."""

import asyncio
import stat
from email import message_from_bytes, policy

import pytest

from crm_api.kit.errors import CrmError, Unavailable
from crm_api.kit.mail import (
    FileMailer,
    Letter,
    NoMailer,
    SmtpMailer,
    Unsure,
    message_of,
    new_mailer,
)

LETTER = Letter("one", "member@example.com", "Приглашение", "Guten Tag,\nein Brief.\n")


def read(raw):
    return message_from_bytes(raw, policy=policy.default)


def test_a_letter_looks_as_it_should():
    made = read(message_of(LETTER, "CRM <crm@example.org>").as_bytes())
    assert (made["to"], made["from"]) == ("member@example.com", "CRM <crm@example.org>")
    assert made["subject"] == "Приглашение"
    assert made["message-id"] == "<one@example.org>"
    assert made["auto-submitted"] == "auto-generated"
    assert made.get_content() == LETTER.text


def test_a_subject_makes_no_headers():
    wrong = Letter("one", "member@example.com", "Hello\r\nBcc: all@example.com", "text")
    made = read(message_of(wrong, "crm@example.org").as_bytes())
    assert made["bcc"] is None
    assert made["subject"] == "Hello Bcc: all@example.com"
    with pytest.raises(ValueError, match=r"."):
        message_of(Letter("one", "a@example.com\nBcc: b@example.com", "x", "y"), "c@example.org")


async def test_files_are_for_their_owner(tmp_path):
    mailer = new_mailer(None, tmp_path / "outbox", "crm@example.org")
    assert isinstance(mailer, FileMailer)
    for _ in range(2):
        assert await mailer.send(LETTER)
    (file,) = (tmp_path / "outbox").iterdir()
    assert file.name == "one.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read(file.read_bytes()).get_content() == LETTER.text


async def test_without_a_way_none_leaves():
    mailer = new_mailer(None, None, "crm@example.org")
    assert isinstance(mailer, NoMailer)
    assert not await mailer.send(LETTER)


HANGS_UP = "hangs up"


@pytest.fixture
async def server():
    """A mail server that says what a test wants, and keeps what it was told."""
    said = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", ".": "250 taken"}
    heard = []

    async def serve(reader, writer):
        def say(text):
            if text == HANGS_UP:
                writer.close()
            else:
                writer.write(f"{text}\r\n".encode())

        say(said.get("greets", "220 ready"))
        body = None
        while not writer.is_closing() and (line := await reader.readline()):
            text = line.decode().rstrip("\r\n")
            if body is not None:
                if text != ".":
                    body.append(text)
                    continue
                heard.append("\r\n".join(body))
                body = None
                say(said["."])
                continue
            verb = text.split(" ")[0].upper()
            heard.append(text)
            if verb == "DATA":
                body = []
            say({"QUIT": "221 bye", "RSET": "250 ok"}.get(verb) or said.get(verb, "250 host"))
            if verb == "QUIT":
                break
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield f"smtp://127.0.0.1:{port}", said, heard


async def test_a_server_takes_a_letter(server):
    url, _, heard = server
    assert await SmtpMailer(url, "crm@example.org").send(LETTER)
    assert any("RCPT TO:<member@example.com>" in line for line in heard)
    made = read(next(line for line in heard if "Message-ID" in line).encode())
    assert made["subject"] == "Приглашение"


@pytest.mark.parametrize(
    ("verb", "answer", "code"),
    [
        ("RCPT", "550 no such mailbox", "letter_refused"),
        ("RCPT", "451 later", "mail_unavailable"),
        ("MAIL", "421 busy", "mail_unavailable"),
        (".", "554 spam", "letter_refused"),
    ],
)
async def test_what_a_server_refuses_is_tried_again_or_not(server, verb, answer, code):
    url, said, _ = server
    said[verb] = answer
    with pytest.raises(CrmError) as caught:
        await SmtpMailer(url, "crm@example.org").send(LETTER)
    assert caught.value.own_code == code
    assert isinstance(caught.value, Unavailable) == (code == "mail_unavailable")
    # What a server says may name people and passwords.
    assert "mailbox" not in caught.value.detail


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("greets", HANGS_UP),
        ("greets", "554 not now"),
        ("EHLO", HANGS_UP),
        ("MAIL", HANGS_UP),
        ("RCPT", HANGS_UP),
        ("DATA", HANGS_UP),
        (".", "451 later"),
    ],
)
async def test_what_a_server_never_had_is_tried_again(server, verb, answer):
    url, said, _ = server
    said[verb] = answer
    with pytest.raises(Unavailable) as caught:
        await SmtpMailer(url, "crm@example.org").send(LETTER)
    assert not isinstance(caught.value, Unsure)


@pytest.mark.parametrize("answer", [HANGS_UP, "no answer of a mail server"])
async def test_what_a_server_had_is_never_sent_again(server, answer):
    url, said, _ = server
    said["."] = answer
    with pytest.raises(Unsure):
        await SmtpMailer(url, "crm@example.org").send(LETTER)


@pytest.mark.parametrize("place", ["127.1", "member:secret@127.0.0.1"])
async def test_a_server_that_offers_no_way_in_is_tried_again(server, place):
    """No encryption, which only one known to be on this machine needs not have, or no login."""
    url, _, heard = server
    with pytest.raises(Unavailable) as caught:
        await SmtpMailer(url.replace("127.0.0.1", place), "crm@example.org").send(LETTER)
    assert not isinstance(caught.value, Unsure)
    assert heard
    assert not any(line.startswith("MAIL") for line in heard)


async def test_a_server_that_is_away_is_tried_again():
    with pytest.raises(Unavailable):
        await SmtpMailer("smtp://127.0.0.1:9", "crm@example.org").send(LETTER)


async def test_links_in_headers_stay_whole(server):
    link = f"<https://crm.example.com/public/unsubscribe/{'x' * 120}>"
    letter = Letter(
        "one", "a@example.com", "Hi", "Привет", "<p>Привет</p>", {"List-Unsubscribe": link}
    )
    made = message_of(letter, "crm@example.org")
    raw = made.as_bytes()
    assert f"List-Unsubscribe: {link}\n".encode() in raw
    url, _, heard = server
    assert await SmtpMailer(url, "CRM <crm@example.org>").send(letter)
    assert any("MAIL FROM:<crm@example.org>" in line for line in heard)
    sent = next(line for line in heard if "Message-ID" in line)
    assert f"List-Unsubscribe: {link}\r\n" in sent
    assert sent.isascii()
    found = read(sent.encode())
    assert found.get_body(("plain",)).get_content().strip() == "Привет"
    assert found.get_body(("html",)).get_content().strip() == "<p>Привет</p>"
