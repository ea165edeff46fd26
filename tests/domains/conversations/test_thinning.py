"""Mail that is large: read in one pass, with little in memory, and its files whole."""

import tracemalloc
from base64 import b64encode, encodebytes
from email import message_from_bytes
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import default
from hashlib import sha256
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_api.domains.conversations.parsing import LONGEST_TEXT, read
from crm_api.domains.conversations.thinning import thinned
from support.mails import mail

MEGABYTE = 1_000_000


def built(head, body):
    return b"From: sample@example.org\r\n" + head + b"\r\n\r\n" + body


def contents(raw):
    """The files of a mail as they are read from it."""
    file = BytesIO(raw)
    return [b"".join(piece.blocks(file)) for piece in read(file, "digest").pieces]


def test_fifty_megabytes_are_read_in_a_few(tmp_path):
    content = bytes(range(256)) * 195_313
    whole = tmp_path / "mail"
    with whole.open("wb") as file:
        file.write(
            b"From: sample@example.org\r\nContent-Type: multipart/mixed; boundary=edge\r\n\r\n"
            b"--edge\r\n\r\nSee the file.\r\n--edge\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n"
        )
        file.write(encodebytes(content))
        file.write(b"\r\n--edge--\r\n")
    digest = sha256()
    tracemalloc.start()
    with whole.open("rb") as file:
        found = read(file, "digest")
        (piece,) = found.pieces
        for block in piece.blocks(file):
            digest.update(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert whole.stat().st_size > 65 * MEGABYTE
    assert found.body == "See the file."
    assert digest.hexdigest() == sha256(content).hexdigest()
    assert peak < 5 * MEGABYTE


HUGE = {
    "a header": built(b"X-Long: " + b"a" * 20 * MEGABYTE, b"Some text"),
    "headers": built((b"X-Long: " + b"a" * 200 + b"\r\n") * 60_000, b"Some text"),
    "a text": built(b"Subject: a", b"Some text " * 2 * MEGABYTE),
    "a line of marks": built(b"Content-Transfer-Encoding: quoted-printable", b"=" * 20 * MEGABYTE),
    "parts": built(
        b"Content-Type: multipart/mixed; boundary=e",
        (b"--e\r\n\r\n" + b"Some text " * 20 + b"\r\n") * 60_000,
    ),
    "texts": built(
        b"Content-Type: multipart/mixed; boundary=e",
        b"".join(b"--e\r\n\r\n" + b"Some text " * 100_000 + b"\r\n" for _ in range(25)),
    ),
    "no edges": built(
        b"Content-Type: multipart/mixed; boundary=e", (b"Some text " * 20 + b"\r\n") * 60_000
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_whatever_is_huge_is_cut_told_and_small_in_memory(name):
    file = BytesIO(HUGE[name])
    tracemalloc.start()
    found = read(file, "digest")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(HUGE[name]) > 10 * MEGABYTE
    assert peak < 60 * MEGABYTE
    assert len(found.body) <= LONGEST_TEXT
    assert {"too_many_parts", "text_cut"} & {note.code for note in found.notes}


@given(
    st.lists(
        st.tuples(st.binary(max_size=3_000), st.sampled_from(["base64", "quoted-printable"])),
        max_size=4,
    ),
    st.booleans(),
)
def test_files_are_what_the_library_reads(files, is_nested):
    made = MIMEMultipart()
    made.attach(MIMEText("Some text"))
    for content, encoding in files:
        part = MIMEApplication(content)
        if encoding == "quoted-printable":
            part.replace_header("Content-Transfer-Encoding", encoding)
            encoded = "".join(f"={byte:02X}" for byte in content)
            part.set_payload("=\n".join(encoded[n : n + 72] for n in range(0, len(encoded), 72)))
        made.attach(part)
    if is_nested:
        outer = MIMEMultipart("mixed")
        outer.attach(made)
        made = outer
    assert contents(made.as_bytes()) == [content for content, _ in files]
    assert contents(made.as_bytes().replace(b"\n", b"\r\n")) == [content for content, _ in files]


CUNNING = {
    "an edge within a nested mail": (
        (
            b"--edge\r\nContent-Type: message/rfc822\r\n\r\n"
            b"Subject: Inner\r\nContent-Type: multipart/mixed; boundary=inner\r\n\r\n"
            b"--inner\r\n\r\nOne\r\n--inner--"
        ),
        (
            b"Subject: Inner\r\nContent-Type: multipart/mixed; boundary=inner\r\n\r\n"
            b"--inner\r\n\r\nOne\r\n--inner--"
        ),
    ),
    "a nested mail in base64": (
        b"--edge\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b64encode(b"Subject: Inner\r\n\r\nOne"),
        b"Subject: Inner\r\n\r\nOne",
    ),
    "base64 that goes on after its end": (
        (
            b"--edge\r\nContent-Type: application/x-a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            b"T25l\r\n!!IA==\r\nVHdv\r\n"
        ),
        b"One ",
    ),
    "base64 with a piece missing": (
        (
            b"--edge\r\nContent-Type: application/x-a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            b"T25lI\r\n"
        ),
        b"One",
    ),
    "uuencode": (
        (
            b"--edge\r\nContent-Type: application/x-a\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n"
            b"begin 644 a\r\n#3VYE\r\n`\r\nend\r\n"
        ),
        b"One",
    ),
    "no encoding": (
        b"--edge\r\nContent-Type: application/x-a\r\n\r\nOne\r\n--other\r\nTwo",
        b"One\r\n--other\r\nTwo",
    ),
    "a header that is none": (
        b"--edge\r\nContent-Type: application/x-a\r\nno header\r\nOne",
        b"no header\r\nOne",
    ),
    "nothing": (b"--edge\r\nContent-Type: application/x-a\r\n", b""),
}


@pytest.mark.parametrize("name", CUNNING)
def test_files_end_where_they_end(name):
    part, expected = CUNNING[name]
    whole = part + b"\r\n--edge--\r\n"
    raw = built(b"Content-Type: multipart/mixed; boundary=edge", whole)
    assert b"".join(contents(raw)) == expected


@example([b"--e", b"\r"])
@example([b"--e", b"\r", b"\r\n"])
@example([b"--e", b"\r\n", b"a: b", b"\r", b"\r\n"])
@given(
    st.lists(st.sampled_from([b"--e", b"--e--", b"\r\n", b"a: b", b" x", b"text", b"\n", b"\r"]))
)
def test_the_texts_are_those_of_the_library(pieces):
    raw = built(b"Content-Type: multipart/mixed; boundary=e", b"\r\n" + b"".join(pieces))
    known = message_from_bytes(raw, policy=default)
    found = thinned(BytesIO(raw)).message
    assert [part.get_payload() for part in _leaves(found)] == [
        part.get_payload() for part in _leaves(known)
    ]


def _leaves(message):
    return [part for part in message.walk() if not part.is_multipart()]


def test_a_mail_that_is_a_file_alone():
    raw = mail("Some bytes", Content_Type="application/pdf")
    assert contents(raw) == [b"Some bytes"]
