"""Mails as they come in: written by hand, so that they may be as wrong as they like."""

from base64 import b64encode
from typing import Any

from support.clients import Api
from support.waiting import patiently

SUPPORT = "support@example.com"
PARTS = "multipart/mixed; boundary=edge"


def mail(
    body: str = "It stands still.",
    *,
    sender: str = "Sample Person <sample@example.org>",
    to: str = SUPPORT,
    subject: str | None = "The display stays dark",
    id: str | None = "first@example.org",
    **headers: str,
) -> bytes:
    """A plain mail; further headers by their names with underscores."""
    lines = [f"From: {sender}", f"To: {to}", "Date: Tue, 05 Jan 2027 10:00:00 +0100"]
    if subject is not None:
        lines.append(f"Subject: {subject}")
    if id is not None:
        lines.append(f"Message-ID: <{id}>")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def with_files(*files: tuple[str, bytes], body: str = "See the files.") -> bytes:
    """A mail with files."""
    parts = [f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}"]
    for name, content in files:
        encoded = b64encode(content).decode()
        lines = "\r\n".join(encoded[n : n + 76] for n in range(0, len(encoded), 76))
        parts.append(
            f'Content-Type: application/octet-stream; name="{name}"\r\n'
            f'Content-Disposition: attachment; filename="{name}"\r\n'
            f"Content-Transfer-Encoding: base64\r\n\r\n{lines}"
        )
    text = "".join(f"--edge\r\n{part}\r\n" for part in parts) + "--edge--\r\n"
    kind = 'multipart/mixed; boundary="edge"'
    return mail(text, id="files@example.org", MIME_Version="1.0", Content_Type=kind)


def built(headers: bytes, body: bytes) -> bytes:
    """A mail with other headers."""
    return (
        b"From: sample@example.org\r\nMessage-ID: <a@example.org>\r\n"
        + headers
        + b"\r\n\r\n"
        + body
    )


NASTY: dict[str, tuple[bytes, set[str]]] = {
    "no boundary": (built(b"Content-Type: multipart/mixed", b"Some text"), {"broken_mime"}),
    "never closed": (
        mail("--edge\r\n\r\nSome text", Content_Type=PARTS),
        {"broken_mime"},
    ),
    "unknown charset": (
        built(b"Content-Type: text/plain; charset=klingon", b"Some text"),
        {"wrong_charset"},
    ),
    "wrong charset": (
        built(b"Content-Type: text/plain; charset=utf-8", "Some text für".encode("latin-1")),
        {"wrong_charset"},
    ),
    "charset that decodes no text": (
        built(b"Content-Type: text/plain; charset=base64", b"Some text"),
        {"wrong_charset"},
    ),
    "no ids, no date": (b"From: sample@example.org\r\n\r\nSome text", {"no_message_id", "no_date"}),
    "no headers": (b"\r\nSome text", {"no_sender"}),
    "broken base64": (
        built(b"Content-Transfer-Encoding: base64", b"U29tZSB0ZXh0="),
        {"no_date"},
    ),
    "html alone": (
        built(b"Content-Type: text/html", b"<p>Some <b>text</b><script>alert(1)</script>"),
        {"html_only"},
    ),
    "nul bytes": (built(b"Subject: a\x00b", b"Some text\x00"), set()),
    "two senders": (
        b"From: a@example.org, b@example.org\r\n\r\nSome text",
        {"several_senders"},
    ),
    "header twice": (built(b"Subject: a\r\nSubject: b", b"Some text"), {"header_twice"}),
    "impossible date": (built(b"Date: Tue, 99 Foo 20999 99:99", b"Some text"), {"no_date"}),
    "a far date": (built(b"Date: Tue, 05 Jan 9999 23:59:00 -2359", b"Some text"), {"no_date"}),
}


"""Mails as they should not be, each with the codes of what is told of it."""


async def take(api: Api, raw: bytes, status: int = 201, **params: Any) -> dict[str, Any]:
    """What became of a mail."""
    headers = {"Content-Type": "message/rfc822"}
    answer = await api.post("/v1/inbox/email", content=raw, headers=headers, params=params)
    assert answer.status_code == status, answer.text
    return answer.json()


async def channel(api: Api, **more: Any) -> dict[str, Any]:
    """A channel of mail."""
    return await api.made("channels", {"name": "Support", "addresses": [SUPPORT], **more})


async def ended(api: Api, message: dict[str, Any], status: str) -> dict[str, Any]:
    """A message, once it is in a state; takes a worker."""
    found: dict[str, Any] = {}
    async for _ in patiently():
        found = await api.read(f"messages/{message['id']}")
        if found["status"] == status:
            return found
    raise AssertionError(found)


async def reply(
    api: Api, receipt: dict[str, Any], status: int = 202, **body: Any
) -> dict[str, Any]:
    """What became of an answer in the conversation of a message."""
    path = f"/v1/conversations/{receipt['conversation_id']}/reply"
    answer = await api.post(path, json={"body": "We send another one.", **body})
    assert answer.status_code == status, answer.text
    return answer.json()
