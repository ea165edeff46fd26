"""Mails as they come in: written by hand, so that they may be as wrong as they like."""

from base64 import b64encode
from typing import Any

from support.clients import Api
from support.waiting import patiently

SUPPORT = "support@example.com"


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
